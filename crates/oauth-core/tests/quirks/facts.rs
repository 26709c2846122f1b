//! What else an answer says: carried on with the token.

use std::time::Duration;

use oauth_core::secret::Secret;
use oauth_core::server::ResourceServer;
use oauth_core::source::TokenSource as _;
use oauth_core::token::GrantedToken;
use serde_json::json;

use crate::{Vendor, granted};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn q045_the_api_host_comes_with_the_token() {
    let config = r#"
        [[departures.response.facts]]
        name = "instance_url"
        pointer = "/instance_url"
        host_suffixes = ["crm.example", "127.0.0.1"]
        [[departures.response.facts]]
        name = "org"
        pointer = "/ids/0"
    "#;
    let vendor = Vendor::new().await;
    let answer = |host: &str| {
        json!({
            "access_token": "token-1", "token_type": "Bearer", "expires_in": 3600,
            "instance_url": host, "ids": [7],
        })
    };
    let source = vendor.refreshing(config);
    for (host, is_origin) in [
        ("https://eu5.crm.example", true),
        (vendor.stage.url(), true),
        ("https://evil.example", false),
        ("https://crm.example.evil.example", false),
        ("https://crm.example@evil.example/", false),
        ("http://crm.example", false),
    ] {
        vendor.answers_json(answer(host));
        let token = source.token().await.unwrap();
        assert_eq!(token.fact("instance_url"), Some(host));
        assert_eq!(token.fact("org"), Some("7"));
        assert_eq!(
            token.origin_fact("instance_url").is_some(),
            is_origin,
            "{host}"
        );
        assert_eq!(token.origin_fact("org"), None);
        let shown = format!("{token:?}");
        assert!(
            shown.contains("instance_url") && !shown.contains("example"),
            "{shown}"
        );
        vendor.clock.advance(HOUR);
    }
    vendor.answers_json(answer(vendor.stage.url()));
    let token = source.token().await.unwrap();
    let url = token.origin_fact("instance_url").unwrap();
    ResourceServer::new(&vendor.env, "instance_url", url.as_str()).unwrap();
}

#[tokio::test]
async fn q045_a_fact_outlives_a_renewal_that_does_not_repeat_it() {
    let vendor = Vendor::new().await;
    let config =
        r#"departures.response.facts = [{ name = "api_domain", pointer = "/api_domain" }]"#;
    let source = vendor.refreshing(config);
    vendor.answers_json(json!({
        "access_token": "token-1", "token_type": "Bearer", "expires_in": 3600,
        "api_domain": "https://zohoapis.example",
    }));
    source.token().await.unwrap();
    vendor.clock.advance(HOUR);
    vendor.answers(granted());
    let token = source.token().await.unwrap();
    assert_eq!(vendor.count(), 2);
    assert_eq!(token.fact("api_domain"), Some("https://zohoapis.example"));
    assert_eq!(
        token.origin_fact("api_domain"),
        None,
        "no host is declared of it"
    );
}

#[tokio::test]
async fn q046_a_tenant_id_that_came_with_the_redirect() {
    let vendor = Vendor::new().await;
    let source = vendor.refreshing("");
    let login =
        GrantedToken::refresh_token(Secret::new("refresh-2")).with_fact("realmId", "4620816365");
    source.adopt(login).await.unwrap();
    for _ in 0..2 {
        vendor.answers(granted());
        let token = source.token().await.unwrap();
        assert_eq!(token.fact("realmId"), Some("4620816365"));
        vendor.clock.advance(HOUR);
    }
}
