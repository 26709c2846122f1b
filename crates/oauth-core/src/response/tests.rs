//! Every kind of answer that was met or can be thought of.

mod declared;
mod documents;
mod refusals;
mod successes;

use std::sync::LazyLock;

use super::*;
use crate::error::Recovery;
use crate::server::Presence;
use serde_json::{Value, json};

const JSON: &str = "application/json";
static SCOPES: LazyLock<Scopes> = LazyLock::new(|| Scopes::parse("a b").unwrap());
static SECRETS: LazyLock<[Secret; 2]> =
    LazyLock::new(|| ["s3cret-sent", "refresh-sent"].map(Secret::new));

fn judged_by(
    departures: &Departures,
    status: u16,
    content_type: Option<&str>,
    body: &[u8],
    renewal: bool,
) -> Result<Granted, Error> {
    judged_as(departures, status, content_type, body, |asked| {
        asked.renewal = renewal;
        asked.refresh_token_expected = renewal;
    })
}

fn judged_as<'a>(
    departures: &'a Departures,
    status: u16,
    content_type: Option<&str>,
    body: &[u8],
    change: impl FnOnce(&mut Asked<'a>),
) -> Result<Granted, Error> {
    asked_as(departures, content_type, change, |headers, asked| {
        judge(StatusCode::from_u16(status).unwrap(), headers, body, asked)
    })
}

/// What comes of an answer; where that is an error, it shows none of the secrets.
fn asked_as<'a, T>(
    departures: &'a Departures,
    content_type: Option<&str>,
    change: impl FnOnce(&mut Asked<'a>),
    judge: impl FnOnce(&HeaderMap, &Asked<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut asked = Asked {
        from: "https://auth.example",
        what: "token request",
        scopes: &SCOPES,
        renewal: false,
        refresh_token_expected: false,
        may_be_not_applicable: false,
        authentication: &"`client_secret_basic` as client `id`",
        secrets: &*SECRETS,
        token_types: &[TokenType::Bearer],
        departures,
        dialect: None,
        now: DateTime::UNIX_EPOCH,
        former: None,
        retry_after: None,
    };
    change(&mut asked);
    let mut headers = HeaderMap::new();
    if let Some(content_type) = content_type {
        headers.insert(http::header::CONTENT_TYPE, content_type.parse().unwrap());
    }
    let judged = judge(&headers, &asked);
    if let Err(error) = &judged {
        for shown in [
            error.to_string(),
            format!("{error:?}"),
            format!("{error:#?}"),
        ] {
            for secret in ["CANARY", "s3cret-sent", "refresh-sent"] {
                assert!(!shown.contains(secret), "{secret} is in {shown}");
            }
        }
        assert!(!error.to_string().chars().any(char::is_control), "{error}");
    }
    judged
}

fn judged(status: u16, content_type: &str, body: impl AsRef<[u8]>) -> Result<Granted, Error> {
    judged_by(
        &Departures::default(),
        status,
        Some(content_type),
        body.as_ref(),
        false,
    )
}

fn answer(change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> Vec<u8> {
    let mut body = json!({"access_token": "CANARY", "token_type": "Bearer", "expires_in": 3600});
    change(body.as_object_mut().unwrap());
    body.to_string().into_bytes()
}

fn with(name: &str, value: Value) -> Vec<u8> {
    answer(|members| drop(members.insert(name.into(), value)))
}

fn without(name: &str) -> Vec<u8> {
    answer(|members| drop(members.remove(name)))
}

fn kind(body: impl AsRef<[u8]>) -> &'static str {
    judged(200, JSON, body).map_or_else(|error| error.kind().name(), |_| "ok")
}
