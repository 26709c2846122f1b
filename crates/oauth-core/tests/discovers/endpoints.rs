//! Which endpoints and algorithms are refused, although the document is right.

use std::net::TcpListener;
use std::time::Duration;

use oauth_core::client_auth::{Audience, ClientAuth, HmacAlgorithm};
use oauth_core::error::{ErrorKind, Recovery};
use oauth_stage::{Authentication, Endpoint, RegisteredClient};
use serde_json::json;

use crate::support::{CLIENT, SCOPES, SECRET, clock, env, env_with, given, strict, strict_builder};
use crate::{OAUTH, wanted, with};

#[tokio::test]
async fn r134_another_host_on_an_address_of_our_own_network_is_refused_unconnected() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let trap = TcpListener::bind("127.0.0.2:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let port = trap.local_addr().unwrap().port();
    for endpoint in [
        format!("http://127.0.0.2:{port}/token"),
        format!("https://127.0.0.2:{port}/token"),
        format!("https://0x7f.2:{port}/token"),
        format!("https://[::ffff:127.0.0.2]:{port}/token"),
        format!("https://localhost:{port}/token"),
        "https://[::1]/token".into(),
        "https://0.0.0.0/token".into(),
        "https://10.0.0.1/token".into(),
        "https://169.254.169.254/latest/meta-data".into(),
        "https://[fe80::1]/token".into(),
        "https://[fd00::1]/token".into(),
        "https://[64:ff9b::a9fe:a9fe]/token".into(),
    ] {
        stage.answer_always(OAUTH, Some(with(&stage, "token_endpoint", json!(endpoint))));
        let error = wanted(&env, &stage).token().await.unwrap_err();
        assert_eq!(
            error.kind().name(),
            "Discovery.Address",
            "{endpoint}: {error}"
        );
        assert_eq!(error.recovery(), Recovery::FixConfig);
        let text = error.to_string();
        assert!(
            text.contains("private_endpoints") && text.contains("`token_url`"),
            "{text}"
        );
        clock.advance(Duration::from_secs(4000));
    }
    assert_eq!(stage.count(Endpoint::Token), 0);
    assert_eq!(
        trap.accept().unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
}

#[tokio::test]
async fn another_host_on_our_own_network_is_taken_where_that_is_allowed() {
    let clock = clock();
    let stage = strict_builder(&clock).tls().start().await.unwrap();
    let elsewhere = stage.token_url().replace("127.0.0.1", "localhost");
    stage.answer_always(
        OAUTH,
        Some(with(&stage, "token_endpoint", json!(elsewhere))),
    );
    let env = env_with(&clock, |settings| {
        settings.ca_roots = vec![stage.ca_pem().unwrap().to_owned()];
        settings.private_endpoints = true;
    });
    wanted(&env, &stage).token().await.unwrap();
    assert_eq!(stage.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn r033_an_algorithm_that_the_server_does_not_take_is_not_sent() {
    let clock = clock();
    let stage = strict(&clock).await;
    let known = Authentication::secret_jwt(SECRET);
    stage
        .register(RegisteredClient::new(CLIENT, known).scopes(SCOPES))
        .unwrap();
    let env = env(&clock);
    let (hash, audience) = (HmacAlgorithm::HS256, Audience::TokenEndpoint);
    let client = ClientAuth::secret_jwt(&env, CLIENT, given(SECRET), hash, audience).unwrap();
    let member = "token_endpoint_auth_signing_alg_values_supported";
    for list in [json!(["RS384", "ES384"]), json!(["none"]), json!([])] {
        stage.answer_always(OAUTH, Some(with(&stage, member, list)));
        let wanted = wanted(&env, &stage).client(client.clone());
        let error = wanted.token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(error.to_string().contains("HS256"), "{error}");
        clock.advance(Duration::from_secs(4000));
    }
    assert_eq!(stage.count(Endpoint::Token), 0);
    for list in [json!(["RS384", "HS256"]), json!(null)] {
        stage.answer_always(OAUTH, Some(with(&stage, member, list)));
        wanted(&env, &stage)
            .client(client.clone())
            .token()
            .await
            .unwrap();
        clock.advance(Duration::from_secs(4000));
    }
    assert_eq!(stage.count(Endpoint::Token), 2);
    assert!(stage.violations().is_empty(), "{:?}", stage.violations());
}
