//! What a token endpoint wants to be sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oauth_core::source::TokenSource as _;
use oauth_stage::Answer;
use serde_json::json;

use crate::vendor::SECRET;
use crate::{Vendor, granted, pairs};

const TYPE: (&str, &str) = ("grant_type", "client_credentials");
const ID: (&str, &str) = ("client_id", "client");
const KEY: (&str, &str) = ("client_secret", SECRET);

fn basic(pair: &str) -> Option<String> {
    Some(format!("Basic {}", STANDARD.encode(pair)))
}

#[tokio::test]
async fn q001_get_token_request() {
    let vendor = Vendor::new().await;
    let config = r#"
        token_endpoint_auth_method = "client_secret_post"
        departures.request.method = "get"
    "#;
    vendor.answers(granted());
    let token = vendor.token(config).await;
    assert_eq!(token.access_token().expose(), "token-1");
    let sent = vendor.sent();
    assert_eq!(sent.method(), "GET");
    assert_eq!(sent.request().query_pairs(), pairs([TYPE, ID, KEY]));
    assert!(sent.request().body().is_empty() && sent.header("content-type").is_none());
}

#[tokio::test]
async fn q001_no_error_shows_the_query() {
    let vendor = Vendor::new().await;
    let config = r#"
        token_endpoint_auth_method = "client_secret_post"
        departures.request.method = "get"
    "#;
    let echo = format!("not {SECRET}");
    for answer in [
        Answer::json(
            401,
            &json!({"error": "invalid_client", "error_description": echo}),
        ),
        Answer::status(302).header("location", "/elsewhere"),
        Answer::text(200, "text/html", "<html>"),
    ] {
        vendor.answers(answer);
        let error = vendor.refused(config).await;
        for shown in [error.to_string(), format!("{error:?}")] {
            assert!(!shown.contains("s3cret"), "{shown}");
        }
        vendor.clock.advance(std::time::Duration::from_secs(120));
    }
}

#[tokio::test]
async fn q002_json_body() {
    let vendor = Vendor::new().await;
    vendor.answers(granted());
    let config = r#"{
        "token_endpoint_auth_method": "client_secret_post",
        "scopes": ["b", "a"],
        "departures": {"request": {"encoding": "json"}}
    }"#;
    vendor.token(config).await;
    let sent = vendor.sent();
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert_eq!(
        sent.request().json().unwrap(),
        json!({
            "grant_type": "client_credentials", "scope": "a b",
            "client_id": "client", "client_secret": SECRET,
        })
    );
}

#[tokio::test]
async fn q003_parameters_in_the_url() {
    let vendor = Vendor::new().await;
    vendor.answers(granted());
    let config = r#"departures.request.refresh.parameters_in = "query""#;
    vendor.refreshing(config).token().await.unwrap();
    let sent = vendor.sent();
    assert_eq!(
        (sent.method(), sent.request().query_pairs()),
        (
            "POST",
            pairs([
                ("grant_type", "refresh_token"),
                ("refresh_token", "refresh-1")
            ])
        )
    );
    assert!(sent.request().body().is_empty());
    vendor.answers(granted());
    vendor.token(config).await;
    assert_eq!(
        vendor.sent().query(),
        None,
        "it is declared of the refresh alone"
    );
}

#[tokio::test]
async fn q004_one_parameter_in_the_query_and_the_rest_as_json() {
    let vendor = Vendor::new().await;
    vendor.answers(granted());
    let config = r#"
        audience = "https://api.example"
        [departures.request]
        encoding = "json"
        query = ["audience"]
    "#;
    vendor.token(config).await;
    let sent = vendor.sent();
    assert_eq!(
        sent.request().query_pairs(),
        pairs([("audience", "https://api.example")])
    );
    assert_eq!(
        sent.request().json().unwrap(),
        json!({"grant_type": "client_credentials"})
    );
}

#[tokio::test]
async fn q006_renamed_parameters() {
    let vendor = Vendor::new().await;
    for (names, id, secret) in [
        (r#"client_id = "client_key""#, "client_key", "client_secret"),
        (
            r#"client_id = "appid", client_secret = "secret""#,
            "appid",
            "secret",
        ),
        (
            r#"client_id = "app_id", client_secret = "app_secret""#,
            "app_id",
            "app_secret",
        ),
    ] {
        vendor.answers(granted());
        let config = format!(
            "token_endpoint_auth_method = \"client_secret_post\"\n\
             departures.request.renamed = {{ {names} }}"
        );
        vendor.token(&config).await;
        assert_eq!(
            vendor.sent().form(),
            pairs([TYPE, (id, "client"), (secret, SECRET)])
        );
    }
}

#[tokio::test]
async fn q006_a_renamed_secret_is_struck_out_of_an_echo() {
    let vendor = Vendor::new().await;
    let echo = json!({"error": "invalid_request", "error_description": format!("bad {SECRET}")});
    vendor.answers(Answer::json(400, &echo));
    let config = r#"
        token_endpoint_auth_method = "client_secret_post"
        departures.request.renamed = { client_secret = "secret" }
    "#;
    let error = vendor.refused(config).await;
    assert_eq!(
        error.oauth().unwrap().description.as_deref(),
        Some("bad [REDACTED]")
    );
}

#[tokio::test]
async fn q007_grant_type_absent() {
    let vendor = Vendor::new().await;
    vendor.answers(granted());
    let config = r#"
        token_endpoint_auth_method = "client_secret_post"
        departures.request.omitted = ["grant_type"]
    "#;
    vendor.token(config).await;
    assert_eq!(vendor.sent().form(), pairs([ID, KEY]));
    // or for the refresh alone
    vendor.answers(granted());
    let config = r#"departures.request.refresh.omitted = ["grant_type"]"#;
    vendor.refreshing(config).token().await.unwrap();
    assert_eq!(
        vendor.sent().form(),
        pairs([("refresh_token", "refresh-1")])
    );
}

#[tokio::test]
async fn q008_client_authentication_in_the_header_alone() {
    let vendor = Vendor::new().await;
    vendor.answers(granted());
    vendor.token("").await;
    let sent = vendor.sent();
    assert_eq!(
        sent.header("authorization").map(str::to_owned),
        basic("client:s3cret%2B%2F%3D")
    );
    assert_eq!(sent.form(), pairs([TYPE]));
}

#[tokio::test]
async fn q009_client_authentication_in_the_body_alone() {
    let vendor = Vendor::new().await;
    vendor.answers(granted());
    let config = r#"token_endpoint_auth_method = "client_secret_post""#;
    vendor.token(config).await;
    let sent = vendor.sent();
    assert_eq!(sent.header("authorization"), None);
    assert_eq!(sent.form(), pairs([TYPE, ID, KEY]));
}

#[tokio::test]
async fn q010_never_both_ways_of_client_authentication() {
    let vendor = Vendor::new().await;
    for (method, in_header) in [("client_secret_basic", true), ("client_secret_post", false)] {
        vendor.answers(granted());
        vendor
            .token(&format!("token_endpoint_auth_method = \"{method}\""))
            .await;
        let sent = vendor.sent();
        assert_eq!(sent.headers().contains_key("authorization"), in_header);
        assert_eq!(sent.parameter("client_secret").is_some(), !in_header);
        assert_eq!(sent.parameter("client_id").is_some(), !in_header);
    }
}

#[tokio::test]
async fn q011_basic_that_is_not_encoded_as_a_form() {
    let vendor = Vendor::new().await;
    vendor.answers(granted());
    let config = r#"departures.request.basic_encoding = "raw""#;
    vendor.token(config).await;
    assert_eq!(
        vendor.sent().header("authorization").map(str::to_owned),
        basic("client:s3cret+/=")
    );
}

#[tokio::test]
async fn q012_basic_without_the_client_id() {
    let vendor = Vendor::new().await;
    vendor.answers(granted());
    let config = r#"
        [departures.request]
        basic_credentials = "secret_alone"
        basic_encoding = "raw"
    "#;
    vendor.token(config).await;
    assert_eq!(
        vendor.sent().header("authorization").map(str::to_owned),
        basic("s3cret+/=:")
    );
}

#[tokio::test]
async fn q015_vendor_headers() {
    let vendor = Vendor::new().await;
    vendor.answers(granted());
    let config = r#"
        [departures.request.headers]
        "WM_SVC.NAME" = "market"
        x-api-key = "key-1"
        [departures.request.refresh.headers]
        X-Api-Key = "key-2"
    "#;
    vendor.token(config).await;
    let sent = vendor.sent();
    assert_eq!(sent.header("wm_svc.name"), Some("market"));
    assert_eq!(sent.header("x-api-key"), Some("key-1"));
    vendor.answers(granted());
    vendor.refreshing(config).token().await.unwrap();
    let sent = vendor.sent();
    assert_eq!(sent.header("wm_svc.name"), Some("market"));
    assert_eq!(sent.headers().get_all("x-api-key").iter().count(), 1);
    assert_eq!(sent.header("x-api-key"), Some("key-2"));
}

#[tokio::test]
async fn q016_constant_parameters() {
    let vendor = Vendor::new().await;
    let config = r#"
        [departures.request.parameters]
        type = "web_server"
        action = "requesttoken"
        [departures.request.refresh.parameters]
        type = "refresh"
    "#;
    vendor.answers(granted());
    vendor.token(config).await;
    assert_eq!(
        vendor.sent().form(),
        pairs([TYPE, ("action", "requesttoken"), ("type", "web_server")])
    );
    vendor.answers(granted());
    vendor.refreshing(config).token().await.unwrap();
    let sent = vendor.sent();
    assert_eq!(sent.parameter("type").as_deref(), Some("refresh"));
    assert_eq!(sent.parameter("action").as_deref(), Some("requesttoken"));
}

#[tokio::test]
async fn q021_audience_and_resource() {
    let vendor = Vendor::new().await;
    vendor.answers(granted());
    let config = r#"
        audience = "api.cloud.example"
        resource = ["https://erp.example/", "https://crm.example/"]
    "#;
    vendor.token(config).await;
    assert_eq!(
        vendor.sent().form(),
        pairs([
            TYPE,
            ("resource", "https://erp.example/"),
            ("resource", "https://crm.example/"),
            ("audience", "api.cloud.example"),
        ])
    );
}

#[tokio::test]
async fn q022_a_grant_type_of_the_vendor() {
    let vendor = Vendor::new().await;
    vendor.answers(granted());
    let config = r#"
        [departures.request]
        grant_types = { client_credentials = "account_credentials" }
        parameters = { account_id = "7" }
    "#;
    vendor.token(config).await;
    assert_eq!(
        vendor.sent().form(),
        pairs([("grant_type", "account_credentials"), ("account_id", "7")])
    );
}

#[tokio::test]
async fn q026_a_token_url_for_each_tenant() {
    let vendor = Vendor::new().await;
    let tenants = ["acme", "globex"].map(|tenant| vendor.source_at(&format!("{tenant}/token"), ""));
    for (tenant, path) in tenants
        .iter()
        .zip(["/vendor/acme/token", "/vendor/globex/token"])
    {
        vendor.answers(granted());
        tenant.token().await.unwrap();
        assert_eq!(vendor.sent().path(), path);
    }
    assert_ne!(tenants[0].key().record_id(), tenants[1].key().record_id());
}
