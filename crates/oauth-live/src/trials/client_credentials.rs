//! The client credentials grant (RFC 6749 4.4), with every method that a client can prove who it is by;
//! certificates have trials of their own.

use std::sync::Arc;

use oauth_contract::{Outcome, Suite};
use oauth_core::client_auth::Audience;
use oauth_core::oauth_client::OAuthClient;
use oauth_core::signing_key::Algorithm;
use oauth_core::source::TokenSource as _;

use crate::expect::{equal, invalid_client, some, that};
use crate::registration::client_credentials::{
    BASIC, BY_ES384, BY_RS384, CROWD, FOR_ISSUER, HASH, POST, ROTATED,
};
use crate::registration::{Client, ITEMS, new_key};
use crate::trials::bearing::{api, grant, read, renewing};
use crate::world::{World, clock, outlive};

pub(super) fn suite() -> Suite {
    Suite::own("live/oidc-provider/client_credentials")
        .trial("basic_carries_a_secret_of_every_kind_of_character", || {
            opens_the_api(&BASIC)
        })
        .trial("post_carries_a_secret_of_every_kind_of_character", || {
            opens_the_api(&POST)
        })
        .trial(
            "client_secret_jwt_brings_a_token_that_the_api_takes",
            || opens_the_api(&HASH),
        )
        .trial(
            "private_key_jwt_by_rs384_brings_a_token_that_the_api_takes",
            || opens_the_api(&BY_RS384),
        )
        .trial(
            "private_key_jwt_by_es384_brings_a_token_that_the_api_takes",
            || opens_the_api(&BY_ES384),
        )
        .trial("an_assertion_may_be_for_the_issuer", for_issuer)
        .trial("keys_at_a_jwks_uri_are_rotated_without_a_refusal", rotated)
        .trial("a_crowd_makes_one_token_request", crowd)
}

/// Asks for a token at the tap, and reads an item with it; by the method that is registered, as the
/// server holds clients to that.
async fn opens_the_api(client: &'static Client) -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let (server, auth) = (world.tapped_server(&env)?, world.client_auth(&env, client)?);
    let api = api(world, &env, renewing(&env, server, auth)?)?;
    let item = client.id.replace(": ", "-");
    equal("the answer of the API", 200, read(&api, &item).await?)?;
    let sent = world.tap().sent_by(client.id);
    equal("token requests in its name", 1, sent.len())?;
    let scopes = api.token().await?.scopes().to_string();
    equal("the scopes of the token", ITEMS, scopes.as_str())
}

/// RFC 7523 3: the issuer too names the server, where the metadata has told it.
async fn for_issuer() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let key = world.registrations().key(&FOR_ISSUER)?;
    let auth = world.signing(&env, &FOR_ISSUER, key, Audience::Issuer)?;
    let server = world.tapped_server(&env)?.with_issuer(world.issuer());
    OAuthClient::new(&env, server, auth)?
        .token(grant()?)
        .await?;
    let sent = world.tap().sent_by(FOR_ISSUER.id);
    let audience = some("a token request", sent.first())?.claims();
    let audience = audience.map(|claims| claims["aud"].clone());
    equal("the audience", Some(world.issuer().into()), audience)
}

/// Each key is published before it signs, and withdrawn when the next one does.
async fn rotated() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let keys = [
        new_key(Algorithm::ES384)?,
        new_key(Algorithm::ES384)?,
        new_key(Algorithm::ES384)?,
    ];
    let ask = async |key: usize| {
        let auth = world.signing(&env, &ROTATED, &keys[key], Audience::TokenEndpoint);
        let client = OAuthClient::new(&env, world.tapped_server(&env)?, auth?)?;
        Ok::<_, oauth_contract::Failure>(client.token(grant()?).await)
    };
    world.resource().publish(ROTATED.id, &[&keys[0]])?;
    ask(0).await??;
    for next in 1..keys.len() {
        let (former, next_key) = (&keys[next - 1], &keys[next]);
        world.resource().publish(ROTATED.id, &[former, next_key])?;
        world.let_a_minute_pass(&ROTATED).await?;
        ask(next).await??;
        ask(next - 1).await??; // whoever is slow to take the next one over
        world.resource().publish(ROTATED.id, &[next_key])?;
        world.let_a_minute_pass(&ROTATED).await?;
    }
    ask(2).await??;
    invalid_client("a key that was withdrawn", ask(0).await?)
}

/// So many want a token at once.
const MANY: usize = 300;

async fn crowd() -> Outcome {
    let world = World::here()?;
    let clock = clock();
    let env = world.env_by(&clock)?;
    let (server, auth) = (world.tapped_server(&env)?, world.client_auth(&env, &CROWD)?);
    let source = Arc::new(renewing(&env, server, auth)?);
    for flights in 1..=2 {
        let waiting: Vec<_> = (0..MANY)
            .map(|_| {
                let source = Arc::clone(&source);
                tokio::spawn(async move { source.token().await })
            })
            .collect();
        let mut tokens = Vec::new();
        for one in waiting {
            tokens.push(one.await??);
        }
        let first = tokens[0].access_token().expose();
        let same = tokens
            .iter()
            .all(|token| token.access_token().expose() == first);
        that(same, || "not all have the same token".into())?;
        let sent = world.tap().sent_by(CROWD.id);
        equal("token requests", flights, sent.len())?;
        outlive(&clock);
    }
    Ok(())
}
