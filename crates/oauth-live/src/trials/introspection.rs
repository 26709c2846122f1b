//! What the server tells about tokens (RFC 7662).

use chrono::{TimeDelta, Utc};
use oauth_contract::{Outcome, Suite};
use oauth_core::client_auth::ClientAuth;
use oauth_core::oauth_client::{OAuthClient, TokenHint};
use oauth_core::secret::{Secret, SecretRef};

use crate::expect::{equal, invalid_client, some, that};
use crate::random;
use crate::registration::client_credentials::{ASKED_ABOUT, CURIOUS, INTROSPECTING};
use crate::registration::{ITEMS, RESOURCE_SERVER};
use crate::trials::bearing::grant;
use crate::world::World;

pub(super) fn suite() -> Suite {
    Suite::own("live/oidc-provider/introspection")
        .trial("an_active_token_is_told_with_client_scopes_and_end", active)
        .trial("a_token_that_was_never_issued_is_not_active", never_issued)
        .trial(
            "a_client_is_told_nothing_about_the_tokens_of_others",
            curious,
        )
        .trial("a_wrong_secret_is_invalid_client", wrong_secret)
}

async fn active() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let granted = world.client(&env, &ASKED_ABOUT)?.token(grant()?).await?;
    let lifetime = some("its lifetime", granted.lifetime)?;
    let asking = world.client(&env, &RESOURCE_SERVER)?;
    // a wrong hint makes the server look in the wrong place first, no more (RFC 7662 2.1)
    for hint in [
        None,
        Some(TokenHint::AccessToken),
        Some(TokenHint::RefreshToken),
    ] {
        let told = asking.introspect(&granted.access_token, hint).await?;
        let told = some("what is told", told)?;
        equal(
            "the client",
            Some(ASKED_ABOUT.id),
            told.client_id.as_deref(),
        )?;
        equal("the scopes", ITEMS, told.scopes.to_string().as_str())?;
        equal("the type", Some("Bearer"), told.token_type.as_deref())?;
        equal("the issuer", Some(world.issuer()), told.issuer.as_deref())?;
        let left = some("its end", told.expires_at)? - Utc::now();
        let expected = TimeDelta::seconds(lifetime.as_secs().try_into().unwrap_or_default());
        let off = (left - expected).abs();
        that(off < TimeDelta::seconds(30), || {
            format!("{left} are left of {expected}")
        })?;
    }
    Ok(())
}

async fn never_issued() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let asking = world.client(&env, &RESOURCE_SERVER)?;
    let told = asking
        .introspect(&Secret::new(random::text()), None)
        .await?;
    equal("what is told", None, told)
}

async fn curious() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let own = world.client(&env, &CURIOUS)?;
    let (theirs, ours) = (
        world.client(&env, &RESOURCE_SERVER)?,
        own.token(grant()?).await?,
    );
    let other = world.client(&env, &INTROSPECTING)?.token(grant()?).await?;
    let told = own.introspect(&other.access_token, None).await?;
    equal("about another's token", None, told)?;
    let told = own.introspect(&ours.access_token, None).await?;
    some("about its own", told)?;
    some(
        "to the API",
        theirs.introspect(&other.access_token, None).await?,
    )?;
    Ok(())
}

async fn wrong_secret() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let wrong = SecretRef::given(Secret::new(random::text()));
    let auth = ClientAuth::secret_post(&env, RESOURCE_SERVER.id, wrong)?;
    let asking = OAuthClient::new(&env, world.server(&env)?, auth)?;
    let token = Secret::new(random::text());
    invalid_client("the call", asking.introspect(&token, None).await)
}
