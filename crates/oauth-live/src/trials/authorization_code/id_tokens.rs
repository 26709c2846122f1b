//! ID tokens (OpenID Connect Core), checked with the keys that the server publishes.

use std::time::Duration;

use oauth_contract::{Failure, Outcome, Suite};
use oauth_core::authorize::PendingAuthorization;
use oauth_core::error::{ErrorKind, JwksFault, JwtFault, Recovery};
use oauth_core::grant::{Grant, RefreshToken};
use oauth_core::id_token::{DEFAULT_ALGORITHMS, Expected, validate_refreshed};
use oauth_core::jwks::RemoteKeys;
use oauth_core::jwt::{TokenType, verify_remote};
use oauth_core::oauth_client::OAuthClient;
use oauth_core::secret::Secret;
use oauth_core::server::EndpointKind;
use serde_json::Value;

use crate::expect::{self, equal, some, that};
use crate::registration::Client;
use crate::registration::users::{AGED, ES256, KEY_REPLACED, OTHER_NONCE, REFRESHED, RS256, USERS};
use crate::user::{Program, asking};
use crate::world::{World, clock};

pub(super) fn trials(suite: Suite) -> Suite {
    suite
        .trial("an_id_token_by_rs256_says_who_logged_in", || {
            says_who(&RS256)
        })
        .trial("an_id_token_by_es256_says_who_logged_in", || {
            says_who(&ES256)
        })
        .trial("an_id_token_with_another_nonce_is_refused", another_nonce)
        .trial("a_login_of_a_given_age_says_when_it_was", aged)
        .trial("a_renewed_id_token_is_about_the_same_login", refreshed)
        .trial("a_key_that_was_replaced_is_looked_for_once", key_replaced)
}

async fn says_who(client: &'static Client) -> Outcome {
    let program = Program::new(client)?;
    let request = asking(USERS)?.login_hint("a user");
    let redeemed = program.logged_in(&request).await?;
    let id_token = some("the ID token", redeemed.id_token)?;
    equal("who logged in", "a user", id_token.subject())?;
    equal("who says so", program.world.issuer(), id_token.issuer())
}

/// What is kept of a login, with another nonce: its ID token is another login's.
async fn another_nonce() -> Outcome {
    let program = Program::new(&OTHER_NONCE)?;
    let (pending, came) = program.answered(&asking(USERS)?).await?;
    let kept = pending.into_secret_form()?;
    let mut kept: Value = serde_json::from_str(kept.expose()).map_err(unreadable)?;
    that(kept["nonce"].is_string(), || "no nonce is kept".into())?;
    kept["nonce"] = "of another login".into();
    let pending = PendingAuthorization::from_secret_form(&Secret::new(kept.to_string()))?;
    let code = program.judged(pending, &came).await?;
    let redeemed = program.oauth.redeem(code).await;
    let kind = ErrorKind::Jwt(JwtFault::Nonce);
    expect::error("the login", redeemed, kind, Recovery::LogInAgain).map(drop)
}

fn unreadable(error: serde_json::Error) -> Failure {
    Failure::new(format!("what is kept: {error}"))
}

async fn aged() -> Outcome {
    let program = Program::new(&AGED)?;
    let request = asking(USERS)?.max_age(Duration::from_secs(60));
    let redeemed = program.logged_in(&request).await?;
    let id_token = some("the ID token", redeemed.id_token)?;
    some("when somebody logged in", id_token.authenticated_at()).map(drop)
}

async fn refreshed() -> Outcome {
    let program = Program::new(&REFRESHED)?;
    let redeemed = program.logged_in(&asking(USERS)?).await?;
    let login = some("the ID token", redeemed.id_token)?;
    let refresh_token = some("the refresh token", redeemed.tokens.refresh_token)?;
    let grant = Grant::RefreshToken(RefreshToken::new(refresh_token));
    let renewed = program.oauth.token(grant).await?;
    let id_token = some("the renewed ID token", renewed.id_token)?;

    let jwks_uri = program.published("/jwks_uri").await?;
    let keys = RemoteKeys::configured(&program.env, "jwks_uri", &jwks_uri)?;
    let (text, wanted) = (id_token.expose(), TokenType::Jwt);
    let verified = verify_remote(&program.env, text, &keys, DEFAULT_ALGORITHMS, wanted).await?;
    let mut expected = Expected::new(program.world.issuer(), REFRESHED.id);
    expected.access_token = Some(&renewed.access_token);
    let now = program.env.clock().now();
    let same = validate_refreshed(&verified, &expected, login.login(), now)?;
    equal("who logged in", login.subject(), same.subject())
}

/// The keys come through the tap, which counts how often they are looked at.
async fn key_replaced() -> Outcome {
    let world = World::here()?;
    let clock = clock();
    let env = world.env_by(&clock)?;
    let url = format!("{}/jwks", world.tap().url());
    let server = world
        .server(&env)?
        .with_endpoint(&env, EndpointKind::Jwks, &url)?;
    let oauth = OAuthClient::new(&env, server, world.client_auth(&env, &KEY_REPLACED)?)?;
    let program = Program { world, env, oauth };
    let looks = || world.tap().count("/jwks");
    for expected in [1, 1] {
        program.logged_in(&asking(USERS)?).await?;
        equal("looks at the keys", expected, looks())?;
    }
    world.replace_key().await?;
    for expected in [2, 2] {
        program.logged_in(&asking(USERS)?).await?;
        equal("looks at the keys", expected, looks())?;
    }
    // one look a minute, however many keys nobody knows
    world.replace_key().await?;
    let code = program.code(&asking(USERS)?).await?;
    let unknown = program.oauth.redeem(code).await;
    let kind = ErrorKind::Jwks(JwksFault::NoKey);
    expect::error("the login", unknown, kind, Recovery::Report)?;
    equal("looks at the keys", 2, looks())?;
    clock.advance(Duration::from_secs(61));
    program.logged_in(&asking(USERS)?).await?;
    equal("looks at the keys", 3, looks())
}
