//! One key a login, which its tokens keep (RFC 9449 5).

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use oauth_core::GrantedToken;
use oauth_core::client_auth::ClientAuth;
use oauth_core::dpop::Dpop;
use oauth_core::error::ErrorKind;
use oauth_core::grant::{Grant, RefreshToken};
use oauth_core::oauth_client::OAuthClient;
use oauth_core::record::MemoryStore;
use oauth_core::secret::Secret;
use oauth_core::signing_key::{Algorithm, Signer, SignerError, SigningKey};
use oauth_core::source::TokenSource as _;
use oauth_stage::{Authentication, Endpoint, RegisteredClient, Rotation};
use serde_json::Value;

use crate::support::{CLIENT, SCOPES, Wanted, builder, clock, env, strict, strict_builder};
use crate::{assert_clean, client, keys};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn r085_what_is_refreshed_stays_bound_to_its_key_also_after_a_restart() {
    let clock = clock();
    let grace = Duration::ZERO;
    let stage = strict_builder(&clock).rotation(Rotation::Rotate { grace });
    let stage = stage.start().await.unwrap();
    let seed = stage.issue_refresh_token(CLIENT, "read");
    let store = Arc::new(MemoryStore::with_clock(clock.clone()));
    for _ in 0..3 {
        // each time another process with the same store
        let env = builder(&clock, |_| ()).store(store.clone());
        let env = env.build().unwrap();
        let source = Wanted::of(&env, &stage).proving().refreshing(&seed);
        let api = client(&env, &stage, source);
        for _ in 0..2 {
            api.get("x").send().await.unwrap();
            clock.advance(HOUR);
        }
    }
    assert!(stage.count(Endpoint::Token) >= 4);
    assert_eq!(keys(&stage, Endpoint::Token).len(), 1);
    assert_eq!(keys(&stage, Endpoint::Api), keys(&stage, Endpoint::Token));
    assert_clean(&stage);
}

#[tokio::test]
async fn each_login_has_a_key_of_its_own() {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    let first = stage.issue_refresh_token(CLIENT, "read");
    let source = Wanted::of(&env, &stage).proving().refreshing(&first);
    source.token().await.unwrap();
    let second = stage.issue_refresh_token(CLIENT, "read");
    let login = GrantedToken::refresh_token(Secret::new(second));
    source.adopt(login).await.unwrap();
    source.token().await.unwrap();
    assert_eq!(keys(&stage, Endpoint::Token).len(), 2);
    assert_clean(&stage);
}

#[tokio::test]
async fn a_login_that_was_bound_elsewhere_brings_its_key() {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let seed = stage.issue_refresh_token(CLIENT, "read");
    let source = Wanted::of(&env, &stage).proving().refreshing("unused");
    let login = GrantedToken::refresh_token(Secret::new(seed));
    let login = login.with_proof_key(key.to_pkcs8_pem().unwrap());
    source.adopt(login).await.unwrap();
    let token = source.token().await.unwrap();
    let bound_to = stage.key_of(token.access_token().expose());
    assert_eq!(bound_to.as_deref(), Some(key.thumbprint()));
    let broken = GrantedToken::refresh_token(Secret::new("x"));
    let broken = broken.with_proof_key(Secret::new("no key"));
    let error = source.adopt(broken).await.unwrap_err();
    assert!(error.to_string().contains("proof_key"), "{error}");
}

/// A key that is somewhere else.
#[derive(Debug)]
struct Kms(SigningKey, bool);

impl Signer for Kms {
    fn algorithm(&self) -> Algorithm {
        self.0.algorithm()
    }

    fn key_id(&self) -> &str {
        "kms/1"
    }

    fn public_jwk(&self) -> Option<Value> {
        self.1.then(|| self.0.public_jwk())
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, SignerError>> {
        Box::pin(async move { Ok(self.0.sign(message)?) })
    }
}

#[tokio::test]
async fn a_signer_signs_the_proofs_of_all_logins() {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
    let signer: Arc<dyn Signer> = Arc::new(Kms(key, true));
    let dpop = Arc::new(Dpop::new().signer(signer).unwrap());
    for subject in ["read", "write"] {
        let seed = stage.issue_refresh_token(CLIENT, subject);
        let mut wanted = Wanted::of(&env, &stage).scopes(subject);
        wanted.server = wanted.server.with_dpop(dpop.clone());
        let api = client(&env, &stage, wanted.refreshing(&seed));
        api.get("x").send().await.unwrap();
        clock.advance(HOUR);
        api.get("x").send().await.unwrap();
    }
    assert_eq!(stage.count(Endpoint::Token), 4);
    assert_eq!(keys(&stage, Endpoint::Token).len(), 1);
    assert_clean(&stage);

    let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
    let error = Dpop::new().signer(Arc::new(Kms(key, false))).unwrap_err();
    assert!(error.to_string().contains("public_jwk"), "{error}");
}

#[tokio::test]
async fn r056_a_stored_token_that_is_bound_to_nothing_is_not_used_and_a_bound_one_is_shown_with_its_key()
 {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    let plain = Wanted::of(&env, &stage).build();
    assert!(!plain.token().await.unwrap().is_bound());
    let bound = Wanted::of(&env, &stage).proving().build();
    let token = bound.token().await.unwrap();
    assert!(token.is_bound());
    assert_eq!(stage.count(Endpoint::Token), 2);
    // who shares the record and declares nothing of keys
    let other = Wanted::of(&env, &stage).departing(|departures| {
        departures.response.refuse_wider_scope = true;
    });
    let other = other.build();
    assert!(other.token().await.unwrap().is_bound());
    assert_eq!(stage.count(Endpoint::Token), 2);
    client(&env, &stage, other).get("x").send().await.unwrap();
    client(&env, &stage, bound).get("x").send().await.unwrap();
    assert_clean(&stage);
}

#[tokio::test]
async fn r085_an_access_token_of_another_key_does_not_take_the_key_of_the_refresh_token() {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    let public = RegisteredClient::new(CLIENT, Authentication::None).scopes(SCOPES);
    stage.register(public).unwrap();
    let seed = stage.issue_refresh_token(CLIENT, "read");
    let wanted = Wanted::of(&env, &stage).client(ClientAuth::none(CLIENT).unwrap());
    let source = wanted.scopes("read").proving().refreshing(&seed);
    let first = source.token().await.unwrap();
    let first = stage.key_of(first.access_token().expose());
    // somebody hands over an access token alone, which is bound to a key of its own
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let login = GrantedToken::access_token(Secret::new("at-2"), Some(HOUR));
    let login = login.with_proof_key(key.to_pkcs8_pem().unwrap());
    source.adopt(login).await.unwrap();
    assert_eq!(
        source.token().await.unwrap().access_token().expose(),
        "at-2"
    );
    // the stage does not know that it is bound, and refuses it: what counts is what it was shown with
    let api = client(&env, &stage, source.clone());
    api.get("x").send().await.unwrap();
    let shown = &crate::requests(&stage, Endpoint::Api)[0];
    assert_eq!(shown.header("authorization"), Some("DPoP at-2"));
    let shown = shown.proof_header().unwrap();
    assert_eq!(shown["jwk"]["x"], key.public_jwk()["x"]);
    clock.advance(2 * HOUR);
    let next = source.token().await.unwrap();
    assert_eq!(stage.key_of(next.access_token().expose()), first);
    assert_eq!(keys(&stage, Endpoint::Token).len(), 1);
}

#[tokio::test]
async fn r085_a_refresh_token_of_a_public_client_is_shown_with_no_other_key() {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    let public = ClientAuth::none(CLIENT).unwrap();
    let server = Wanted::of(&env, &stage).proving().server;
    let client = OAuthClient::new(&env, server, public).unwrap();
    let grant = RefreshToken::new(Secret::new("bound to a key that is elsewhere"));
    let error = client.token(Grant::RefreshToken(grant)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains("with_proof_key"), "{error}");
    assert_eq!(stage.connections(), 0);
}
