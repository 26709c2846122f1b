use oauth_stage::{Authentication, Endpoint, Strict};
use serde_json::{Value, json};

use crate::support::{SECRET, answer, client, grant, keys};

async fn get(stage: &Strict, path: &str) -> (u16, Value) {
    answer(reqwest::Client::new().get(format!("{}{path}", stage.url()))).await
}

#[tokio::test]
async fn describes_itself_at_each_well_known_place() {
    let stage = Strict::builder()
        .client(client(Authentication::private_key_jwt(keys().jwks())))
        .scopes_supported(["read"])
        .start()
        .await
        .unwrap();
    let (status, document) = get(&stage, "/.well-known/oauth-authorization-server").await;
    assert_eq!(status, 200);
    assert_eq!(document["issuer"], stage.issuer());
    assert_eq!(document["token_endpoint"], stage.token_url());
    assert_eq!(document["scopes_supported"], json!(["read"]));
    assert_eq!(
        document["token_endpoint_auth_methods_supported"],
        json!(["private_key_jwt"])
    );
    let algorithms = &document["token_endpoint_auth_signing_alg_values_supported"];
    assert_eq!(algorithms.as_array().unwrap().len(), 9);
    assert_eq!(
        get(&stage, "/.well-known/openid-configuration").await.1,
        document
    );

    let (status, smart) = get(&stage, "/api/.well-known/smart-configuration").await;
    assert_eq!(
        (status, &smart["token_endpoint"]),
        (200, &json!(stage.token_url()))
    );
    assert!(smart["capabilities"].is_array());
    assert_eq!(stage.count(Endpoint::SmartConfiguration), 1);
    assert_eq!(stage.violations(), [""; 0]);
}

#[tokio::test]
async fn puts_an_issuers_path_where_each_rule_says() {
    let stage = Strict::builder()
        .issuer_path("/tenant")
        .client(client(Authentication::SecretPost(SECRET.into())))
        .start()
        .await
        .unwrap();
    assert_eq!(stage.issuer(), format!("{}/tenant", stage.url()));
    assert_eq!(stage.token_url(), format!("{}/tenant/token", stage.url()));
    for (path, status) in [
        ("/.well-known/oauth-authorization-server/tenant", 200),
        ("/tenant/.well-known/openid-configuration", 200),
        ("/.well-known/oauth-authorization-server", 404),
        ("/.well-known/openid-configuration", 404),
        ("/tenant/.well-known/oauth-authorization-server", 404),
    ] {
        assert_eq!(get(&stage, path).await.0, status, "{path}");
    }
    assert_eq!(grant(&stage, &[]).await.0, 200);
}

#[tokio::test]
async fn refuses_an_issuers_path_that_cannot_be() {
    for path in ["tenant", "/tenant/", "/"] {
        assert!(
            Strict::builder().issuer_path(path).start().await.is_err(),
            "{path}"
        );
    }
}
