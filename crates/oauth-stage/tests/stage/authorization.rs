use oauth_stage::{Authentication, Endpoint, RegisteredClient, Strict};
use serde_json::{Value, json};

use crate::support::{CREDENTIALS, SECRET, answer, assert_violation, post, text, token};

const AT: &str = "https://app.example/callback";
/// RFC 7636 B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const STATE: &str = "a-state-that-nobody-guesses";

fn client() -> RegisteredClient {
    RegisteredClient::new("client", Authentication::SecretPost(SECRET.into()))
        .scopes(["read", "openid"])
        .redirect_uris([AT, "http://127.0.0.1/cb"])
}

async fn stage() -> Strict {
    Strict::builder().client(client()).start().await.unwrap()
}

/// A request that is right, but for those parameters; an empty one is left out.
fn asked<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut pairs = vec![
        ("response_type", "code"),
        ("client_id", "client"),
        ("redirect_uri", AT),
        ("scope", "read"),
        ("state", STATE),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in changes {
        pairs.retain(|(known, _)| known != name);
        pairs.push((name, value));
    }
    pairs.retain(|(_, value)| !value.is_empty());
    pairs
}

/// Where the browser is sent, or the refusal.
async fn browse(stage: &Strict, pairs: &[(&str, &str)]) -> Result<String, Value> {
    let policy = reqwest::redirect::Policy::none();
    let browser = reqwest::Client::builder().redirect(policy).build().unwrap();
    let request = browser.get(stage.authorization_url()).query(pairs);
    let answered = request.send().await.unwrap();
    match answered.headers().get("location") {
        Some(location) => Ok(location.to_str().unwrap().to_owned()),
        None => Err(answered.json().await.unwrap()),
    }
}

async fn code(stage: &Strict, changes: &[(&str, &str)]) -> String {
    let location = browse(stage, &asked(changes)).await.unwrap();
    let (_, rest) = location.split_once("code=").unwrap();
    rest.split('&').next().unwrap().to_owned()
}

async fn redeem(stage: &Strict, changes: &[(&str, &str)]) -> (u16, Value) {
    let mut form = vec![("grant_type", "authorization_code"), ("redirect_uri", AT)];
    form.push(("code_verifier", VERIFIER));
    form.extend(CREDENTIALS);
    for (name, value) in changes {
        form.retain(|(known, _)| known != name);
        form.push((name, value));
    }
    token(stage, &form).await
}

#[tokio::test]
async fn a_code_that_is_bound_to_a_key_brings_nothing_without_it() {
    let stage = stage().await;
    let code = code(&stage, &[("dpop_jkt", "the thumbprint of a key")]).await;
    let (status, refused) = redeem(&stage, &[("code", &code)]).await;
    assert_eq!((status, text(&refused, "error")), (400, "invalid_grant"));
    assert_violation(&stage, "RFC 9449 10");
}

#[tokio::test]
async fn a_code_comes_with_state_and_issuer_and_brings_tokens_once() {
    let stage = stage().await;
    let location = browse(&stage, &asked(&[])).await.unwrap();
    assert!(location.starts_with(&format!("{AT}?code=")), "{location}");
    assert!(
        location.contains(&format!("&state={STATE}&iss=http%3A%2F%2F127.0.0.1")),
        "{location}"
    );
    let code = code(&stage, &[]).await;
    let (status, granted) = redeem(&stage, &[("code", &code)]).await;
    assert_eq!((status, &granted["scope"]), (200, &json!("read")));
    let live = stage.fate(text(&granted, "refresh_token"));
    assert_eq!(live, Some(oauth_stage::Fate::Unspent));
    assert!(stage.violations().is_empty());
    // the second time costs what the first one brought (RFC 6749 4.1.2)
    let (status, refused) = redeem(&stage, &[("code", &code)]).await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")));
    assert_violation(&stage, "came twice");
    let revoked = stage.fate(text(&granted, "refresh_token"));
    assert_eq!(revoked, Some(oauth_stage::Fate::Revoked));
}

#[tokio::test]
async fn a_code_is_refused_without_its_proof() {
    for (changes, says) in [
        (
            [("code_verifier", "x".repeat(43).as_str())],
            "code_verifier is another one",
        ),
        ([("code_verifier", "short")], "code_verifier is none"),
        (
            [("redirect_uri", "https://app.example/other")],
            "redirect_uri is not the one",
        ),
    ] {
        let stage = stage().await;
        let code = code(&stage, &[]).await;
        let (status, refused) = redeem(&stage, &[changes[0], ("code", &code)]).await;
        assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")));
        assert_violation(&stage, says);
    }
}

#[tokio::test]
async fn a_request_is_refused_for_what_the_rfcs_forbid() {
    for (change, says) in [
        (
            ("redirect_uri", "https://evil.example/"),
            "redirect_uri is none that is registered",
        ),
        (
            ("redirect_uri", "http://127.0.0.1:1234/other"),
            "redirect_uri is none that is registered",
        ),
        (("response_type", "token"), "response_type is not code"),
        (
            ("code_challenge_method", "plain"),
            "code_challenge_method is not S256",
        ),
        (("code_challenge", ""), "code_challenge is missing"),
        (("code_challenge", "short"), "code_challenge is no SHA-256"),
        (("state", ""), "state or nonce is missing"),
        (("state", "guessed"), "state or nonce is missing"),
        (("scope", "openid"), "nonce is missing"),
        (("client_secret", "x"), "client_secret is in the query"),
    ] {
        let stage = stage().await;
        let refused = browse(&stage, &asked(&[change])).await;
        assert!(
            refused.is_err() || says.starts_with("client_secret"),
            "{change:?}"
        );
        assert_violation(&stage, says);
    }
    let stage = stage().await;
    let at = ("redirect_uri", "http://127.0.0.1:1234/cb");
    browse(&stage, &asked(&[at])).await.unwrap();
    assert!(stage.violations().is_empty());
}

#[tokio::test]
async fn a_pushed_request_counts_once_and_stands_alone() {
    let stage = stage().await;
    let push = |pairs: Vec<(&str, &str)>| {
        let mut form: Vec<(String, String)> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        form.push(("client_secret".into(), SECRET.into()));
        answer(post(&stage.pushed_authorization_url()).form(&form))
    };
    let (status, pushed) = push(asked(&[])).await;
    assert_eq!((status, &pushed["expires_in"]), (201, &json!(60)));
    let uri = text(&pushed, "request_uri");
    let reference = [("client_id", "client"), ("request_uri", uri)];
    browse(&stage, &reference).await.unwrap();
    assert!(stage.violations().is_empty());
    browse(&stage, &reference).await.unwrap_err();
    assert_violation(&stage, "request_uri is unknown, used before");
    let (_, pushed) = push(asked(&[])).await;
    let uri = text(&pushed, "request_uri");
    let beside = [
        ("client_id", "client"),
        ("request_uri", uri),
        ("scope", "read"),
    ];
    browse(&stage, &beside).await.unwrap_err();
    let last = stage.violations().pop().unwrap();
    assert!(
        last.contains("scope stands beside client_id and request_uri"),
        "{last}"
    );
    let (status, _) = push(asked(&[("request_uri", "urn:x")])).await;
    assert_eq!(status, 400);
    assert_eq!(stage.count(Endpoint::PushedAuthorization), 3);
}
