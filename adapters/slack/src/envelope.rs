//! The envelope of the Web API: `ok`, and what comes with it
//! (<https://docs.slack.dev/apis/web-api/#responses>).

use http::HeaderMap;
use oauth_core::client::{ApiRequest, AuthorizedClient, Quote, retry_after};
use oauth_core::error::ProtocolFault;
use oauth_core::http::read_limited;
use serde_json::Value;

use crate::error::{Refusal, SlackError};
use crate::verdict::{Answered, Effect};

/// What came with `"ok": true`.
pub(crate) struct Success<'a> {
    answered: Answered<'a>,
    body: Value,
    quote: Quote,
    pub headers: HeaderMap,
    /// What Slack warns of, by its codes: `message_truncated`.
    pub warnings: Vec<String>,
}

impl Success<'_> {
    /// A text among the members, fit to be shown.
    pub fn text(&self, name: &str) -> Option<String> {
        let text = self.body[name].as_str().filter(|text| !text.is_empty())?;
        Some(self.quote.text(text))
    }

    /// One that must be there.
    pub fn required(&self, name: &str) -> Result<String, SlackError> {
        self.text(name).ok_or_else(|| {
            let error = self.answered.unreadable(ProtocolFault::MissingField);
            error.context(format!("`{name}` is missing")).into()
        })
    }
}

/// The most bytes of an answer.
const LIMIT: usize = 1024 * 1024;

/// Sends a call of that method and reads its envelope.
pub(crate) async fn call<'a>(
    client: &AuthorizedClient,
    method: &'a str,
    effect: Effect,
    request: ApiRequest<'_>,
) -> Result<Success<'a>, SlackError> {
    let request = match effect {
        Effect::Reads => request.repeatable(),
        Effect::Posts => request,
    };
    let response = request.send().await?;
    let quote = Quote::from(&response);
    let answered = Answered {
        what: method,
        effect,
        setting: "api_url",
        status: response.status().as_u16(),
        wait: retry_after(client.env(), &response),
    };
    let headers = response.headers().clone();
    let body = answered.body(read_limited(response, LIMIT).await)?;
    let body: Option<Value> = serde_json::from_slice(&body).ok();
    match body {
        Some(body) if body["ok"] == true && answered.status == 200 => Ok(Success {
            warnings: warnings(&body, &quote),
            answered,
            body,
            quote,
            headers,
        }),
        Some(body) if body["ok"] == false && body["error"].is_string() => {
            Err(answered.refused(refusal(&body, &quote)))
        }
        Some(_) => Err(answered.unreadable(ProtocolFault::MissingField).into()),
        None => Err(answered.unreadable(ProtocolFault::NotJson).into()),
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
