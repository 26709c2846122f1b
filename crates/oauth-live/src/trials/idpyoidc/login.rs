//! Somebody's login, whose tokens are exchanged, and the ways in which this server bends the RFCs.

use oauth_contract::{Outcome, Suite};
use oauth_core::grant::exchange::ACCESS_TOKEN;
use oauth_core::grant::{Grant, RefreshToken, TokenExchange};
use oauth_core::secret::Secret;
use oauth_core::token::Scopes;
use serde_json::json;

use crate::expect::{equal, invalid_client, some, that};
use crate::idpyoidc::{BACKENDS, Idpyoidc, LOGINS};
use crate::random;
use crate::world::World;

pub(super) fn authorization_code() -> Suite {
    Suite::own("live/idpyoidc/authorization_code")
        .trial("an_id_token_says_who_logged_in", logs_in)
        .trial("an_iss_that_is_not_promised_must_be_declared", unpromised)
}

pub(super) fn client_authentication() -> Suite {
    Suite::own("live/idpyoidc/client_authentication")
        .trial("a_raw_basic_header_must_be_declared", raw_basic)
}

async fn logs_in() -> Outcome {
    let idpyoidc = Idpyoidc::here()?;
    let oauth = idpyoidc.client(&World::here()?.env()?, LOGINS[0])?;
    let redeemed = idpyoidc.log_in(&oauth).await?;
    let id_token = some("the ID token", redeemed.id_token)?;
    equal("its issuer", idpyoidc.issuer(), id_token.issuer())?;
    let refresh_token = some("the refresh token", redeemed.tokens.refresh_token)?;
    let grant = Grant::RefreshToken(RefreshToken {
        refresh_token,
        scopes: Scopes::none(),
        granted: None,
        resource: Vec::new(),
    });
    oauth.token(grant).await?;
    Ok(())
}

/// Its answers have an `iss` (RFC 9207), and its document does not say so.
async fn unpromised() -> Outcome {
    let (idpyoidc, env) = (Idpyoidc::here()?, World::here()?.env()?);
    let server = idpyoidc.departing(&env, json!({"request": {"basic_encoding": "raw"}}))?;
    let oauth = idpyoidc.client_of(&env, server, LOGINS[1])?;
    let refused = idpyoidc.log_in(&oauth).await.map(drop);
    let text = refused.err().map(|failure| failure.to_string());
    let text = some("a refusal", text)?;
    that(text.contains("departures.authorization.iss"), || {
        text.clone()
    })?;
    let oauth = idpyoidc.client(&World::here()?.env()?, LOGINS[1])?;
    idpyoidc.log_in(&oauth).await.map(drop)
}

/// It compares the halves of the header as they come (RFC 6749 2.3.1 has them encoded).
async fn raw_basic() -> Outcome {
    let (idpyoidc, env) = (Idpyoidc::here()?, World::here()?.env()?);
    let asked = || TokenExchange::new(Secret::new(random::text()), ACCESS_TOKEN);
    let server = idpyoidc.departing(&env, json!({}))?;
    let oauth = idpyoidc.client_of(&env, server, BACKENDS[10])?;
    invalid_client("a header that is encoded", oauth.exchange(asked()).await)?;
    let oauth = idpyoidc.client(&World::here()?.env()?, BACKENDS[10])?;
    let refused = oauth.exchange(asked()).await;
    let code = refused
        .err()
        .and_then(|error| Some(error.oauth()?.code.clone()));
    // it knows the client, and not the token
    equal("the code", Some("invalid_request".to_owned()), code)
}
