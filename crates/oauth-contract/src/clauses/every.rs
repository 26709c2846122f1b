//! What holds for every adapter.

use oauth_stage::{Answer, Endpoint, Exchange};
use serde_json::json;

use crate::check::{Outcome, equal, kind, one_line, recovery, refused, that};
use crate::connected::{Connected, place};
use crate::stage::Stage;
use crate::subject::Subject;

/// Each request of the API bears the issued token in the declared place, once, and nowhere else.
pub(super) async fn bears_the_token<S: Subject>(stage: Stage) -> Outcome {
    let it = Connected::<S>::to(&stage)?;
    it.call().await?;
    equal("requests of the API for one call", 1, stage.api_calls())?;
    it.bare()
        .get("contract/probe")
        .query(&[("a", "b")])
        .send()
        .await?;
    it.bare()
        .post("contract/probe")
        .json(&json!({"a": "b"}))
        .send()
        .await?;
    it.bare()
        .post("contract/probe")
        .form(&[("a", "b")])
        .send()
        .await?;

    let token = it.token().await?;
    let expected = stage.name_of(token.access_token().expose());
    that(expected.contains("token "), || {
        format!("the client has {expected}")
    })?;
    let calls = stage.exchanges(Endpoint::Api);
    equal("requests of the API", 4, calls.len())?;
    for call in &calls {
        let what = format!("{} {}", call.method(), call.path());
        equal(
            format!("{what} bears"),
            expected.clone(),
            it.borne_by(call, &stage),
        )?;
        let (header, _) = place(&it.bare().api().placement);
        equal(
            format!("`{header}` headers of {what}"),
            1,
            call.headers().get_all(&header).iter().count(),
        )?;
        equal(
            format!("places of the token in {what}"),
            vec![header.to_string()],
            places(call, token.access_token().expose()),
        )?;
    }
    for request in stage.exchanges(Endpoint::Token) {
        let found = places(&request, token.access_token().expose());
        equal(
            "places of the access token in a token request",
            Vec::<String>::new(),
            found,
        )?;
    }
    equal("violations", Vec::new(), stage.server().violations())
}

/// Where in a request a text stands.
fn places(exchange: &Exchange, text: &str) -> Vec<String> {
    let mut places: Vec<String> = Vec::new();
    for (name, value) in exchange.headers() {
        if value.to_str().is_ok_and(|value| value.contains(text)) {
            places.push(name.to_string());
        }
    }
    let body = String::from_utf8_lossy(exchange.request().body()).into_owned();
    let rest = [
        ("path", exchange.path()),
        ("query", exchange.query().unwrap_or("")),
        ("body", &body),
    ];
    places.extend(
        rest.iter()
            .filter(|(_, part)| part.contains(text))
            .map(|(name, _)| (*name).to_owned()),
    );
    places
}

/// An API that refuses every token ends a call, with an error that says so and what to do.
pub(super) async fn reports_a_refusal<S: Subject>(stage: Stage) -> Outcome {
    let it = Connected::<S>::to(&stage)?;
    refuse(&stage, 8); // behind them is a success, so that a client that goes on trying comes to an end
    for (what, result) in [
        ("the subject's call", it.call().await.map(drop)),
        (
            "a request of the client below",
            it.bare().get("contract/probe").send().await.map(drop),
        ),
    ] {
        let error = refused(what, result)?;
        kind(what, "Refused", &error)?;
        recovery(what, &["Report", "FixConfig", "LogInAgain"], &error)?;
        one_line(what, &error.to_string())?;
        that(error.to_string().split("; ").count() > 1, || {
            format!("{what}: expected an error that says what to do, saw: {error}")
        })?;
    }
    that(stage.api_calls() <= 4, || {
        format!("two calls became {} requests of the API", stage.api_calls())
    })
}

/// The API refuses the next requests, whatever they bear.
pub(super) fn refuse(stage: &Stage, times: usize) {
    for _ in 0..times {
        stage.server().answer(Endpoint::Api, refusal());
    }
}

/// What an API answers to a token that it does not take (RFC 6750 3.1).
pub(super) fn refusal() -> Answer {
    Answer::json(401, &json!({"error": "invalid_token"}))
        .header("www-authenticate", "Bearer error=\"invalid_token\"")
}
