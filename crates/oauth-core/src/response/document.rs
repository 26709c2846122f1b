//! The JSON object with which endpoints beside the token endpoint answer.

use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use crate::error::{Error, ProtocolFault};
use crate::json;
use crate::response::members::Members;
use crate::response::success::check_media_type;
use crate::response::{Asked, protocol, refusal};

/// The object of an answer with one of those statuses. An answer of another status is a refusal
/// (RFC 6749 5.2), and so is one with an `error`.
///
/// # Errors
/// It is a refusal, or no success that can be used. Nothing of the body is in the error but the OAuth
/// error's own members, escaped.
pub fn document(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    success: &[u16],
    asked: &Asked<'_>,
) -> Result<Map<String, Value>, Error> {
    if !success.contains(&status.as_u16()) {
        return Err(refusal::read(status, body, None, asked));
    }
    read(status, headers, body, asked).map_err(|error| error.with_status(status.as_u16()))
}

fn read(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    asked: &Asked<'_>,
) -> Result<Map<String, Value>, Error> {
    check_media_type(headers, body, asked, &mut Vec::new())?;
    let broken = |fault, problem: &str| protocol(fault, asked, problem);
    let (text, _) = super::text(body).map_err(|fault| match fault {
        ProtocolFault::Empty => broken(fault, "it has no body"),
        _ => broken(fault, "it is not UTF-8 text"),
    })?;
    let members = match json::unique(text.as_bytes()) {
        Ok(Value::Object(members)) => members,
        Ok(_) => {
            return Err(broken(
                ProtocolFault::NotObject,
                "it is not one JSON object",
            ));
        }
        Err(error) if error.is_data() => {
            return Err(broken(ProtocolFault::DuplicateKey, "a member stands twice"));
        }
        Err(_) => return Err(broken(ProtocolFault::NotJson, "it is not well-formed JSON")),
    };
    match members.get("error").filter(|error| !error.is_null()) {
        None => Ok(members),
        Some(_) => Err(match Members::parse(text) {
            Ok(known) => refusal::in_success(status, &known, asked),
            Err(_) => refusal::read(status, body, None, asked),
        }),
    }
}
