//! A token for another (RFC 8693).

use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::grant::exchange::{ACCESS_TOKEN, JWT, SAML2};
use oauth_core::grant::{Grant, TokenExchange, TypedToken};
use oauth_core::oauth_client::Exchanged;
use oauth_core::secret::Secret;
use oauth_stage::{Answer, Endpoint};
use serde_json::{Value, json};

use crate::client;
use crate::support::{clock, env, strict};

fn answer(token_type: &str, issued: Value) -> Answer {
    let body =
        json!({"access_token": "new", "token_type": token_type, "issued_token_type": issued});
    Answer::json(200, &body)
}

fn exchange() -> TokenExchange {
    let mut exchange = TokenExchange::new(Secret::new("canary-subject"), JWT);
    exchange.actor = Some(TypedToken {
        token: Secret::new("canary-actor"),
        token_type: ACCESS_TOKEN.into(),
    });
    exchange
}

#[tokio::test]
async fn r172_what_is_no_access_token_is_none_by_its_type() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    stage.answer(Endpoint::Token, answer("N_A", json!(SAML2)));
    let Exchanged::Other(other) = client.exchange(exchange()).await.unwrap() else {
        panic!("an access token")
    };
    assert_eq!(other.issued_token_type, SAML2);

    stage.answer(Endpoint::Token, answer("N_A", json!(SAML2)));
    let grant = Grant::TokenExchange(exchange());
    let error = client.token(grant).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TokenType, "{error}");
    assert_eq!(error.recovery(), Recovery::FixConfig, "{error}");
    let text = error.to_string(); // no declaration makes it one
    let remedy = "`OAuthClient::exchange`";
    assert!(
        text.contains(remedy) && !text.contains("departures"),
        "{text}"
    );

    stage.answer(Endpoint::Token, answer("Bearer", json!(ACCESS_TOKEN)));
    let exchanged = client.exchange(exchange()).await.unwrap();
    assert!(
        matches!(exchanged, Exchanged::AccessToken(_)),
        "{exchanged:?}"
    );
    let sent = stage.log().last().unwrap().clone();
    for (name, value) in [
        ("subject_token", "canary-subject"),
        ("subject_token_type", JWT),
        ("actor_token", "canary-actor"),
        ("actor_token_type", ACCESS_TOKEN),
    ] {
        assert_eq!(sent.parameter(name).as_deref(), Some(value));
    }
}

#[tokio::test]
async fn r171_what_was_issued_is_said_and_is_what_was_asked_for() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    for (token_type, issued, wanted, kind) in [
        ("Bearer", json!(null), None, "Protocol.MissingField"),
        ("Bearer", json!(""), None, "Protocol.MissingField"),
        ("Bearer", json!(7), None, "Protocol.BadType"),
        ("N_A", json!(SAML2), Some(JWT), "Protocol.BadValue"),
        ("N_A", json!(ACCESS_TOKEN), None, "Protocol.BadValue"),
    ] {
        stage.answer(Endpoint::Token, answer(token_type, issued));
        let mut exchange = exchange();
        exchange.requested_token_type = wanted.map(str::to_owned);
        let error = client.exchange(exchange).await.unwrap_err();
        assert_eq!(error.kind().name(), kind, "{error}");
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}
