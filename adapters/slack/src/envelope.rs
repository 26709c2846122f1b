//! The envelope of the Web API: `ok`, and what comes with it
//! (<https://docs.slack.dev/apis/web-api/#responses>).

use std::time::Duration;

use http::HeaderMap;
use oauth_core::client::{ApiRequest, AuthorizedClient, Quote, retry_after};
use oauth_core::error::{Error, ErrorKind, ProtocolFault, Recovery};
use oauth_core::http::read_limited;
use serde_json::Value;

use crate::error::{Effect, Refusal, SlackError};

/// What came with `"ok": true`.
pub(crate) struct Success {
    body: Value,
    quote: Quote,
    pub headers: HeaderMap,
    /// What Slack warns of, by its codes: `message_truncated`.
    pub warnings: Vec<String>,
}

impl Success {
    /// A text among the members, fit to be shown.
    pub fn text(&self, name: &str) -> Option<String> {
        self.body[name].as_str().map(|text| self.quote.text(text))
    }
}

/// The most bytes of an answer.
const LIMIT: usize = 1024 * 1024;

/// Sends a call of that method and reads its envelope.
pub(crate) async fn call(
    client: &AuthorizedClient,
    method: &str,
    effect: Effect,
    request: ApiRequest<'_>,
) -> Result<Success, SlackError> {
    let response = request
        .send()
        .await
        .map_err(|error| effect.of_failure(error))?;
    let quote = Quote::from(&response);
    let wait = retry_after(client.env(), &response);
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    // Slack has done its part when a body breaks off
    let body = read_limited(response, LIMIT)
        .await
        .map_err(|error| error.with_recovery(effect.doubt(wait)))?;
    let body: Option<Value> = serde_json::from_slice(&body).ok();
    match body {
        Some(body) if body["ok"] == true && status == 200 => Ok(Success {
            warnings: warnings(&body, &quote),
            body,
            quote,
            headers,
        }),
        Some(body) if body["ok"] == false && body["error"].is_string() => {
            let refusal = refusal(&body, &quote);
            Err(refusal.into_error(method, status, effect, wait))
        }
        body => Err(unreadable(method, status, body.is_some(), effect, wait).into()),
    }
}

fn refusal(body: &Value, quote: &Quote) -> Refusal {
    let text = |value: &Value| Some(quote.text(value.as_str().filter(|text| !text.is_empty())?));
    let messages = body["response_metadata"]["messages"].as_array();
    let mut refusal = Refusal::new(text(&body["error"]).unwrap_or_else(|| "unknown".to_owned()));
    refusal.needed = text(&body["needed"]);
    refusal.provided = text(&body["provided"]);
    refusal.messages = messages
        .into_iter()
        .flatten()
        .filter_map(text)
        .take(MOST)
        .collect();
    refusal
}

/// More warnings or messages than that are not told.
const MOST: usize = 16;

/// They stand in `warning`, separated by commas, and in `response_metadata.warnings`
/// (<https://docs.slack.dev/apis/web-api/#responses>).
fn warnings(body: &Value, quote: &Quote) -> Vec<String> {
    let one = body["warning"]
        .as_str()
        .into_iter()
        .flat_map(|text| text.split(','));
    let more = body["response_metadata"]["warnings"].as_array();
    let more = more.into_iter().flatten().filter_map(Value::as_str);
    let mut warnings: Vec<String> = Vec::new();
    for warning in one
        .chain(more)
        .map(str::trim)
        .filter(|warning| !warning.is_empty())
    {
        let warning = quote.text(warning);
        if !warnings.contains(&warning) && warnings.len() < MOST {
            warnings.push(warning);
        }
    }
    warnings
}

/// An answer without an envelope: of a gateway, or of Slack when it is down.
fn unreadable(
    what: &str,
    status: u16,
    is_json: bool,
    effect: Effect,
    wait: Option<Duration>,
) -> Error {
    let between = "check `api_url`, and what stands between you and Slack";
    let not_done = Recovery::Retry { after: wait };
    let (kind, problem, recovery, remedy) = match status {
        200..=299 => (
            ErrorKind::Protocol(if is_json {
                ProtocolFault::MissingField
            } else {
                ProtocolFault::NotJson
            }),
            "answered success with something that is no answer of the Web API",
            effect.doubt(wait),
            between,
        ),
        429 => (
            ErrorKind::Throttled,
            "asks to slow down",
            not_done,
            "send fewer requests",
        ),
        503 if wait.is_some() => (
            ErrorKind::Throttled,
            "asks to wait",
            not_done,
            "it may pass",
        ),
        408 | 500..=599 => (
            ErrorKind::Http,
            "failed",
            effect.doubt(wait),
            "look whether it was done before you repeat it",
        ),
        _ => (
            ErrorKind::Http,
            "answered with something that is no answer of the Web API",
            Recovery::FixConfig,
            between,
        ),
    };
    Error::new(kind, format!("Slack: {what} {problem} ({status})"))
        .remedy(remedy)
        .with_recovery(recovery)
        .with_status(status)
}
