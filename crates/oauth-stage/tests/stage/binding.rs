//! Proofs of possession (RFC 9449) and client certificates (RFC 8705): each check is shown to refuse.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use oauth_stage::{
    Answer, Authentication, Authority, Endpoint, Identity, RegisteredClient, Strict,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{
    self, Assertion, CREDENTIALS, SECRET, answer, client, keys, post, post_stage, text,
};

/// A proof that is right until a test changes it.
fn proof(stage: &Strict, method: &str, url: &str) -> Assertion {
    let mut jwk = keys().p256.jwk.clone();
    jwk.as_object_mut().unwrap().remove("kid");
    Assertion {
        header: json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}),
        claims: json!({
            "jti": support::jti(), "htm": method, "htu": url, "iat": stage.now().timestamp(),
        }),
    }
}

fn for_token(stage: &Strict) -> Assertion {
    proof(stage, "POST", &stage.token_url())
}

fn sign(proof: &Assertion) -> String {
    proof.signed(Algorithm::ES256)
}

async fn ask(stage: &Strict, proof: &str, grant: &[(&str, &str)]) -> (u16, Value) {
    let form = [grant, &CREDENTIALS[..]].concat();
    answer(post(&stage.token_url()).header("dpop", proof).form(&form)).await
}

const OWN: [(&str, &str); 1] = [("grant_type", "client_credentials")];

#[tokio::test]
async fn refuses_every_proof_that_is_not_right() {
    type Change = fn(&mut Assertion);
    let changes: [(&str, Change); 12] = [
        ("typ", |proof| proof.header["typ"] = "JWT".into()),
        ("alg", |proof| proof.header["alg"] = "none".into()),
        ("alg", |proof| proof.header["alg"] = "HS256".into()),
        ("jwk", |proof| proof.header["jwk"] = Value::Null),
        ("private member d", |proof| {
            proof.header["jwk"]["d"] = "AA".into();
        }),
        ("crit", |proof| proof.header["crit"] = json!(["x"])),
        ("htm", |proof| proof.claims["htm"] = "GET".into()),
        ("htu", |proof| {
            let with_query = format!("{}?a=b", proof.claims["htu"].as_str().unwrap());
            proof.claims["htu"] = with_query.into();
        }),
        ("iat", |proof| {
            proof.claims["iat"] = (proof.claims["iat"].as_i64().unwrap() - 61).into();
        }),
        ("iat", |proof| {
            proof.claims["iat"] = (proof.claims["iat"].as_i64().unwrap() * 1000).into();
        }),
        ("ath", |proof| proof.claims["ath"] = "AA".into()),
        ("jti", |proof| proof.claims["jti"] = "short".into()),
    ];
    for (why, change) in changes {
        let stage = post_stage().await;
        let mut proof = for_token(&stage);
        change(&mut proof);
        let (status, answer) = ask(&stage, &sign(&proof), &OWN).await;
        assert_eq!(
            (status, text(&answer, "error")),
            (400, "invalid_dpop_proof")
        );
        assert!(text(&answer, "error_description").contains(why), "{answer}");
        support::assert_violation(&stage, why);
    }
    let stage = post_stage().await;
    let stranger = for_token(&stage).sign(Algorithm::RS256, &keys().stranger.signing);
    assert_eq!(ask(&stage, &stranger, &OWN).await.0, 400);
    let twice = sign(&for_token(&stage));
    assert_eq!(ask(&stage, &twice, &OWN).await.0, 200);
    let (status, answer) = ask(&stage, &twice, &OWN).await;
    assert_eq!(status, 400);
    assert!(
        text(&answer, "error_description").contains("jti"),
        "{answer}"
    );
}

#[tokio::test]
async fn wants_the_nonce_that_it_gives_with_every_answer() {
    let stage = post_stage().await;
    stage.want_dpop_nonce(Endpoint::Token, Some("n"));
    for (nonce, taken) in [(None, false), (Some("other"), false), (Some("n"), true)] {
        let mut proof = for_token(&stage);
        if let Some(nonce) = nonce {
            proof.claims["nonce"] = nonce.into();
        }
        let form = [&OWN[..], &CREDENTIALS[..]].concat();
        let request = post(&stage.token_url()).header("dpop", sign(&proof));
        let answer = request.form(&form).send().await.unwrap();
        assert_eq!(answer.headers()["dpop-nonce"], "n");
        assert_eq!(answer.status() == 200, taken, "{nonce:?}");
        if !taken {
            let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
            assert_eq!(body["error"], "use_dpop_nonce");
        }
    }
    assert_eq!(stage.violations(), [""; 0]);
}

/// A call of the API with that scheme, and a proof by that key.
async fn call(stage: &Strict, scheme: &str, token: &str, key: Option<&EncodingKey>) -> u16 {
    let url = format!("{}x", stage.api_url());
    let request = reqwest::Client::new()
        .get(&url)
        .header("authorization", format!("{scheme} {token}"));
    let Some(key) = key else {
        return request.send().await.unwrap().status().as_u16();
    };
    let mut proof = proof(stage, "GET", &url);
    proof.claims["ath"] = URL_SAFE_NO_PAD.encode(Sha256::digest(token)).into();
    let request = request.header("dpop", proof.sign(Algorithm::ES256, key));
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn takes_a_bound_token_with_a_proof_by_its_key_alone() {
    let stage = post_stage().await;
    let (_, bound) = ask(&stage, &sign(&for_token(&stage)), &OWN).await;
    assert_eq!(text(&bound, "token_type"), "DPoP");
    let token = text(&bound, "access_token");
    let key = &keys().p256.signing;
    assert_eq!(call(&stage, "DPoP", token, Some(key)).await, 200);
    assert_eq!(call(&stage, "dpop", token, Some(key)).await, 200);
    assert_eq!(call(&stage, "DPoP", token, None).await, 401);
    assert_eq!(call(&stage, "Bearer", token, None).await, 401);
    assert_eq!(call(&stage, "Bearer", token, Some(key)).await, 401);
    let other = keys().p384.signing.clone();
    let mut proof = proof(&stage, "GET", &format!("{}x", stage.api_url()));
    let mut jwk = keys().p384.jwk.clone();
    jwk.as_object_mut().unwrap().remove("kid");
    proof.header = json!({"typ": "dpop+jwt", "alg": "ES384", "jwk": jwk});
    proof.claims["ath"] = URL_SAFE_NO_PAD.encode(Sha256::digest(token)).into();
    let request = reqwest::Client::new()
        .get(format!("{}x", stage.api_url()))
        .header("authorization", format!("DPoP {token}"))
        .header("dpop", proof.sign(Algorithm::ES384, &other));
    assert_eq!(request.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn refreshes_a_bound_token_with_its_own_key_alone() {
    let stage = post_stage().await;
    let seed = stage.issue_refresh_token("client", "read");
    let grant = [("grant_type", "refresh_token"), ("refresh_token", &*seed)];
    stage.set_rotation(oauth_stage::Rotation::Repeat);
    assert_eq!(ask(&stage, &sign(&for_token(&stage)), &grant).await.0, 200);
    assert_eq!(ask(&stage, &sign(&for_token(&stage)), &grant).await.0, 200);
    let (status, answer) = support::refresh(&stage, &seed).await;
    assert_eq!((status, text(&answer, "error")), (400, "invalid_grant"));
    support::assert_violation(&stage, "RFC 9449 5");
}

fn showing(stage: &Strict, identity: Option<&Identity>) -> reqwest::Client {
    let root = reqwest::Certificate::from_pem(stage.ca_pem().unwrap().as_bytes()).unwrap();
    let mut builder = reqwest::Client::builder().tls_certs_only([root]);
    if let Some(identity) = identity {
        let both = format!("{}{}", identity.certificate_pem, identity.key_pem);
        builder = builder.identity(reqwest::Identity::from_pem(both.as_bytes()).unwrap());
    }
    builder.build().unwrap()
}

async fn with_certificate(stage: &Strict, identity: Option<&Identity>) -> (u16, Value) {
    let form = [OWN[0], ("client_id", "client")];
    let request = showing(stage, identity).post(stage.token_url());
    answer(request.header("accept", "application/json").form(&form)).await
}

async fn asking(authority: &Authority, known: Authentication) -> Strict {
    let builder = Strict::builder().authority(authority).client_certificates();
    builder.client(client(known)).start().await.unwrap()
}

#[tokio::test]
async fn takes_the_certificate_that_a_client_is_registered_with_alone() {
    let authority = Authority::new().unwrap();
    let own = authority.client_identity("a.example").unwrap();
    let elsewhere = Authority::new().unwrap().client_identity("a.example");
    let others = [
        authority.client_identity("b.example").unwrap(),
        elsewhere.unwrap(),
        Identity::self_signed("a.example").unwrap(),
    ];
    let by_name = Authentication::Tls {
        san_dns: "a.example".into(),
    };
    let by_itself = Authentication::SelfSignedTls {
        thumbprint: own.thumbprint(),
    };
    for known in [by_name, by_itself] {
        let stage = asking(&authority, known).await;
        assert_eq!(with_certificate(&stage, Some(&own)).await.0, 200);
        assert_eq!(with_certificate(&stage, None).await.0, 401);
        for other in &others {
            assert_eq!(with_certificate(&stage, Some(other)).await.0, 401);
        }
    }
}

#[tokio::test]
async fn takes_a_token_with_the_certificate_that_it_is_bound_to_alone() {
    let authority = Authority::new().unwrap();
    let own = authority.client_identity("a.example").unwrap();
    let known = Authentication::Tls {
        san_dns: "a.example".into(),
    };
    let stage = asking(&authority, known).await;
    let (_, granted) = with_certificate(&stage, Some(&own)).await;
    let token = text(&granted, "access_token");
    assert_eq!(stage.certificate_of(token), Some(own.thumbprint()));
    let other = authority.client_identity("a.example").unwrap();
    for (identity, status) in [(Some(&own), 200), (Some(&other), 401), (None, 401)] {
        let request = showing(&stage, identity).get(stage.api_url());
        let answer = request.bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), status);
    }
    let unbound = stage.issue_access_token("client", "read");
    let call = async || {
        let request = showing(&stage, Some(&own)).get(stage.api_url());
        request.bearer_auth(&unbound).send().await.unwrap().status()
    };
    assert_eq!(call().await, 200);
    stage.require_bound_tokens(true);
    assert_eq!(call().await, 401);
}

#[tokio::test]
async fn shows_a_handler_the_key_and_the_certificate_of_a_call() {
    let authority = Authority::new().unwrap();
    let own = authority.client_identity("a.example").unwrap();
    let stage = asking(&authority, Authentication::None).await;
    stage.on("/api/judged", |call| {
        let token = call.header("authorization")?.strip_prefix("DPoP ")?;
        Some(match call.proof(token) {
            Ok(key) => {
                let shown = json!({"key": key, "certificate": call.certificate_thumbprint()});
                Answer::json(200, &shown)
            }
            Err(refusal) => refusal,
        })
    });
    let url = format!("{}judged", stage.api_url());
    let call = async |identity, proof: Option<&str>| {
        let request = showing(&stage, identity).get(&url);
        let request = request.header("authorization", "DPoP of-another-server");
        answer(match proof {
            Some(proof) => request.header("dpop", proof),
            None => request,
        })
        .await
    };
    let nothing = json!({"key": null, "certificate": null});
    assert_eq!(call(None, None).await, (200, nothing));
    let mut right = proof(&stage, "GET", &url);
    right.claims["ath"] = URL_SAFE_NO_PAD
        .encode(Sha256::digest("of-another-server"))
        .into();
    let right = sign(&right);
    let (status, shown) = call(Some(&own), Some(&right)).await;
    assert_eq!((status, shown["key"].is_string()), (200, true));
    assert_eq!(text(&shown, "certificate"), own.thumbprint());
    let (status, refusal) = call(Some(&own), Some(&right)).await;
    assert_eq!(
        (status, text(&refusal, "error")),
        (401, "invalid_dpop_proof")
    );
}

#[tokio::test]
async fn takes_an_assertion_that_the_registered_issuer_has_signed_alone() {
    let known = Authentication::Federated {
        issuer: "https://platform.example".into(),
        jwks: keys().jwks(),
    };
    let stage = support::stage(known).await;
    for (issuer, subject, status) in [
        ("https://platform.example", "client", 200),
        ("https://elsewhere.example", "client", 401),
        ("https://platform.example", "another", 401),
    ] {
        let mut assertion = Assertion::new(&stage, Algorithm::ES256);
        assertion.claims["iss"] = issuer.into();
        assertion.claims["sub"] = subject.into();
        let signed = assertion.signed(Algorithm::ES256);
        assert_eq!(support::with_assertion(&stage, &signed).await.0, status);
    }
    let secret = Authentication::SecretPost(SECRET.into());
    stage
        .register(RegisteredClient::new("client", secret))
        .unwrap();
    let mut assertion = Assertion::new(&stage, Algorithm::ES256);
    assertion.claims["iss"] = "https://platform.example".into();
    let signed = assertion.signed(Algorithm::ES256);
    assert_eq!(support::with_assertion(&stage, &signed).await.0, 401);
}
