//! Client certificates (RFC 8705).

use std::path::Path;
use std::sync::Arc;

use oauth_core::Env;
use oauth_core::client_auth::ClientAuth;
use oauth_core::clock::ManualClock;
use oauth_core::error::ErrorKind;
use oauth_core::http::{IdentityConfig, TlsIdentity};
use oauth_core::secret::SecretRef;
use oauth_core::server::DiscoveryKind;
use oauth_core::source::TokenSource as _;
use oauth_stage::{
    Answer, Authentication, Authority, Endpoint, Identity, RegisteredClient, Strict,
};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{CLIENT, SCOPES, Wanted, clock, env_with, given, strict_builder};
use crate::{assert_clean, client, requests};

const NAME: &str = "client.example";

async fn stage(clock: &Arc<ManualClock>, authority: &Authority) -> Strict {
    let known = Authentication::Tls {
        san_dns: NAME.into(),
    };
    strict_builder(clock)
        .authority(authority)
        .client_certificates()
        .client(RegisteredClient::new(CLIENT, known).scopes(SCOPES))
        .start()
        .await
        .unwrap()
}

fn trusting(clock: &Arc<ManualClock>, authority: &Authority) -> Env {
    env_with(clock, |settings| settings.ca_roots = vec![authority.pem()])
}

fn config(identity: &Identity) -> IdentityConfig {
    IdentityConfig::new(given(&identity.certificate_pem), given(&identity.key_pem))
}

fn write(folder: &Path, identity: &Identity) {
    let put = |name: &str, text: &str| {
        let new = folder.join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, folder.join(name)).unwrap();
    };
    put("client.pem", &identity.certificate_pem);
    put("client.key", &identity.key_pem);
}

fn in_files(folder: &TempDir) -> IdentityConfig {
    let file = |name| SecretRef::file(folder.path().join(name));
    IdentityConfig::new(file("client.pem"), file("client.key"))
}

#[tokio::test]
async fn r039_a_certificate_proves_the_client_and_the_form_has_its_id_alone() {
    let (clock, authority) = (clock(), Authority::new().unwrap());
    let (stage, env) = (
        stage(&clock, &authority).await,
        trusting(&clock, &authority),
    );
    let identity = authority.client_identity(NAME).unwrap();
    let auth = ClientAuth::tls(&env, CLIENT, &config(&identity)).unwrap();
    let source = Wanted::of(&env, &stage).client(auth).build();
    let token = source.token().await.unwrap();
    assert!(token.is_bound());
    let [request] = &requests(&stage, Endpoint::Token)[..] else {
        panic!("{:?}", stage.log());
    };
    assert_eq!(request.parameter("client_id").as_deref(), Some(CLIENT));
    for absent in ["client_assertion", "client_assertion_type", "client_secret"] {
        assert_eq!(request.parameter(absent), None);
    }
    assert_eq!(request.header("authorization"), None);
    assert_eq!(
        stage.certificate_of(token.access_token().expose()),
        Some(identity.thumbprint())
    );
    // the API is shown the same certificate, and takes the token with it
    stage.require_bound_tokens(true);
    let answer = client(&env, &stage, source).get("x").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_clean(&stage);
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_certificate_is_of_no_use_without_it() {
    let (clock, authority) = (clock(), Authority::new().unwrap());
    let (stage, env) = (
        stage(&clock, &authority).await,
        trusting(&clock, &authority),
    );
    let identity = authority.client_identity(NAME).unwrap();
    let auth = ClientAuth::tls(&env, CLIENT, &config(&identity)).unwrap();
    let token = Wanted::of(&env, &stage).client(auth).token().await.unwrap();
    let stolen = oauth_core::FixedToken::new(
        &env,
        "token",
        SecretRef::given(token.access_token().clone()),
    );
    let thief = client(&env, &stage, stolen.unwrap());
    let error = thief.get("x").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
}

#[tokio::test]
async fn a_self_signed_certificate_proves_the_client_that_is_known_by_it() {
    let (clock, authority) = (clock(), Authority::new().unwrap());
    let (stage, env) = (
        stage(&clock, &authority).await,
        trusting(&clock, &authority),
    );
    let (own, other) = (Identity::self_signed(NAME), Identity::self_signed(NAME));
    let (own, other) = (own.unwrap(), other.unwrap());
    let known = Authentication::SelfSignedTls {
        thumbprint: own.thumbprint(),
    };
    stage
        .register(RegisteredClient::new("self", known).scopes(SCOPES))
        .unwrap();
    let ask = async |identity: &Identity| {
        let auth = ClientAuth::self_signed_tls(&env, "self", &config(identity)).unwrap();
        Wanted::of(&env, &stage).client(auth).token().await
    };
    ask(&own).await.unwrap();
    let error = ask(&other).await.unwrap_err();
    assert_eq!(error.oauth().unwrap().code, "invalid_client", "{error}");
    assert!(error.to_string().contains("self_signed_tls_client_auth"));
}

#[tokio::test]
async fn r040_a_new_certificate_ends_the_tokens_of_the_old_one_with_one_request() {
    let (clock, authority) = (clock(), Authority::new().unwrap());
    let (stage, env) = (
        stage(&clock, &authority).await,
        trusting(&clock, &authority),
    );
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (
        authority.client_identity(NAME).unwrap(),
        authority.client_identity(NAME).unwrap(),
    );
    write(folder.path(), &old);
    let auth = ClientAuth::tls(&env, CLIENT, &in_files(&folder)).unwrap();
    let source = Wanted::of(&env, &stage).client(auth).build();
    let api = client(&env, &stage, source.clone());
    stage.require_bound_tokens(true);
    for _ in 0..2 {
        assert_eq!(api.get("x").send().await.unwrap().status(), 200);
    }
    assert_eq!(stage.count(Endpoint::Token), 1);
    write(folder.path(), &new);
    for _ in 0..3 {
        assert_eq!(api.get("x").send().await.unwrap().status(), 200);
    }
    assert_eq!(stage.count(Endpoint::Token), 2);
    assert_eq!(stage.count(Endpoint::Api), 5, "no call with the old token");
    let token = source.token().await.unwrap();
    assert_eq!(
        stage.certificate_of(token.access_token().expose()),
        Some(new.thumbprint())
    );
    assert_clean(&stage);
}

#[tokio::test]
async fn a_stored_token_of_another_certificate_is_not_used() {
    let (clock, authority) = (clock(), Authority::new().unwrap());
    let (stage, env) = (
        stage(&clock, &authority).await,
        trusting(&clock, &authority),
    );
    let seed = stage.issue_refresh_token(CLIENT, "read");
    for _ in 0..2 {
        let identity = authority.client_identity(NAME).unwrap();
        let auth = ClientAuth::tls(&env, CLIENT, &config(&identity)).unwrap();
        let source = Wanted::of(&env, &stage).client(auth).refreshing(&seed);
        let token = source.token().await.unwrap();
        let bound_to = stage.certificate_of(token.access_token().expose());
        assert_eq!(bound_to, Some(identity.thumbprint()));
    }
    assert_eq!(stage.count(Endpoint::Token), 2);
}

#[tokio::test]
async fn a_certificate_that_is_half_replaced_leaves_the_last_good_one_in_use() {
    let (clock, authority) = (clock(), Authority::new().unwrap());
    let (stage, env) = (
        stage(&clock, &authority).await,
        trusting(&clock, &authority),
    );
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &authority.client_identity(NAME).unwrap());
    let auth = ClientAuth::tls(&env, CLIENT, &in_files(&folder)).unwrap();
    let api = client(&env, &stage, Wanted::of(&env, &stage).client(auth).build());
    api.get("x").send().await.unwrap();
    let next = authority.client_identity(NAME).unwrap();
    std::fs::write(folder.path().join("client.pem"), &next.certificate_pem).unwrap();
    api.get("x").send().await.unwrap();
    assert_eq!(stage.count(Endpoint::Token), 1);
    std::fs::write(folder.path().join("client.key"), &next.key_pem).unwrap();
    api.get("x").send().await.unwrap();
    assert_eq!(stage.count(Endpoint::Token), 2);
}

#[tokio::test]
async fn what_is_no_identity_is_refused_at_once_and_named() {
    let (clock, authority) = (clock(), Authority::new().unwrap());
    let env = trusting(&clock, &authority);
    let (one, other) = (
        authority.client_identity(NAME).unwrap(),
        authority.client_identity(NAME).unwrap(),
    );
    let try_out = |certificate: &str, key: &str| {
        let config = IdentityConfig::new(given(certificate), given(key));
        let error = ClientAuth::tls(&env, CLIENT, &config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(!error.to_string().contains("PRIVATE"), "{error}");
        error.to_string()
    };
    assert!(try_out("x", &one.key_pem).contains("identity.certificate"));
    assert!(try_out(&one.certificate_pem, "x").contains("identity.key"));
    assert!(try_out(&one.certificate_pem, &other.key_pem).contains("key"));
}

#[tokio::test]
async fn one_pool_serves_all_connections_that_show_one_certificate() {
    let (clock, authority) = (clock(), Authority::new().unwrap());
    let (stage, env) = (
        stage(&clock, &authority).await,
        trusting(&clock, &authority),
    );
    let identity = authority.client_identity(NAME).unwrap();
    let mut held = Vec::new();
    for scopes in ["read", "write", "search"] {
        let auth = ClientAuth::tls(&env, CLIENT, &config(&identity)).unwrap();
        let source = Wanted::of(&env, &stage).client(auth).scopes(scopes).build();
        let api = client(&env, &stage, source);
        api.get("x").send().await.unwrap();
        held.push(api);
    }
    // one for the token endpoint and one for the API, which takes gzip
    assert_eq!(stage.connections(), 2);
    let another = authority.client_identity(NAME).unwrap();
    let auth = ClientAuth::tls(&env, CLIENT, &config(&another)).unwrap();
    let wanted = Wanted::of(&env, &stage).client(auth);
    wanted.token().await.unwrap();
    assert_eq!(stage.connections(), 3);
    drop(held);
}

#[tokio::test]
async fn r038_the_alias_of_an_endpoint_goes_before_it_and_an_absent_one_falls_back() {
    let (clock, authority) = (clock(), Authority::new().unwrap());
    let (stage, mtls) = (
        stage(&clock, &authority).await,
        stage(&clock, &authority).await,
    );
    let env = trusting(&clock, &authority);
    let identity = authority.client_identity(NAME).unwrap();
    let auth = ClientAuth::tls(&env, CLIENT, &config(&identity)).unwrap();
    let document = |alias: serde_json::Value| {
        Answer::json(
            200,
            &json!({
                "issuer": stage.issuer(),
                "token_endpoint": stage.token_url(),
                "mtls_endpoint_aliases": alias,
            }),
        )
    };
    let ask = async |env: &Env, alias| {
        stage.answer(Endpoint::AuthorizationServerMetadata, document(alias));
        let wanted = Wanted::discovered(env, &stage.issuer(), DiscoveryKind::OAuth);
        wanted.client(auth.clone()).token().await.unwrap();
    };
    ask(&env, json!({"token_endpoint": mtls.token_url()})).await;
    assert_eq!(
        (stage.count(Endpoint::Token), mtls.count(Endpoint::Token)),
        (0, 1)
    );
    ask(&trusting(&clock, &authority), json!({})).await;
    assert_eq!(
        (stage.count(Endpoint::Token), mtls.count(Endpoint::Token)),
        (1, 1)
    );
    assert_clean(&mtls);
}

#[tokio::test]
async fn r038_a_client_without_a_certificate_does_not_go_to_the_alias() {
    let (clock, authority) = (clock(), Authority::new().unwrap());
    let plain = strict_builder(&clock).authority(&authority).start();
    let (plain, mtls) = (plain.await.unwrap(), stage(&clock, &authority).await);
    let env = trusting(&clock, &authority);
    let document = json!({
        "issuer": plain.issuer(),
        "token_endpoint": plain.token_url(),
        "mtls_endpoint_aliases": {"token_endpoint": mtls.token_url()},
    });
    let answer = Answer::json(200, &document);
    plain.answer(Endpoint::AuthorizationServerMetadata, answer);
    let wanted = Wanted::discovered(&env, &plain.issuer(), DiscoveryKind::OAuth);
    wanted.token().await.unwrap();
    assert_eq!(mtls.count(Endpoint::Any), 0);
}

#[tokio::test]
async fn tokens_are_bound_to_a_certificate_also_where_a_secret_proves_the_client() {
    let (clock, authority) = (clock(), Authority::new().unwrap());
    let stage = strict_builder(&clock).authority(&authority);
    let stage = stage.client_certificates().start().await.unwrap();
    let env = trusting(&clock, &authority);
    let identity = authority.client_identity(NAME).unwrap();
    let mut wanted = Wanted::of(&env, &stage);
    wanted.server = wanted
        .server
        .with_identity(TlsIdentity::new(config(&identity)));
    let source = wanted.proving().build();
    let token = source.token().await.unwrap();
    let token = token.access_token().expose();
    assert_eq!(stage.certificate_of(token), Some(identity.thumbprint()));
    assert!(stage.key_of(token).is_some(), "and to a key as well");
    client(&env, &stage, source).get("x").send().await.unwrap();
    assert_clean(&stage);
}
