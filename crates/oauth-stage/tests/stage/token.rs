use oauth_stage::{Authentication, Endpoint};
use serde_json::json;

use crate::support::{self, FORM, SECRET, assert_violation, grant, post, post_stage, stage, text};

#[tokio::test]
async fn grants_what_is_asked_for() {
    let stage = post_stage().await;
    let (status, answer) = grant(&stage, &[("scope", "read")]).await;
    assert_eq!(status, 200);
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 300);
    assert_eq!(answer["scope"], "read");
    assert!(answer.get("refresh_token").is_none());
    assert!(text(&answer, "access_token").len() >= 43);
    assert_eq!(stage.tokens_issued(), 1);
    assert_eq!(stage.violations(), [""; 0]);
}

#[tokio::test]
async fn grants_every_scope_where_none_is_asked_for() {
    let stage = post_stage().await;
    let (_, answer) = grant(&stage, &[]).await;
    assert_eq!(answer["scope"], "read write");
}

#[tokio::test]
async fn refuses_a_scope_that_may_not_be_had() {
    let stage = post_stage().await;
    let (status, answer) = grant(&stage, &[("scope", "read admin")]).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_scope")));
    assert_eq!(stage.violations(), [""; 0]);
}

#[tokio::test]
async fn refuses_a_scope_that_is_no_list() {
    for scope in ["read  write", "read ", "r\"", "lesen\u{e9}"] {
        let stage = post_stage().await;
        let (status, answer) = grant(&stage, &[("scope", scope)]).await;
        assert_eq!(
            (status, &answer["error"]),
            (400, &json!("invalid_scope")),
            "{scope:?}"
        );
        assert_violation(&stage, "RFC 6749 3.3");
    }
}

#[tokio::test]
async fn refuses_an_unknown_grant() {
    let stage = post_stage().await;
    let form = [&[("grant_type", "password")], &support::CREDENTIALS[..]].concat();
    let (status, answer) = support::token(&stage, &form).await;
    assert_eq!(
        (status, &answer["error"]),
        (400, &json!("unsupported_grant_type"))
    );
}

#[tokio::test]
async fn refuses_client_credentials_to_a_public_client() {
    let stage = stage(Authentication::None).await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "client"),
    ];
    let (status, answer) = support::token(&stage, &form).await;
    assert_eq!(
        (status, &answer["error"]),
        (400, &json!("unauthorized_client"))
    );
    assert_violation(&stage, "RFC 6749 4.4");
}

const RIGHT: &str = "grant_type=client_credentials&client_id=client&client_secret=a+secret%3A+of+100%25+reserved%2Fcharacters";

#[tokio::test]
async fn accepts_a_form_with_a_charset() {
    let stage = post_stage().await;
    for kind in [FORM, "application/x-www-form-urlencoded; charset=UTF-8"] {
        let request = post(&stage.token_url())
            .header("content-type", kind)
            .body(RIGHT);
        assert_eq!(support::answer(request).await.0, 200, "{kind}");
    }
}

#[tokio::test]
async fn refuses_a_form_that_breaks_a_rule() {
    for (change, rule) in [
        ("&scope=read&scope=read", "scope is there more than once"),
        ("&scope=", "scope is empty"),
        ("&scope", "scope is empty"),
        ("&scope=%zz", "% without two hex digits"),
        ("&scope=%ff", "not UTF-8"),
        ("&scope=a b", "reserved character"),
    ] {
        let stage = post_stage().await;
        let body = format!("{RIGHT}{change}");
        let request = post(&stage.token_url())
            .header("content-type", FORM)
            .body(body);
        let (status, answer) = support::answer(request).await;
        assert_eq!(
            (status, &answer["error"]),
            (400, &json!("invalid_request")),
            "{change}"
        );
        assert_violation(&stage, rule);
    }
}

#[tokio::test]
async fn refuses_another_content_type() {
    for kind in [
        "application/json",
        "text/plain",
        "application/x-www-form-urlencoded; charset=latin1",
    ] {
        let stage = post_stage().await;
        let request = post(&stage.token_url())
            .header("content-type", kind)
            .body(RIGHT);
        assert_eq!(support::answer(request).await.0, 400, "{kind}");
        assert_violation(&stage, "content type");
    }
}

#[tokio::test]
async fn refuses_another_method_than_post() {
    let stage = post_stage().await;
    let answer = reqwest::get(stage.token_url()).await.unwrap();
    assert_eq!(answer.status(), 405);
    assert_eq!(answer.headers()["allow"], "POST");
    assert_violation(&stage, "not POST");
}

#[tokio::test]
async fn refuses_a_client_that_does_not_accept_json() {
    for accept in [None, Some("*/*"), Some("text/html")] {
        let stage = post_stage().await;
        let mut request = reqwest::Client::new()
            .post(stage.token_url())
            .header("content-type", FORM)
            .body(RIGHT);
        if let Some(accept) = accept {
            request = request.header("accept", accept);
        }
        assert_eq!(support::answer(request).await.0, 406, "{accept:?}");
        assert_violation(&stage, "Accept");
    }
}

#[tokio::test]
async fn refuses_a_secret_in_the_query_and_keeps_it_out_of_its_words() {
    let stage = post_stage().await;
    let url = format!("{}?client_secret=hunter2hunter2", stage.token_url());
    let request = post(&url).header("content-type", FORM).body(RIGHT);
    assert_eq!(support::answer(request).await.0, 400);
    assert_violation(&stage, "client_secret is in the query");
    assert!(!format!("{:?}{:?}", stage.violations(), stage.log()).contains("hunter2"));
}

#[tokio::test]
async fn notices_a_registered_secret_in_any_address() {
    let stage = post_stage().await;
    let url = format!("{}/elsewhere", stage.url());
    let request = reqwest::Client::new().get(url).query(&[("q", SECRET)]);
    assert_eq!(support::answer(request).await.0, 404);
    assert_violation(&stage, "in the address");
}

#[tokio::test]
async fn keeps_a_query_of_the_token_url() {
    let stage = post_stage().await;
    let url = format!("{}?tenant=a", stage.token_url());
    let request = post(&url).header("content-type", FORM).body(RIGHT);
    assert_eq!(support::answer(request).await.0, 200);
    assert_eq!(stage.log()[0].query(), Some("tenant=a"));
    assert_eq!(stage.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn tells_caches_to_keep_nothing() {
    let stage = post_stage().await;
    let request = post(&stage.token_url())
        .header("content-type", FORM)
        .body(RIGHT);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "no-store");
}
