use jsonwebtoken::Algorithm;
use oauth_stage::{Authentication, Endpoint};
use serde_json::json;

use crate::support::{
    self, Assertion, CREDENTIALS, SECRET, answer, grant, keys, post_stage, refresh, stage, text,
    with_assertion,
};

#[tokio::test]
async fn keeps_everything_in_order() {
    let stage = post_stage().await;
    grant(&stage, &[("scope", "read")]).await;
    answer(reqwest::Client::new().get(format!("{}x?y=1", stage.api_url()))).await;
    let log = stage.log();
    let places: Vec<Endpoint> = log.iter().map(|one| one.endpoint()).collect();
    assert_eq!(places, [Endpoint::Token, Endpoint::Api]);
    let form = [
        &[("grant_type", "client_credentials")],
        &CREDENTIALS[..],
        &[("scope", "read")],
    ];
    let form: Vec<(String, String)> = form
        .concat()
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect();
    assert_eq!(log[0].form(), form);
    assert_eq!(log[0].parameter("client_secret").as_deref(), Some(SECRET));
    assert_eq!(
        (log[0].method(), log[0].path(), log[0].status()),
        ("POST", "/token", Some(200))
    );
    assert_eq!(log[0].header("accept"), Some("application/json"));
    assert_eq!(log[0].answer_json().unwrap()["scope"], "read");
    assert_eq!((log[1].query(), log[1].status()), (Some("y=1"), Some(401)));
}

#[tokio::test]
async fn prints_no_secret() {
    let stage = post_stage().await;
    let token = stage.issue_refresh_token("client", "read");
    let (_, granted) = refresh(&stage, &token).await;
    let access = text(&granted, "access_token");
    let client = reqwest::Client::new();
    let url = format!("{}x", stage.api_url());
    answer(client.get(&url).bearer_auth(access)).await;
    answer(client.get(&url).query(&[("access_token", access)])).await;
    answer(client.get(format!("{}{access}", stage.api_url()))).await;
    answer(
        client
            .post(&url)
            .bearer_auth(access)
            .json(&json!({"echo": access})),
    )
    .await;
    answer(client.post(&url).json(&json!({"leaked": SECRET}))).await;
    let mut in_path = reqwest::Url::parse(&url).unwrap();
    in_path.path_segments_mut().unwrap().push(SECRET);
    answer(client.get(in_path.clone())).await;
    answer(client.get(&url).basic_auth("client", Some(SECRET))).await;
    answer(
        client
            .get(&url)
            .header("x-vendor-token", "a-vendors-own-token"),
    )
    .await;

    let log = stage.log();
    let text = format!("{log:?}{}{:?}{:?}", show(&log), stage.violations(), stage);
    let (_, in_path) = in_path.path().rsplit_once('/').unwrap();
    for secret in [SECRET, &token, access, "a-vendors-own-token", in_path] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    assert!(text.contains("Bearer [redacted]") && text.contains("refresh_token=[redacted]"));
    assert!(
        log[0]
            .answer_body()
            .windows(access.len())
            .any(|part| part == access.as_bytes())
    );
}

fn show(log: &[oauth_stage::Exchange]) -> String {
    log.iter()
        .map(|one| format!("{one}\n{:?}", one.request()))
        .collect()
}

#[tokio::test]
async fn prints_an_assertion_as_its_claims() {
    let stage = stage(Authentication::private_key_jwt(keys().jwks())).await;
    let assertion = Assertion::new(&stage, Algorithm::ES384).signed(Algorithm::ES384);
    with_assertion(&stage, &assertion).await;
    let shown = stage.log()[0].to_string();
    let first = shown.lines().next().unwrap();
    assert_eq!(first, "POST /token -> 200 OK");
    assert!(
        shown.contains(r#""iss":"client""#) && shown.contains(r#""alg":"ES384""#),
        "{shown}"
    );
    let (_, signature) = assertion.rsplit_once('.').unwrap();
    assert!(!shown.contains(signature));
}

#[tokio::test]
async fn prints_nothing_that_steers_a_terminal() {
    let stage = post_stage().await;
    support::token(&stage, &[("scope", "\u{1b}[31m\u{202e}\r")]).await;
    let shown = stage.log()[0].to_string();
    assert!(!shown.contains(['\u{1b}', '\u{202e}', '\r']), "{shown:?}");
}
