//! Keys that are not taken, and places that are not asked.

use std::net::TcpListener;

use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::jwks::{RemoteKeys, public_jwks};
use oauth_core::signing_key::{Algorithm, SigningKey};
use oauth_stage::{Answer, Endpoint, Socket, Step};
use serde_json::json;
use url::Url;

use crate::support::{clock, env, env_with, strict};
use crate::{JWKS, answer, is_refused, key, keys_of, publish, signed, signed_as, verify};

/// A listener that nobody may connect to.
fn trap() -> (TcpListener, String) {
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let url = format!("http://{}", trap.local_addr().unwrap());
    (trap, url)
}

#[track_caller]
fn nobody_came(trap: &TcpListener) {
    let error = trap.accept().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}

// JWT-027
#[tokio::test]
async fn r135_where_a_header_points_to_is_never_asked() {
    let clock = clock();
    let stage = strict(&clock).await;
    let (env, known, attacker) = (env(&clock), key(), key());
    publish(&stage, [&known]);
    let keys = keys_of(&env, &stage);
    let (trap, elsewhere) = trap();
    let header = |kid: &str| {
        json!({
            "alg": "ES256", "kid": kid, "jku": format!("{elsewhere}/jwks"),
            "x5u": format!("{elsewhere}/cert"), "jwk": attacker.public_jwk(),
        })
    };
    for (kid, kind) in [
        (attacker.key_id(), "Jwks.NoKey"),
        (known.key_id(), "Jwt.Signature"),
    ] {
        let token = signed_as(&attacker, &header(kid));
        is_refused(verify(&env, &keys, &token).await, kind);
    }
    let token = signed_as(&known, &header(known.key_id()));
    verify(&env, &keys, &token).await.unwrap();
    nobody_came(&trap);
    assert_eq!(stage.count(Endpoint::Any), stage.count(JWKS));
}

#[tokio::test]
async fn a_token_that_cannot_be_right_asks_nobody() {
    let clock = clock();
    let stage = strict(&clock).await;
    let (env, key) = (env(&clock), key());
    publish(&stage, [&key]);
    let keys = keys_of(&env, &stage);
    for (token, kind) in [
        ("a.b.c".to_owned(), "Jwt.Malformed"),
        (signed_as(&key, &json!({"alg": "none"})), "Jwt.Algorithm"),
        (signed_as(&key, &json!({"alg": "HS256"})), "Jwt.Algorithm"),
        (signed_as(&key, &json!({"alg": "RS256"})), "Jwt.Algorithm"),
        (
            signed_as(&key, &json!({"alg": "ES256", "typ": "at+jwt"})),
            "Jwt.Type",
        ),
        (
            signed_as(&key, &json!({"alg": "ES256", "crit": ["exp"]})),
            "Jwt.Critical",
        ),
    ] {
        is_refused(verify(&env, &keys, &token).await, kind);
    }
    assert_eq!(stage.connections(), 0);
}

// JWK-003
#[tokio::test]
async fn a_document_that_is_no_set_is_asked_for_once() {
    let clock = clock();
    let stage = strict(&clock).await;
    let (env, key) = (env(&clock), key());
    let many = vec![key.public_jwk(); 10_000];
    let long = json!({"keys": [], "pad": "x".repeat(5_000_000)});
    for (document, kind) in [
        (
            Answer::json(200, &json!({"keys": many})),
            "Protocol.TooLarge",
        ),
        (Answer::json(200, &long), "Protocol.TooLarge"),
        (
            Answer::json(200, &json!({"keys": vec![json!({}); 10_000]})),
            "Protocol.TooLarge",
        ),
        (Answer::text(200, "text/html", "<html>"), "Protocol.NotJson"),
        (Answer::json(200, &json!([])), "Protocol.NotObject"),
        (
            Answer::status(200).header("content-encoding", "gzip"),
            "Protocol.BadEncoding",
        ),
        (Answer::status(204), "Discovery.Missing"),
        (Answer::status(403), "Discovery.Missing"),
    ] {
        answer(&stage, document);
        let before = stage.count(JWKS);
        let keys = keys_of(&env, &stage);
        let error = is_refused(verify(&env, &keys, &signed(&key)).await, kind);
        assert_eq!(error.recovery(), Recovery::FixConfig);
        let text = error.to_string();
        let start = format!("the JWK set at {}/jwks: ", stage.url());
        assert!(
            text.starts_with(&start) && text.contains("`jwks_uri`"),
            "{text}"
        );
        assert_eq!(stage.count(JWKS), before + 1, "{kind}");
    }
}

#[tokio::test]
async fn an_endless_document_is_cut_off() {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{\"keys\":[";
    let script = vec![
        Step::ReadRequest,
        Step::text(head),
        Step::Endless {
            chunk: b"{\"kty\":\"oct\"},".repeat(1000),
        },
    ];
    let server = Socket::script(script).await.unwrap();
    let env = env(&clock());
    let url = format!("{}/jwks", server.url());
    let keys = RemoteKeys::configured(&env, "jwks_uri", &url).unwrap();
    is_refused(
        verify(&env, &keys, &signed(&key())).await,
        "Protocol.TooLarge",
    );
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn r008_a_redirect_of_keys_is_not_followed() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let (trap, elsewhere) = trap();
    for status in [301, 302, 303, 307, 308] {
        answer(
            &stage,
            Answer::status(status).header("location", &format!("{elsewhere}/jwks?a=b")),
        );
        let outcome = verify(&env, &keys_of(&env, &stage), &signed(&key())).await;
        let error = is_refused(outcome, "Protocol.RedirectRefused");
        assert!(error.to_string().contains(&elsewhere), "{error}");
        assert!(!error.to_string().contains("a=b"), "{error}");
    }
    nobody_came(&trap);
}

#[tokio::test]
async fn a_configured_place_is_a_url_that_may_be_used() {
    let env = env_with(&clock(), |settings| settings.loopback_http = false);
    for bad in [
        "",
        "jwks",
        "http://issuer.example/jwks",
        "http://127.0.0.1/jwks",
        "https://user:pass@issuer.example/jwks",
        "https://issuer.example/jwks#a",
        "file:///etc/passwd",
    ] {
        let error = RemoteKeys::configured(&env, "jwks_uri", bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{bad}");
        assert!(error.to_string().starts_with("jwks_uri: "), "{error}");
        assert!(!error.to_string().contains("pass@"), "{error}");
    }
}

#[tokio::test]
async fn r135_published_keys_stand_with_their_issuer_or_at_a_public_address() {
    let clock = clock();
    let stage = strict(&clock).await;
    let (env, key) = (env(&clock), key());
    publish(&stage, [&key]);
    let issuer: Url = stage.issuer().parse().unwrap();
    let published = |uri: Option<&str>| RemoteKeys::published(&env, &issuer, uri);

    let uri = format!("{}/jwks", stage.url());
    let keys = published(Some(&uri)).unwrap();
    verify(&env, &keys, &signed(&key)).await.unwrap();

    for (uri, kind) in [
        (None, "Discovery.Missing"),
        (Some("http://issuer.example/jwks"), "Discovery.Url"),
        (
            Some("https://user:pass@issuer.example/jwks"),
            "Discovery.Url",
        ),
        (Some("/jwks"), "Discovery.Url"),
        (Some(""), "Discovery.Url"),
        (Some("data:application/json,{}"), "Discovery.Url"),
    ] {
        let error = published(uri).unwrap_err();
        assert_eq!(error.kind().name(), kind, "{uri:?}");
        assert!(error.to_string().contains("`jwks_uri`"), "{error}");
        assert!(!error.to_string().contains("pass@"), "{error}");
    }

    // another host is taken, but not on our own network
    let trap = TcpListener::bind("127.0.0.2:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let port = trap.local_addr().unwrap().port();
    for host in [
        "https://127.0.0.2",
        "https://localhost",
        "https://169.254.169.254",
    ] {
        let keys = published(Some(&format!("{host}:{port}/jwks"))).unwrap();
        let error = is_refused(
            verify(&env, &keys, &signed(&key)).await,
            "Discovery.Address",
        );
        assert_eq!(error.recovery(), Recovery::FixConfig);
    }
    nobody_came(&trap);
}

#[tokio::test]
async fn r137_a_token_without_a_name_is_by_the_only_key_that_fits() {
    let clock = clock();
    let stage = strict(&clock).await;
    let (env, one, other) = (env(&clock), key(), key());
    let p384 = SigningKey::generate(Algorithm::ES384).unwrap();
    let unnamed = signed_as(&one, &json!({"alg": "ES256"}));
    answer(
        &stage,
        Answer::json(200, &public_jwks([&p384, &one]).unwrap()),
    );
    verify(&env, &keys_of(&env, &stage), &unnamed)
        .await
        .unwrap();
    publish(&stage, [&one, &other]);
    let keys = keys_of(&env, &stage);
    let before = stage.count(JWKS);
    is_refused(verify(&env, &keys, &unnamed).await, "Jwks.Ambiguous");
    assert_eq!(stage.count(JWKS), before + 1, "another look would not help");
}
