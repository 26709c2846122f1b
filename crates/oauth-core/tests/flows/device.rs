//! A login on another device (RFC 8628).

use std::time::Duration;

use chrono::TimeDelta;
use oauth_core::client_auth::ClientAuth;
use oauth_core::env::Env;
use oauth_core::error::{BindingFault, ErrorKind, Recovery};
use oauth_core::oauth_client::{DeviceAuthorization, DeviceAuthorizationRequest, OAuthClient};
use oauth_core::server::{Departures, EndpointKind};
use oauth_core::token::Scopes;
use oauth_stage::{Answer, Endpoint, Strict};
use serde_json::{Value, json};

use crate::support::{basic, clock, env, env_with, impatient, strict};
use crate::{assert_no_violation, configured};

const CODES: Endpoint = Endpoint::Below("/device_authorization");
const CANARY: &str = "canary-device-code";

fn client(env: &Env, stage: &Strict) -> OAuthClient {
    let url = format!("{}/device_authorization", stage.url());
    let server = configured(env, stage)
        .with_endpoint(env, EndpointKind::DeviceAuthorization, &url)
        .unwrap()
        .with_device_grant();
    OAuthClient::new(env, server, basic(env)).unwrap()
}

fn codes(change: impl FnOnce(&mut Value)) -> Answer {
    let mut body = json!({
        "device_code": CANARY, "user_code": "ABCD-EFGH", "expires_in": 600,
        "verification_uri": "https://auth.example/device",
    });
    change(&mut body);
    Answer::json(200, &body)
}

fn refusal(code: &str) -> Answer {
    Answer::json(400, &json!({"error": code}))
}

fn granted() -> Answer {
    Answer::json(
        200,
        &json!({"access_token": "at-1", "token_type": "Bearer"}),
    )
}

async fn begun(client: &OAuthClient, stage: &Strict, interval: Value) -> DeviceAuthorization {
    stage.answer(CODES, codes(|body| body["interval"] = interval));
    let request = DeviceAuthorizationRequest {
        scopes: Scopes::parse("read").unwrap(),
        ..DeviceAuthorizationRequest::default()
    };
    client.device_authorization(request).await.unwrap()
}

/// The seconds between the polls, from the answer with the codes on.
fn pauses(stage: &Strict) -> Vec<i64> {
    let log = stage.log();
    let moments: Vec<_> = log.iter().map(|one| one.at()).collect();
    let pairs = moments.windows(2);
    pairs
        .map(|pair| (pair[1] - pair[0]).num_seconds())
        .collect()
}

#[tokio::test]
async fn r122_r123_it_polls_while_the_user_has_not_decided_and_more_slowly_when_told() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    let login = begun(&client, &stage, json!(null)).await;
    for code in [
        "authorization_pending",
        "slow_down",
        "authorization_pending",
        "slow_down",
    ] {
        stage.answer(Endpoint::Token, refusal(code));
    }
    stage.answer(Endpoint::Token, granted());
    let token = client.device_token(&login).await.unwrap();
    assert_eq!(token.access_token.expose(), "at-1");
    assert_eq!(
        token.scopes.to_string(),
        "read",
        "as asked for (RFC 6749 5.1)"
    );
    assert_eq!(pauses(&stage), [5, 5, 10, 10, 15]);
    let log = stage.log();
    assert_eq!(log[0].parameter("scope").as_deref(), Some("read"));
    let poll = log.last().unwrap();
    let urn = "urn:ietf:params:oauth:grant-type:device_code";
    assert_eq!(poll.parameter("grant_type").as_deref(), Some(urn));
    assert_eq!(poll.parameter("device_code").as_deref(), Some(CANARY));
    assert_no_violation(&stage);
}

#[tokio::test]
async fn a_user_who_has_not_decided_is_no_failure_in_the_log() {
    let tape = crate::support::tape::Tape::from(tracing::Level::DEBUG);
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    let login = begun(&client, &stage, json!(5)).await;
    for _ in 0..3 {
        stage.answer(Endpoint::Token, refusal("authorization_pending"));
    }
    stage.answer(Endpoint::Token, refusal("access_denied"));
    client.device_token(&login).await.unwrap_err();
    let polls = tape.lines("token request");
    let at = |level: &str| polls.iter().filter(|line| line.contains(level)).count();
    assert_eq!((at("WARN"), at("DEBUG")), (1, 3), "{polls:#?}");
}

#[tokio::test]
async fn r127_it_never_polls_before_the_interval() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    let login = begun(&client, &stage, json!(31)).await;
    stage.answer(Endpoint::Token, refusal("authorization_pending"));
    stage.answer(Endpoint::Token, granted());
    client.device_token(&login).await.unwrap();
    assert_eq!(pauses(&stage), [31, 31]);
}

#[tokio::test]
async fn r123_any_other_error_is_the_end() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    for (code, recovery) in [
        ("access_denied", Recovery::LogInAgain),
        ("expired_token", Recovery::LogInAgain),
        ("invalid_grant", Recovery::LogInAgain),
        ("invalid_request", Recovery::FixConfig),
        ("surprise", Recovery::Report),
    ] {
        let login = begun(&client, &stage, json!(5)).await;
        let before = stage.count(Endpoint::Token);
        stage.answer(Endpoint::Token, refusal(code));
        let error = client.device_token(&login).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OAuth, "{error}");
        assert_eq!(error.oauth().unwrap().code, code);
        assert_eq!(error.recovery(), recovery, "{error}");
        assert_eq!(stage.count(Endpoint::Token), before + 1);
    }
}

#[tokio::test]
async fn r124_a_poll_that_gets_no_connection_halves_the_pace() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    let login = begun(&client, &stage, json!(5)).await;
    stage.shutdown().await;
    let error = client.device_token(&login).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LoggedOut, "{error}");
    let slept: Vec<u64> = clock.slept().iter().map(Duration::as_secs).collect();
    assert_eq!(slept, [5, 10, 20, 40, 80, 160]);
}

#[tokio::test]
async fn r125_it_stops_when_the_codes_expire_and_begins_no_other_login() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    stage.answer(CODES, codes(|body| body["expires_in"] = json!(60)));
    let request = DeviceAuthorizationRequest::default();
    let login = client.device_authorization(request).await.unwrap();
    stage.answer_always(Endpoint::Token, Some(refusal("authorization_pending")));
    let began = stage.now();
    let error = client.device_token(&login).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LoggedOut);
    assert_eq!(error.recovery(), Recovery::LogInAgain);
    assert_eq!(stage.count(Endpoint::Token), 11);
    assert!(stage.now() - began < TimeDelta::seconds(60));
    assert_eq!(stage.count(CODES), 1);
}

#[tokio::test]
async fn a_poll_whose_answer_is_lost_is_followed_by_one_more() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env_with(&clock, impatient), &stage);
    // the token was in the lost answer, and the code is spent
    let login = begun(&client, &stage, json!(5)).await;
    stage.answer(Endpoint::Token, granted());
    stage.lose_answer(Endpoint::Token);
    stage.answer(Endpoint::Token, refusal("invalid_grant"));
    let error = client.device_token(&login).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ambiguous, "{error}");
    assert_eq!(stage.count(Endpoint::Token), 2);

    // it was not
    let login = begun(&client, &stage, json!(5)).await;
    stage.answer(Endpoint::Token, refusal("authorization_pending"));
    stage.lose_answer(Endpoint::Token);
    stage.answer(Endpoint::Token, refusal("authorization_pending"));
    stage.answer(Endpoint::Token, granted());
    client.device_token(&login).await.unwrap();
    assert_eq!(stage.count(Endpoint::Token), 5);

    // two in a row
    let login = begun(&client, &stage, json!(5)).await;
    for _ in 0..2 {
        stage.answer(Endpoint::Token, refusal("authorization_pending"));
        stage.lose_answer(Endpoint::Token);
    }
    let error = client.device_token(&login).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ambiguous, "{error}");
    assert_eq!(stage.count(Endpoint::Token), 7);
}

#[tokio::test]
async fn r126_no_code_is_shown() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    let login = begun(&client, &stage, json!(5)).await;
    let body = json!({"error": "invalid_grant", "error_description": format!("no: {CANARY}")});
    stage.answer(Endpoint::Token, Answer::json(400, &body));
    let error = client.device_token(&login).await.unwrap_err();
    let shown = format!("{login:?} {login:#?} {error} {error:?} {error:#}");
    assert!(!shown.contains(CANARY), "{shown}");
    assert!(!format!("{login:?}").contains("ABCD"), "{login:?}");
}

#[tokio::test]
async fn r120_an_answer_without_usable_codes_is_refused() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    for (name, bad, kind) in [
        (
            "verification_uri",
            json!("http://auth.example/d"),
            "Protocol.BadValue",
        ),
        (
            "verification_uri",
            json!("javascript:alert(1)"),
            "Protocol.BadValue",
        ),
        (
            "verification_uri",
            json!("https://auth.example/\u{1b}[2J"),
            "Ok",
        ),
        ("user_code", json!("A\u{1b}[2J"), "Protocol.BadValue"),
        (
            "user_code",
            json!("A".repeat(10 * 1024)),
            "Protocol.BadValue",
        ),
        ("expires_in", json!(0), "Protocol.MissingField"),
        ("expires_in", json!(null), "Protocol.MissingField"),
    ] {
        stage.answer(CODES, codes(|body| body[name] = bad.clone()));
        let request = DeviceAuthorizationRequest::default();
        match client.device_authorization(request).await {
            // the URL is parsed, and what could steer a terminal is encoded
            Ok(login) => {
                assert_eq!(kind, "Ok", "{bad}");
                assert!(!login.verification_uri.as_str().contains('\u{1b}'));
            }
            Err(error) => {
                assert_eq!(error.kind().name(), kind, "{error}");
                assert!(
                    !format!("{error:?}").contains(CANARY) && !error.to_string().contains('\u{1b}')
                );
            }
        }
    }
    assert_eq!(stage.count(Endpoint::Token), 0);
}

#[tokio::test]
async fn r128_it_is_off_unless_it_is_declared() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = crate::client(&env(&clock), &stage);
    let request = DeviceAuthorizationRequest::default();
    let error = client.device_authorization(request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("with_device_grant"), "{error}");
    assert_eq!(stage.connections(), 0);
}

#[tokio::test]
async fn r128_what_another_connection_declares_is_not_declared_here() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let url = format!("{}/device_authorization", stage.url());
    let kind = EndpointKind::DeviceAuthorization;
    let server = || configured(&env, &stage).with_endpoint(&env, kind, &url);
    let declaring = server().unwrap().with_device_grant();
    let other = OAuthClient::new(&env, declaring, basic(&env)).unwrap();
    let client = OAuthClient::new(&env, server().unwrap(), basic(&env)).unwrap();
    let request = DeviceAuthorizationRequest::default();
    let error = client.device_authorization(request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(stage.connections(), 0);
    drop(other);
}

#[tokio::test]
async fn r123_a_declared_value_that_is_a_part_of_a_code_ends_no_login() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let mut departures = Departures::default();
    for value in ["pending", "slow_down"] {
        let name = format!("x_{value}");
        departures.request.parameters.insert(name, value.into());
    }
    let server = client(&env, &stage).server().clone();
    let server = server.departing(departures).unwrap();
    let client = OAuthClient::new(&env, server, basic(&env)).unwrap();
    let login = begun(&client, &stage, json!(5)).await;
    for code in ["authorization_pending", "slow_down"] {
        stage.answer(Endpoint::Token, refusal(code));
    }
    stage.answer(Endpoint::Token, granted());
    client.device_token(&login).await.unwrap();
}

#[tokio::test]
async fn a_device_code_goes_to_no_other_server_or_client() {
    let clock = clock();
    let (stage, other) = (strict(&clock).await, strict(&clock).await);
    let env = env(&clock);
    let login = begun(&client(&env, &stage), &stage, json!(5)).await;
    let somebody = ClientAuth::none("another client").unwrap();
    let server = client(&env, &stage).server().clone();
    let somebody = OAuthClient::new(&env, server, somebody).unwrap();
    for elsewhere in [client(&env, &other), somebody] {
        let error = elsewhere.device_token(&login).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Binding(BindingFault::Context));
    }
    assert_eq!((stage.count(Endpoint::Token), other.connections()), (0, 0));
}
