//! What the server signs: responses (JARM), and ID tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_core::authorize::{AuthorizationCode, AuthorizationRequest, Callback, ResponseMode};
use oauth_core::client_auth::{ClientAuth, HmacAlgorithm};
use oauth_core::error::{Error, ErrorKind, Recovery};
use oauth_core::oauth_client::{OAuthClient, Redeemed};
use oauth_core::server::Departures;
use oauth_core::signing_key::{Algorithm, SigningKey};
use oauth_core::token::Scopes;
use oauth_stage::{Answer, Endpoint};
use serde_json::{Value, json};

use crate::support::{CLIENT, SECRET, basic};
use crate::{AT, Scene, assert_unsaid, discovered, request, session};

/// A server that publishes the key it signs with.
struct Signing {
    scene: Scene,
    key: SigningKey,
}

impl Signing {
    async fn new() -> Self {
        let scene = Scene::new().await;
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let document = json!({
            "issuer": scene.stage.issuer(),
            "token_endpoint": scene.stage.token_url(),
            "authorization_endpoint": scene.stage.authorization_url(),
            "jwks_uri": format!("{}/keys", scene.stage.url()),
            "authorization_response_iss_parameter_supported": true,
            "id_token_signing_alg_values_supported": ["ES256", "none", "HS256"],
        });
        let document = Some(Answer::json(200, &document));
        scene
            .stage
            .answer_always(Endpoint::AuthorizationServerMetadata, document);
        let jwks = json!({"keys": [key.public_jwk()]});
        scene
            .stage
            .on("/keys", move |_| Some(Answer::json(200, &jwks)));
        Self { scene, key }
    }

    fn now(&self) -> i64 {
        self.scene.stage.now().timestamp()
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let input = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature = self.key.sign(input.as_bytes()).unwrap();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn header(&self) -> Value {
        json!({"alg": self.key.algorithm().name(), "kid": self.key.key_id()})
    }

    /// What comes of a signed response that is right but for that change.
    async fn answered(
        &self,
        change: impl FnOnce(&mut Value, &mut Value),
    ) -> Result<AuthorizationCode, Error> {
        let client = &self.scene.client;
        let request = request().response_mode(ResponseMode::QueryJwt);
        let (url, pending) = client.authorization(&request, &session()).await.unwrap();
        assert!(url.as_str().contains("response_mode=query.jwt"));
        let mut header = self.header();
        let mut claims = json!({
            "iss": self.scene.stage.issuer(), "aud": CLIENT, "exp": self.now() + 60,
            "code": "canary-code", "state": pending.state().expose(),
        });
        change(&mut header, &mut claims);
        let mut response = self.sign(&header, &claims);
        if header["alg"] == "none" {
            let end = response.rfind('.').unwrap();
            response.truncate(end + 1);
        }
        let came = Callback::query(AT, &format!("response={response}")).unwrap();
        client.callback(pending, &session(), came).await
    }

    /// What comes of an ID token that is right but for that change.
    async fn redeemed(&self, change: impl FnOnce(&mut Value)) -> Result<Redeemed, Error> {
        let sign = |claims: &Value| self.sign(&self.header(), claims);
        self.redeemed_as(&self.scene.client, |request| request, change, sign)
            .await
    }

    /// As [`redeemed`](Self::redeemed), of another request by another client, and otherwise signed.
    async fn redeemed_as(
        &self,
        client: &OAuthClient,
        ask: impl FnOnce(AuthorizationRequest) -> AuthorizationRequest,
        change: impl FnOnce(&mut Value),
        sign: impl FnOnce(&Value) -> String,
    ) -> Result<Redeemed, Error> {
        let request = ask(request().scopes(Scopes::parse("openid").unwrap()));
        let (url, pending) = client.authorization(&request, &session()).await.unwrap();
        let sent = |wanted: &str| {
            let mut pairs = url.query_pairs();
            pairs
                .find(|(name, _)| name == wanted)
                .unwrap()
                .1
                .into_owned()
        };
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("code", "canary-code")
            .append_pair("state", &sent("state"))
            .append_pair("iss", &self.scene.stage.issuer())
            .finish();
        let came = Callback::query(AT, &query).unwrap();
        let code = client.callback(pending, &session(), came).await.unwrap();
        let mut claims = json!({
            "iss": self.scene.stage.issuer(), "aud": CLIENT, "sub": "somebody",
            "exp": self.now() + 60, "iat": self.now(), "nonce": sent("nonce"),
            "at_hash": half("canary-token"), "c_hash": half("canary-code"),
        });
        change(&mut claims);
        let mut answer =
            json!({"access_token": "canary-token", "token_type": "Bearer", "scope": "openid"});
        if !claims.is_null() {
            answer["id_token"] = sign(&claims).into();
        }
        self.scene
            .stage
            .answer(Endpoint::Token, Answer::json(200, &answer));
        client.redeem(code).await
    }
}

/// OpenID Connect Core 3.1.3.6, for ES256.
fn half(of: &str) -> String {
    use sha2::Digest as _;
    URL_SAFE_NO_PAD.encode(&sha2::Sha256::digest(of.as_bytes())[..16])
}

#[tokio::test]
async fn r117_a_signed_answer_is_taken_where_all_of_it_is_right() {
    let signing = Signing::new().await;
    let code = signing.answered(|_, _| ()).await.unwrap();
    assert_eq!(code.code().expose(), "canary-code");
    let error = signing
        .answered(|_, claims| {
            claims.as_object_mut().unwrap().remove("code");
            claims["error"] = "access_denied".into();
        })
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OAuth);
    assert_eq!(signing.scene.stage.count(Endpoint::Below("/keys")), 1);
}

#[tokio::test]
async fn r117_cbk_013_a_signed_answer_with_something_wrong_is_none() {
    type Change = fn(&mut Value, &mut Value);
    fn without(claims: &mut Value, name: &str) {
        claims.as_object_mut().unwrap().remove(name);
    }
    let changes: [(Change, &str); 12] = [
        (|header, _| header["alg"] = "none".into(), "Jwt"),
        (|header, _| header["alg"] = "HS256".into(), "Jwt"),
        (|header, _| header["kid"] = "another".into(), "Jw"),
        (
            |_, claims| claims["iss"] = "https://evil.example".into(),
            "Jwt",
        ),
        (|_, claims| without(claims, "iss"), "Jwt"),
        (|_, claims| claims["aud"] = "another client".into(), "Jwt"),
        (|_, claims| without(claims, "aud"), "Jwt"),
        (|_, claims| claims["exp"] = 1_000_000_000.into(), "Jwt"),
        (|_, claims| claims["exp"] = "soon".into(), "Jwt"),
        (|_, claims| without(claims, "exp"), "Jwt"),
        (
            |_, claims| claims["state"] = "another".into(),
            "Binding.State",
        ),
        (|_, claims| without(claims, "state"), "Binding.State"),
    ];
    let signing = Signing::new().await;
    for (number, (change, kind)) in changes.into_iter().enumerate() {
        let error = signing.answered(change).await.unwrap_err();
        assert!(error.kind().name().starts_with(kind), "{number}: {error}");
        assert_unsaid(&error, &["canary-code"]);
    }
    // by another key, under the right name
    let mut forger = Signing::new().await;
    forger.key = SigningKey::generate(Algorithm::ES256).unwrap();
    let kid = signing.header()["kid"].clone();
    let error = forger
        .answered(|header, _| header["kid"] = kid)
        .await
        .unwrap_err();
    assert!(error.kind().name().starts_with("Jw"), "{error}");
    assert_eq!(signing.scene.token_requests(), 0);
}

#[tokio::test]
async fn r117_an_answer_that_must_be_signed_is_not_taken_plain() {
    let signing = Signing::new().await;
    let client = &signing.scene.client;
    let request = request().response_mode(ResponseMode::QueryJwt);
    let (_, pending) = client.authorization(&request, &session()).await.unwrap();
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("code", "canary-code")
        .append_pair("state", pending.state().expose())
        .append_pair("iss", &signing.scene.stage.issuer())
        .finish();
    let came = Callback::query(AT, &query).unwrap();
    let error = client
        .callback(pending, &session(), came)
        .await
        .unwrap_err();
    assert_eq!(error.kind().name(), "Protocol.MissingField");
}

#[tokio::test]
async fn r073_an_id_token_says_who_logged_in() {
    let signing = Signing::new().await;
    let redeemed = signing.redeemed(|_| ()).await.unwrap();
    assert_eq!(redeemed.id_token.unwrap().subject(), "somebody");
}

#[tokio::test]
async fn r073_an_id_token_of_another_login_brings_nothing() {
    let signing = Signing::new().await;
    let changes: [fn(&mut Value); 7] = [
        |claims| claims["nonce"] = "another".into(),
        |claims| drop(claims.as_object_mut().unwrap().remove("nonce")),
        |claims| claims["at_hash"] = half("another").into(),
        |claims| claims["c_hash"] = half("another").into(),
        |claims| claims["iss"] = "https://evil.example".into(),
        |claims| claims["aud"] = "another client".into(),
        |claims| claims["exp"] = 1_000_000_000.into(),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let error = signing.redeemed(change).await.unwrap_err();
        assert!(error.kind().name().starts_with("Jwt"), "{number}: {error}");
        assert_unsaid(&error, &["canary"]);
    }
    let error = signing
        .redeemed(|claims| *claims = Value::Null)
        .await
        .unwrap_err();
    assert_eq!(error.kind().name(), "Protocol.MissingField");
}

/// By the client's secret, or another one.
fn by_secret(secret: &str, algorithm: &str, claims: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let input = format!("{}.{}", part(&json!({"alg": algorithm})), part(claims));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&key, input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag))
}

#[tokio::test]
async fn an_id_token_by_the_clients_secret_is_taken_where_that_is_declared_and_nowhere_else() {
    let signing = Signing::new().await;
    let env = &signing.scene.env;
    let server = || discovered(env, &signing.scene.stage);
    let mut departures = Departures::default();
    departures.authorization.id_token_hmac = Some(HmacAlgorithm::HS256);
    let declared = server().departing(departures).unwrap();
    let client = |server, auth| OAuthClient::new(env, server, auth).unwrap();
    let right = |claims: &Value| by_secret(SECRET, "HS256", claims);

    let undeclared = client(server(), basic(env));
    let outcome = signing.redeemed_as(&undeclared, |it| it, |_| (), right);
    let error = outcome.await.unwrap_err();
    assert_eq!(error.kind().name(), "Jwt.Algorithm", "{error}");

    let secret = client(declared.clone(), basic(env));
    let outcome = signing.redeemed_as(&secret, |it| it, |_| (), right);
    let redeemed = outcome.await.unwrap();
    assert_eq!(redeemed.id_token.unwrap().subject(), "somebody");
    let keys = signing.scene.stage.count(Endpoint::Below("/keys"));
    for (sign, kind) in [
        (
            (|claims| by_secret("another secret", "HS256", claims)) as fn(&Value) -> String,
            "Jwt.Signature",
        ),
        (|claims| by_secret(SECRET, "HS384", claims), "Jwt.Algorithm"),
        (|claims| by_secret(SECRET, "none", claims), "Jwt.Algorithm"),
    ] {
        let outcome = signing.redeemed_as(&secret, |it| it, |_| (), sign);
        let error = outcome.await.unwrap_err();
        assert_eq!(error.kind().name(), kind, "{error}");
        assert_unsaid(&error, &["canary", SECRET]);
    }
    // nor by a key then
    let outcome = signing.redeemed_as(
        &secret,
        |it| it,
        |_| (),
        |claims| signing.sign(&signing.header(), claims),
    );
    let error = outcome.await.unwrap_err();
    assert_eq!(error.kind().name(), "Jwt.Algorithm", "{error}");
    assert_eq!(signing.scene.stage.count(Endpoint::Below("/keys")), keys);

    let public = client(declared, ClientAuth::none(CLIENT).unwrap());
    let outcome = signing.redeemed_as(&public, |it| it, |_| (), right);
    let error = outcome.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
}

#[tokio::test]
async fn a_user_who_did_not_log_in_as_strongly_as_is_essential_is_none() {
    let signing = Signing::new().await;
    let client = &signing.scene.client;
    let essential = |it: AuthorizationRequest| it.essential_acr(["gold", "silver"]);
    let wished = |it: AuthorizationRequest| it.acr_values("gold silver");
    let sign = |claims: &Value| signing.sign(&signing.header(), claims);
    for acr in [json!("silver"), json!("bronze"), Value::Null] {
        let set = |claims: &mut Value| {
            if !acr.is_null() {
                claims["acr"] = acr.clone();
            }
        };
        let outcome = signing.redeemed_as(client, essential, set, sign).await;
        match outcome {
            Ok(redeemed) => assert_eq!(redeemed.id_token.unwrap().acr(), Some("silver")),
            Err(error) => {
                assert_ne!(acr, "silver");
                assert_eq!(error.kind().name(), "Jwt.Authentication", "{error}");
            }
        }
        // what is wished for is no condition (OpenID Connect Core 3.1.2.1)
        signing
            .redeemed_as(client, wished, set, sign)
            .await
            .unwrap();
    }
    let request = essential(request().scopes(Scopes::parse("openid").unwrap()));
    let (url, _) = client.authorization(&request, &session()).await.unwrap();
    let claims = url
        .query_pairs()
        .find(|(name, _)| name == "claims")
        .unwrap();
    let claims: Value = serde_json::from_str(&claims.1).unwrap();
    let acr = json!({"essential": true, "values": ["gold", "silver"]});
    assert_eq!(claims, json!({"id_token": {"acr": acr}}));
}

#[tokio::test]
async fn without_the_keys_nothing_signed_is_believed() {
    let signing = Signing::new().await;
    let scene = &signing.scene;
    let env = crate::env(&scene.clock);
    let server = discovered(&env, &scene.stage);
    let client = OAuthClient::new(&env, server, basic(&env)).unwrap();
    // the keys are gone: what cannot be checked is not taken
    scene
        .stage
        .answer_always(Endpoint::Below("/keys"), Some(Answer::status(404)));
    let request = request().response_mode(ResponseMode::QueryJwt);
    let (_, pending) = client.authorization(&request, &session()).await.unwrap();
    let claims = json!({
        "iss": scene.stage.issuer(), "aud": CLIENT, "exp": signing.now() + 60,
        "code": "canary-code", "state": pending.state().expose(),
    });
    let response = signing.sign(&signing.header(), &claims);
    let came = Callback::query(AT, &format!("response={response}")).unwrap();
    let error = client
        .callback(pending, &session(), came)
        .await
        .unwrap_err();
    assert_unsaid(&error, &["canary-code"]);
}

#[tokio::test]
async fn a_code_is_not_spent_before_its_id_token_can_be_checked() {
    let signing = Signing::new().await;
    let stage = &signing.scene.stage;
    stage.on("/keys", |_| Some(Answer::status(503)));
    let error = signing.redeemed(|_| ()).await.unwrap_err();
    assert_eq!(error.status(), Some(503), "{error}");
    assert_eq!(error.recovery(), Recovery::LogInAgain, "{error}");
    assert_eq!(signing.scene.token_requests(), 0);
}

#[tokio::test]
async fn an_algorithm_may_be_published_by_its_fully_specified_name() {
    let mut signing = Signing::new().await;
    signing.key = SigningKey::generate(Algorithm::EdDSA).unwrap();
    let jwks = json!({"keys": [signing.key.public_jwk()]});
    let stage = &signing.scene.stage;
    stage.on("/keys", move |_| Some(Answer::json(200, &jwks)));
    let document = json!({
        "issuer": stage.issuer(),
        "token_endpoint": stage.token_url(),
        "authorization_endpoint": stage.authorization_url(),
        "jwks_uri": format!("{}/keys", stage.url()),
        "authorization_response_iss_parameter_supported": true,
        "id_token_signing_alg_values_supported": ["Ed25519"],
    });
    let document = Some(Answer::json(200, &document));
    stage.answer_always(Endpoint::AuthorizationServerMetadata, document);
    let redeemed = signing.redeemed(|claims| {
        claims.as_object_mut().unwrap().remove("at_hash");
        claims.as_object_mut().unwrap().remove("c_hash");
    });
    redeemed.await.unwrap();
}
