//! What the server saw and answered.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::header::HeaderMap;
use hyper::body::Bytes;
use serde_json::Value;

use crate::answer::Answer;
use crate::redact;
use crate::strict::endpoint::Endpoint;
use crate::strict::jwt::{self, Decoded};
use crate::strict::request::Request;

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The answer has been handed to the connection, or thrown away.
    Answered,
    /// The client went away first, or the server ended.
    Abandoned,
}

/// One request with its answer.
///
/// The accessors give everything, secrets included; `Display` and `Debug` replace the secrets
/// and are fit for a terminal.
#[derive(Clone)]
pub struct Exchange {
    pub(crate) endpoint: Endpoint,
    pub(crate) at: DateTime<Utc>,
    pub(crate) request: Arc<Request>,
    pub(crate) answer: Option<Answer>,
    /// `None`: it is still under way.
    pub(crate) end: Option<End>,
    pub(crate) lost: bool,
    /// Secrets in it that only the server can tell from other texts.
    pub(crate) known_secrets: Vec<String>,
}

impl Exchange {
    /// Where the request arrived; never `Below` or `Any`.
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// When it arrived, by the stage's clock.
    pub fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// The request as it came.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The method.
    pub fn method(&self) -> &str {
        self.request.method().as_str()
    }

    /// The path, as it was sent.
    pub fn path(&self) -> &str {
        self.request.path()
    }

    /// The query, as it was sent.
    pub fn query(&self) -> Option<&str> {
        self.request.query()
    }

    /// The headers, secrets included.
    pub fn headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    /// The header's first value, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.request.header(name)
    }

    /// The form's parameters in their order, decoded; empty where the body is no form.
    pub fn form(&self) -> Vec<(String, String)> {
        self.request.form()
    }

    /// The first parameter of that name.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let mut form = self.form().into_iter();
        form.find(|(present, _)| present == name)
            .map(|(_, value)| value)
    }

    /// The JOSE header of the client assertion, whether or not its signature is good.
    pub fn assertion_header(&self) -> Option<Value> {
        self.assertion()
            .map(|assertion| Value::Object(assertion.header))
    }

    /// The claims of the client assertion, whether or not its signature is good.
    pub fn claims(&self) -> Option<Value> {
        self.assertion()
            .map(|assertion| Value::Object(assertion.claims))
    }

    /// The JOSE header of the proof of possession (RFC 9449), whether or not its signature is good.
    pub fn proof_header(&self) -> Option<Value> {
        self.proof().map(|proof| Value::Object(proof.header))
    }

    /// The claims of the proof of possession, whether or not its signature is good.
    pub fn proof_claims(&self) -> Option<Value> {
        self.proof().map(|proof| Value::Object(proof.claims))
    }

    fn proof(&self) -> Option<Decoded> {
        jwt::decode(self.header("dpop")?).ok()
    }

    /// The status; `None`: it is not answered yet, or the client went away first.
    pub fn status(&self) -> Option<u16> {
        self.answer.as_ref().map(|answer| answer.status.as_u16())
    }

    /// The answer, tokens included.
    pub fn answer(&self) -> Option<&Answer> {
        self.answer.as_ref()
    }

    /// The answer's body, tokens included; empty where there is none.
    pub fn answer_body(&self) -> &[u8] {
        self.answer
            .as_ref()
            .map(|answer| &answer.body)
            .map_or(&[], Bytes::as_ref)
    }

    /// The answer's body as JSON; `None`: it is not.
    pub fn answer_json(&self) -> Option<Value> {
        serde_json::from_slice(self.answer_body()).ok()
    }

    /// Whether the server did what it was asked for and its answer was then thrown away
    /// ([`Strict::lose_answer`](crate::Strict::lose_answer)).
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// Whether the client went away, or the server ended, before the answer was sent. With a
    /// [status](Self::status) everything had been done by then that was asked for, else nothing.
    pub fn is_abandoned(&self) -> bool {
        self.end == Some(End::Abandoned)
    }

    fn assertion(&self) -> Option<Decoded> {
        jwt::decode(&self.parameter("client_assertion")?).ok()
    }

    fn write(&self, out: &mut String, secrets: &[String]) -> fmt::Result {
        use fmt::Write;
        let path = redact::path(self.path(), secrets);
        write!(out, "{} {path}", self.method())?;
        for (position, (name, value)) in self.request.query_pairs().iter().enumerate() {
            let before = if position == 0 { '?' } else { '&' };
            match redact::is_secret_parameter(name) {
                true => write!(out, "{before}{name}={}", redact::REDACTED)?,
                false => write!(out, "{before}{name}={value}")?,
            }
        }
        match &self.answer {
            Some(answer) => write!(out, " -> {}", answer.status)?,
            None => write!(out, " -> not answered")?,
        }
        if self.is_abandoned() {
            write!(out, " (the client went away)")?;
        }
        if self.lost {
            write!(out, " (the answer was lost)")?;
        }
        for name in SHOWN {
            for value in self.headers().get_all(name) {
                let value = value.to_str().unwrap_or("(not text)");
                match redact::is_secret_header(name) {
                    true => write!(out, "\n  > {name}: {}", redact::credentials(value))?,
                    false => write!(out, "\n  > {name}: {value}")?,
                }
            }
        }
        for (name, value) in self.form() {
            match redact::is_secret_parameter(&name) {
                true => write!(out, "\n  > {name}={}", redact::REDACTED)?,
                false => write!(out, "\n  > {name}={value}")?,
            }
        }
        if let Some(assertion) = self.assertion() {
            write!(out, "\n  >   {}", Value::Object(assertion.header))?;
            write!(
                out,
                "\n  >   {}",
                redact::json(&Value::Object(assertion.claims))
            )?;
        }
        if let Some(body) = self.request.json() {
            write!(out, "\n  > {}", short(redact::json(&body).to_string()))?;
        }
        let Some(answer) = &self.answer else {
            return Ok(());
        };
        for (name, value) in &answer.headers {
            if SHOWN_ANSWERED.contains(&name.as_str()) {
                write!(
                    out,
                    "\n  < {name}: {}",
                    value.to_str().unwrap_or("(not text)")
                )?;
            }
        }
        match self.answer_json() {
            Some(body) => write!(out, "\n  < {}", short(redact::json(&body).to_string())),
            None if answer.body.is_empty() => Ok(()),
            None => write!(out, "\n  < {} bytes that are not JSON", answer.body.len()),
        }
    }
}

const SHOWN: [&str; 4] = ["authorization", "accept", "content-type", "dpop"];
const SHOWN_ANSWERED: [&str; 4] = [
    "www-authenticate",
    "retry-after",
    "location",
    "content-location",
];

fn short(text: String) -> String {
    const MOST: usize = 400;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{} ... ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut secrets = self.request.secrets();
        secrets.extend(self.known_secrets.iter().cloned());
        if let Some(body) = self.answer_json() {
            redact::collect(&body, &mut secrets);
        }
        let mut text = String::new();
        self.write(&mut text, &secrets)?;
        f.write_str(&redact::scrub(&text, &secrets))
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Exchange")
            .field(&format_args!("{self}"))
            .finish()
    }
}
