//! What the server refuses, or does not grant, where a client asks for a token for itself.

use chrono::TimeDelta;
use oauth_contract::{Failure, Outcome, Suite};
use oauth_core::client_auth::{Audience, ClientAuth, HmacAlgorithm};
use oauth_core::env::Env;
use oauth_core::error::{Error, ErrorKind, Recovery};
use oauth_core::grant::{Grant, RefreshToken};
use oauth_core::oauth_client::OAuthClient;
use oauth_core::secret::{Secret, SecretRef};
use oauth_core::signing_key::Algorithm;
use oauth_core::source::{RenewingToken, TokenSource as _};
use oauth_core::token::Deviation;

use crate::expect::{self, equal, invalid_client, that};
use crate::login::form_encoded;
use crate::random;
use crate::registration::client_credentials::{
    ANY_ALGORITHM, HOURS_SLOW, MISTAKEN, NARROWED, OTHER_AUDIENCE, OTHER_GRANT, OTHER_METHOD,
    OVERREACHING, PUBLIC, REPLAYED, SLOW,
};
use crate::registration::{ITEMS, OTHERS, new_key};
use crate::trials::bearing::{grant, scopes};
use crate::trials::replay;
use crate::world::{World, clock};

pub(super) fn suite() -> Suite {
    Suite::own("live/oidc-provider/client_credentials")
        .trial(
            "a_wrong_secret_is_invalid_client_and_printed_nowhere",
            wrong_secret,
        )
        .trial("an_unknown_client_is_invalid_client", unknown_client)
        .trial(
            "a_method_that_is_not_the_registered_one_is_invalid_client",
            other_method,
        )
        .trial(
            "an_algorithm_that_is_not_enabled_is_invalid_client",
            other_algorithm,
        )
        .trial(
            "an_assertion_for_somebody_else_is_invalid_client",
            other_audience,
        )
        .trial("a_replayed_assertion_is_refused", replayed)
        .trial(
            "an_expired_assertion_is_made_anew_by_the_servers_clock",
            slow,
        )
        .trial(
            "a_clock_that_is_hours_slow_is_told_and_not_followed",
            hours_slow,
        )
        .trial(
            "a_scope_that_the_server_drops_in_silence_is_told_as_missing",
            narrowed,
        )
        .trial(
            "a_scope_that_is_not_the_clients_is_invalid_scope",
            overreaching,
        )
        .trial("a_grant_that_is_not_the_clients_is_refused", other_grant)
        .trial("a_public_client_gets_no_token_for_itself", public)
}

/// Fails unless the server refused with that code, and the configuration is to be mended.
fn refused<T>(what: &str, code: &str, seen: Result<T, Error>) -> Result<Error, Failure> {
    let error = expect::error(what, seen, ErrorKind::OAuth, Recovery::FixConfig)?;
    let seen = error.oauth().map(|oauth| oauth.code.clone());
    equal(what, Some(code.to_owned()), seen)?;
    Ok(error)
}

async fn wrong_secret() -> Outcome {
    let world = World::here()?;
    let wrong = format!("wr:ng {}", random::text());
    let reference = SecretRef::given(Secret::new(&*wrong));
    for auth in [ClientAuth::secret_basic, ClientAuth::secret_post] {
        let env = world.env()?;
        let auth = auth(&env, MISTAKEN.id, reference.clone())?;
        let client = OAuthClient::new(&env, world.server(&env)?, auth)?;
        let error = refused("the call", "invalid_client", client.token(grant()?).await)?;
        equal("the status", Some(401), error.status())?;
        let printed = format!("{error} {error:#} {error:?} {client:?}");
        let encoded = form_encoded(&wrong);
        let shown = [&wrong, &encoded]
            .iter()
            .any(|text| printed.contains(*text));
        that(!shown, || "the secret is printed".into())?;
    }
    Ok(())
}

async fn unknown_client() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let secret = SecretRef::given(Secret::new(random::text()));
    let auth = ClientAuth::secret_basic(&env, "nobody-knows-it", secret)?;
    let client = OAuthClient::new(&env, world.server(&env)?, auth)?;
    invalid_client("the call", client.token(grant()?).await)
}

/// It is registered for Basic: an assertion with the right secret is none of its methods.
async fn other_method() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let secret = SecretRef::given(Secret::new(world.secret(&OTHER_METHOD)));
    let (hash, audience) = (HmacAlgorithm::HS256, Audience::TokenEndpoint);
    let auth = ClientAuth::secret_jwt(&env, OTHER_METHOD.id, secret, hash, audience)?;
    let client = OAuthClient::new(&env, world.server(&env)?, auth)?;
    let seen = client.token(grant()?).await;
    let error = refused("the call", "invalid_client", seen)?;
    let names_it = error.to_string().contains("client_secret_jwt");
    that(names_it, || format!("the method is not named: {error}"))?;
    // by the registered one it is known
    world.client(&env, &OTHER_METHOD)?.token(grant()?).await?;
    Ok(())
}

/// Two keys of which the server knows both, and takes one: it lets nobody sign by ES256. Where its metadata
/// is read, that is known beforehand.
async fn other_algorithm() -> Outcome {
    let world = World::here()?;
    let (disabled, enabled) = (new_key(Algorithm::ES256)?, new_key(Algorithm::ES384)?);
    let keys = [&disabled, &enabled];
    world.resource().publish(ANY_ALGORITHM.id, &keys)?;
    let by = |env: &Env, server, key| {
        let auth = world.signing(env, &ANY_ALGORITHM, key, Audience::TokenEndpoint)?;
        Ok::<_, Failure>(OAuthClient::new(env, server, auth)?)
    };
    let env = world.env()?;
    let client = by(&env, world.server(&env)?, &disabled)?;
    let (kind, recovery) = (ErrorKind::Config, Recovery::FixConfig);
    let seen = client.token(grant()?).await;
    let error = expect::error("by the metadata", seen, kind, recovery)?;
    let names_it = error.to_string().contains("ES256");
    that(names_it, || format!("the algorithm is not named: {error}"))?;
    by(&env, world.server(&env)?, &enabled)?
        .token(grant()?)
        .await?;

    let env = world.env()?;
    let client = by(&env, world.tapped_server(&env)?, &disabled)?;
    invalid_client("without the metadata", client.token(grant()?).await)
}

/// RFC 7523 3: what is meant for another server is not taken, were it only for a slash.
async fn other_audience() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let key = world.registrations().key(&OTHER_AUDIENCE)?;
    let audience = Audience::Exact(format!("{}/", world.issuer()));
    let auth = world.signing(&env, &OTHER_AUDIENCE, key, audience)?;
    let client = OAuthClient::new(&env, world.server(&env)?, auth)?;
    invalid_client("the call", client.token(grant()?).await)
}

async fn replayed() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let client = world.tapped_client(&env, &REPLAYED)?;
    client.token(grant()?).await?;
    replay(world, &REPLAYED).await?;
    // it was the use that was held against it
    client.token(grant()?).await?;
    let sent = world.tap().sent_by(REPLAYED.id);
    equal("token requests", 3, sent.len())
}

/// A machine whose clock is eight minutes slow: what it signs has expired when it is sent.
async fn slow() -> Outcome {
    let world = World::here()?;
    let clock = clock();
    clock.step(-TimeDelta::minutes(8));
    let env = world.env_by(&clock)?;
    let client = world.tapped_client(&env, &SLOW)?;
    client.token(grant()?).await?;
    client.token(grant()?).await?;
    let sent = world.tap().sent_by(SLOW.id);
    let statuses: Vec<_> = sent.iter().filter_map(|one| one.status()).collect();
    // the clock is known from then on
    equal(
        "the answers to token requests",
        vec![401, 200, 200],
        statuses,
    )
}

async fn hours_slow() -> Outcome {
    let world = World::here()?;
    let clock = clock();
    clock.step(-TimeDelta::hours(3));
    let env = world.env_by(&clock)?;
    let client = world.tapped_client(&env, &HOURS_SLOW)?;
    let seen = client.token(grant()?).await;
    let error = refused("the call", "invalid_client", seen)?;
    let is_told = error.to_string().contains("3 h behind the server's");
    that(is_told, || format!("the clock is not told: {error}"))?;
    equal(
        "token requests",
        1,
        world.tap().sent_by(HOURS_SLOW.id).len(),
    )
}

/// RFC 6749 3.3 lets a server grant less than was asked for; this one does so with what it does not know.
async fn narrowed() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let asked = format!("{ITEMS} unheard.of");
    let client = world.client(&env, &NARROWED)?;
    let granted = client
        .token(Grant::ClientCredentials(scopes(&asked)?))
        .await?;
    equal("the scopes", ITEMS, granted.scopes.to_string().as_str())?;
    let expected = vec![Deviation::ScopeNarrowed];
    equal("the deviations", expected, granted.deviations)?;

    let auth = world.client_auth(&env, &NARROWED)?;
    let server = world.server(&env)?;
    let source = RenewingToken::client_credentials(&env, server, auth, scopes(&asked)?)?;
    let missing = source.token().await?.missing_scopes().to_string();
    equal("the missing scopes", "unheard.of", missing.as_str())
}

async fn overreaching() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let client = world.client(&env, &OVERREACHING)?;
    let seen = client
        .token(Grant::ClientCredentials(scopes(OTHERS)?))
        .await;
    refused("the call", "invalid_scope", seen).map(drop)
}

/// The server says `invalid_request` where RFC 6749 5.2 has `unauthorized_client`.
async fn other_grant() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let client = world.client(&env, &OTHER_GRANT)?;
    let grant = Grant::RefreshToken(RefreshToken::new(Secret::new(random::text())));
    refused("the call", "invalid_request", client.token(grant).await).map(drop)
}

/// RFC 6749 4.4: this grant is for clients that can prove who they are.
async fn public() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let client = world.client(&env, &PUBLIC)?;
    refused("the call", "invalid_request", client.token(grant()?).await).map(drop)
}
