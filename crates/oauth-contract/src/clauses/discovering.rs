//! Endpoints that are looked up (RFC 8414, OpenID Connect Discovery 1.0, SMART App Launch).

use std::time::Duration;

use oauth_stage::{Answer, Endpoint};
use serde_json::json;

use crate::check::{Failure, Outcome, equal, kind, one_line, recovery, refused, that};
use crate::connected::Connected;
use crate::stage::{AFTER_THE_END, Stage};
use crate::subject::Subject;

/// Wherever a document about the server may stand.
const DOCUMENTS: [Endpoint; 3] = [
    Endpoint::AuthorizationServerMetadata,
    Endpoint::OpenIdConfiguration,
    Endpoint::SmartConfiguration,
];

fn lookups(stage: &Stage) -> usize {
    DOCUMENTS
        .iter()
        .map(|document| stage.server().count(*document))
        .sum()
}

fn answer_always(stage: &Stage, answer: Option<&Answer>) {
    for document in DOCUMENTS {
        stage.server().answer_always(document, answer.cloned());
    }
}

/// The server's document is read at the first token, and once for many.
pub(super) async fn looks_its_endpoints_up_once<S: Subject>(stage: Stage) -> Outcome {
    stage.server().set_token_lifetime(Duration::from_secs(600));
    let it = Connected::<S>::to(&stage)?;
    equal("lookups before the first call", 0, lookups(&stage))?;
    for _ in 0..3 {
        it.call().await?;
        stage.advance(Duration::from_secs(601));
    }
    equal("token requests", 3, stage.token_requests())?;
    equal("lookups", 1, lookups(&stage))
}

/// Where the document is another server's, it is dropped, and nothing is sent to where it points.
pub(super) async fn drops_a_document_of_another_issuer<S: Subject>(stage: Stage) -> Outcome {
    let foreign = json!({"issuer": "https://example.org", "token_endpoint": stage.token_url()});
    answer_always(&stage, Some(&Answer::json(200, &foreign)));
    dropped::<S>(&stage, "discovery of another issuer", "Discovery.Issuer").await?;
    equal("token requests", 0, stage.token_requests())
}

/// The call ends with that error, which says what to do.
async fn dropped<S: Subject>(stage: &Stage, what: &str, expected: &str) -> Outcome {
    let error = refused(what, Connected::<S>::to(stage)?.call().await)?;
    kind(what, expected, &error)?;
    recovery(what, &["FixConfig"], &error)?;
    one_line(what, &error.to_string())?;
    that(error.to_string().contains("; "), || {
        format!("{what}: expected what to do, saw: {error}")
    })
}

/// Where the document is missing or unusable, no endpoint is made up and nothing secret sent.
pub(super) async fn guesses_no_endpoint<S: Subject>(stage: Stage) -> Outcome {
    let http = json!({"issuer": stage.issuer(), "token_endpoint": "http://example.org/token"});
    for (what, expected, answer) in [
        (
            "discovery that answers 404",
            "Discovery.Missing",
            Answer::status(404),
        ),
        (
            "discovery that names an http endpoint",
            "Discovery.Url",
            Answer::json(200, &http),
        ),
    ] {
        answer_always(&stage, Some(&answer));
        dropped::<S>(&stage, what, expected).await?;
    }
    equal("token requests", 0, stage.token_requests())?;
    equal("requests of the API without a token", 0, stage.api_calls())?;

    answer_always(&stage, None);
    let it = Connected::<S>::to(&stage)?;
    it.call()
        .await
        .map_err(|error| Failure::from(error).when("a call when the document is there"))?;
    stage.advance(AFTER_THE_END);
    answer_always(&stage, Some(&Answer::status(503)));
    it.call()
        .await
        .map(drop)
        .map_err(|error| Failure::from(error).when("a renewal while discovery answers 503"))
}
