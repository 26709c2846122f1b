//! Requests whose URL is the secret.

use std::time::Duration;

use crate::support::{clock, env, strict};
use http::Method;
use oauth_core::client::send_without_token;
use oauth_core::env::Env;
use oauth_core::error::{Error, ErrorKind, Recovery};
use oauth_core::http::HttpSettings;
use oauth_stage::{Answer, Endpoint, Strict};
use reqwest::Response;

const PATH: &str = "/hooks/CANARY-of-the-path";

async fn post(env: &Env, to: &str) -> Result<Response, Error> {
    let url = format!("{to}{PATH}?CANARY-of-the-query").parse().unwrap();
    let mut request = reqwest::Request::new(Method::POST, url);
    *request.body_mut() = Some("{}".into());
    send_without_token(env, request).await
}

fn hook(stage: &Strict) {
    stage.on(PATH, |call| {
        assert!(!call.headers().contains_key("authorization"));
        Some(Answer::text(200, "text/plain", "ok"))
    });
}

#[tokio::test]
async fn is_repeated_where_it_was_not_processed_and_bears_nothing() {
    let clock = clock();
    let stage = strict(&clock).await;
    hook(&stage);
    let env = env(&clock);
    let busy = Answer::status(429).header("retry-after", "3");
    stage.answer(Endpoint::Below("/hooks"), busy);
    assert_eq!(post(&env, stage.url()).await.unwrap().status(), 200);
    assert_eq!(clock.slept(), [Duration::from_secs(3)]);
    assert_eq!(stage.count(Endpoint::Below("/hooks")), 2);
    stage.answer(Endpoint::Below("/hooks"), Answer::status(503));
    assert_eq!(post(&env, stage.url()).await.unwrap().status(), 503);
    assert_eq!(stage.count(Endpoint::Below("/hooks")), 3);
}

#[tokio::test]
async fn names_nothing_of_its_url_but_the_origin() {
    let clock = clock();
    let stage = strict(&clock).await;
    hook(&stage);
    let env = env(&clock);
    let nowhere = strict(&clock).await;
    nowhere.shutdown().await;

    stage.lose_answer(Endpoint::Below("/hooks"));
    let lost = post(&env, stage.url()).await.unwrap_err();
    let moved = format!("{}{PATH}", nowhere.url());
    let redirect = Answer::status(307).header("location", &moved);
    stage.answer(Endpoint::Below("/hooks"), redirect);
    let redirected = post(&env, stage.url()).await.unwrap_err();
    let unreachable = post(&env, nowhere.url()).await.unwrap_err();
    let over_http = post(&Env::new(HttpSettings::default()).unwrap(), stage.url()).await;
    for (error, kind, recovery) in [
        (lost, "Ambiguous", Recovery::Unknown),
        (redirected, "Protocol.RedirectRefused", Recovery::FixConfig),
        (unreachable, "Connect", Recovery::Retry { after: None }),
        (over_http.unwrap_err(), "Config", Recovery::FixConfig),
    ] {
        assert_eq!((error.kind().name(), error.recovery()), (kind, recovery));
        let shown = format!("{error} {error:?} {error:#?}");
        assert!(!shown.contains("CANARY"), "{shown}");
        if error.kind() != ErrorKind::Config {
            assert!(shown.contains("http://127.0.0.1:"), "{shown}");
        }
    }
}

#[tokio::test]
async fn tells_who_calls_unless_told_not_to() {
    let clock = clock();
    let stage = strict(&clock).await;
    for (given, sent) in [(None, true), (Some(""), false), (Some("desk/2"), true)] {
        stage.on(PATH, move |call| {
            let told = call.headers().get("user-agent");
            assert_eq!(told.is_some(), sent, "{told:?}");
            assert!(given.is_none_or(|given| given.is_empty() || told.unwrap() == given));
            Some(Answer::text(200, "text/plain", "ok"))
        });
        let mut settings = HttpSettings::loopback();
        if let Some(given) = given {
            settings.user_agent = given.into();
        }
        let env = Env::builder(settings).clock(clock.clone()).build().unwrap();
        assert_eq!(post(&env, stage.url()).await.unwrap().status(), 200);
    }
}
