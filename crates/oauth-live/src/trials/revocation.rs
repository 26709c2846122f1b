//! Giving tokens up (RFC 7009).

use oauth_contract::{Outcome, Suite};
use oauth_core::oauth_client::TokenHint;
use oauth_core::secret::Secret;

use crate::expect::equal;
use crate::random;
use crate::registration::RESOURCE_SERVER;
use crate::registration::client_credentials::{MEDDLING, REVOKING, UNKNOWING};
use crate::trials::bearing::{api, grant, read, renewing, told};
use crate::world::World;

pub(super) fn suite() -> Suite {
    Suite::own("live/oidc-provider/revocation")
        .trial(
            "a_revoked_token_is_not_active_and_the_api_refuses_it",
            revoked,
        )
        .trial("a_token_that_was_never_issued_is_no_error", never_issued)
        .trial("the_tokens_of_others_live_on", meddling)
}

async fn revoked() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let auth = world.client_auth(&env, &REVOKING)?;
    let api = api(world, &env, renewing(&env, world.server(&env)?, auth)?)?;
    equal("the answer of the API", 200, read(&api, REVOKING.id).await?)?;
    let token = api.token().await?;

    let client = world.client(&env, &REVOKING)?;
    let hint = Some(TokenHint::AccessToken);
    client.revoke(token.access_token(), hint).await?;
    let asking = world.client(&env, &RESOURCE_SERVER)?;
    let told = asking.introspect(token.access_token(), None).await?;
    equal("what is told", None, told)?;
    client.revoke(token.access_token(), hint).await?; // it is no error to do so twice

    equal("the answer of the API", 200, read(&api, REVOKING.id).await?)?;
    let statuses = world.resource().statuses(REVOKING.id);
    equal("the answers of the API", vec![200, 401, 200], statuses)
}

async fn never_issued() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let client = world.client(&env, &UNKNOWING)?;
    Ok(client.revoke(&Secret::new(random::text()), None).await?)
}

/// RFC 7009 2.1: a server revokes nothing for whom it was not issued to. This one does not say so.
async fn meddling() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let granted = world.client(&env, &UNKNOWING)?.token(grant()?).await?;
    let meddling = world.client(&env, &MEDDLING)?;
    meddling.revoke(&granted.access_token, None).await?;
    told(world, &env, &granted.access_token).await?;
    Ok(())
}
