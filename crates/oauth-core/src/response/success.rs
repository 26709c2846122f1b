//! RFC 6749 5.1.

use http::{HeaderMap, StatusCode};
use serde_json::Value;
use std::time::Duration;

use crate::error::{Error, ErrorKind, ProtocolFault};
use crate::response::members::Members;
use crate::response::{Asked, Granted, protocol, refusal};
use crate::secret::Secret;
use crate::server::Presence;
use crate::text::escape;
use crate::token::{Deviation, Scopes, TokenType, to_be_borne};

/// No token is trusted for longer than that.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

pub(super) fn read(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    asked: &Asked<'_>,
) -> Result<Granted, Error> {
    let mut deviations = Vec::new();
    check_media_type(headers, body, asked, &mut deviations)?;
    let (text, marked) = super::text(body).map_err(|fault| {
        let problem = match fault {
            ProtocolFault::Empty => "it has no body",
            _ => "it is not UTF-8 text",
        };
        protocol(fault, asked, problem)
    })?;
    if marked {
        deviations.push(Deviation::ByteOrderMark);
    }
    let members = Members::parse(text).map_err(|(fault, name)| {
        let problem = match (fault, name) {
            (_, Some(name)) => format!("`{name}` stands twice (RFC 6749 3.2)"),
            (ProtocolFault::NotObject, _) => "it is not one JSON object (RFC 6749 5.1)".into(),
            _ => "it is not well-formed JSON (RFC 6749 5.1)".into(),
        };
        protocol(fault, asked, problem)
    })?;
    if members.error.is_some() {
        return Err(refusal::in_success(status, &members, asked));
    }
    let access_token = access_token(members.access_token, asked)?;
    let token_type = token_type(members.token_type, asked, &mut deviations)?;
    let lifetime = lifetime(members.expires_in, asked, &mut deviations)?;
    let scopes = scopes(members.scope, asked, &mut deviations)?;
    let refresh_token = refresh_token(members.refresh_token, asked, &mut deviations)?;
    Ok(Granted {
        access_token,
        token_type,
        lifetime,
        scopes,
        refresh_token,
        id_token: id_token(members.id_token, asked)?,
        issued_token_type: issued_token_type(members.issued_token_type, asked)?,
        authorization_details: authorization_details(members.authorization_details, asked)?,
        deviations,
    })
}

pub(super) fn check_media_type(
    headers: &HeaderMap,
    body: &[u8],
    asked: &Asked<'_>,
    deviations: &mut Vec<Deviation>,
) -> Result<(), Error> {
    let Some(value) = headers.get(http::header::CONTENT_TYPE) else {
        if !body.is_empty() {
            deviations.push(Deviation::NoContentType);
        }
        return Ok(());
    };
    let media_type = value
        .to_str()
        .unwrap_or("")
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase();
    let declared = &asked.departures.response.json_media_types;
    if media_type == "application/json"
        || declared
            .iter()
            .any(|known| known.eq_ignore_ascii_case(&media_type))
    {
        return Ok(());
    }
    let shown = escape(&media_type);
    Err(protocol(
        ProtocolFault::ContentType,
        asked,
        format!("its type is `{shown}`, not `application/json`"),
    )
    .remedy(format!(
        "check the token URL; if this server answers JSON under that type, declare \
             `departures.response.json_media_types = [\"{shown}\"]`"
    )))
}

fn access_token(member: Option<Value>, asked: &Asked<'_>) -> Result<Secret, Error> {
    let token = match member {
        None => {
            return Err(missing("access_token", asked));
        }
        Some(Value::String(token)) => to_be_borne(token),
        Some(_) => return Err(wrong_type("access_token", "a string", asked)),
    };
    let bytes = token.expose().as_bytes();
    let problem = if bytes.is_empty() {
        "`access_token` is empty"
    } else if bytes
        .get(..7)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"bearer "))
    {
        "`access_token` begins with `Bearer `, the scheme that belongs into the header"
    } else if !bytes.iter().all(u8::is_ascii_graphic) {
        "`access_token` holds a space, a control character or something beyond ASCII (RFC 6750 2.1)"
    } else {
        return Ok(token);
    };
    Err(protocol(ProtocolFault::BadValue, asked, problem))
}

fn token_type(
    member: Option<Value>,
    asked: &Asked<'_>,
    deviations: &mut Vec<Deviation>,
) -> Result<TokenType, Error> {
    let token_type = match member {
        None if asked.departures.response.token_type == Presence::Optional => {
            deviations.push(Deviation::NoTokenType);
            return Ok(TokenType::Bearer);
        }
        None => {
            return Err(missing("token_type", asked).remedy(
                "if this server always leaves it out, declare `departures.response.token_type = \"optional\"`",
            ));
        }
        Some(Value::String(token_type)) => token_type,
        Some(_) => return Err(wrong_type("token_type", "a string", asked)),
    };
    if token_type.eq_ignore_ascii_case("bearer") {
        return Ok(TokenType::Bearer);
    }
    if asked.may_be_not_applicable && token_type.eq_ignore_ascii_case("N_A") {
        return Ok(TokenType::NotApplicable);
    }
    if token_type.is_empty() || token_type.chars().any(char::is_control) {
        return Err(protocol(
            ProtocolFault::BadValue,
            asked,
            "`token_type` is empty or holds a control character",
        ));
    }
    let shown = escape(&token_type);
    Err(Error::new(
        ErrorKind::TokenType,
        format!(
            "{} answered a token of type `{shown}`, which cannot be borne as `Bearer` (RFC 6749 7.1)",
            asked.from
        ),
    ))
}

fn lifetime(
    member: Option<Value>,
    asked: &Asked<'_>,
    deviations: &mut Vec<Deviation>,
) -> Result<Option<Duration>, Error> {
    let departures = &asked.departures.lifetime;
    let bad_value = || {
        protocol(
            ProtocolFault::BadValue,
            asked,
            "`expires_in` is not a whole number of seconds, zero or more (RFC 6749 5.1)",
        )
    };
    let seconds = match member {
        None => return Ok(departures.default_expires_in),
        Some(Value::Number(number)) => match (number.as_u64(), number.as_f64()) {
            (Some(seconds), _) => seconds,
            (None, Some(float)) => {
                let seconds = whole(float).ok_or_else(bad_value)?;
                deviations.push(Deviation::ExpiresInFloat);
                seconds
            }
            (None, None) => return Err(bad_value()),
        },
        Some(Value::String(text)) => {
            if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(bad_value());
            }
            deviations.push(Deviation::ExpiresInString);
            text.parse().map_err(|_| bad_value())?
        }
        Some(_) => return Err(wrong_type("expires_in", "a number", asked)),
    };
    if seconds == 0 && departures.zero_means_unknown {
        return Ok(departures.default_expires_in);
    }
    let lifetime = Duration::from_secs(seconds);
    if lifetime > LONGEST {
        deviations.push(Deviation::ExpiresInClamped);
    }
    Ok(Some(lifetime.min(LONGEST)))
}

/// A whole number that a float holds exactly; beyond 2^53 it holds none.
fn whole(float: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if !(0.0..=EXACT).contains(&float) || float.fract() != 0.0 {
        return None;
    }
    format!("{float:.0}").parse().ok()
}

fn scopes(
    member: Option<Value>,
    asked: &Asked<'_>,
    deviations: &mut Vec<Deviation>,
) -> Result<Scopes, Error> {
    let granted = match member {
        None => return Ok(asked.scopes.clone()),
        Some(Value::String(text)) => {
            let separator = asked.departures.response.scope_separator.unwrap_or(' ');
            Scopes::granted(&text, separator)
        }
        Some(_) => {
            return Err(wrong_type(
                "scope",
                "a string with spaces between the scopes",
                asked,
            ));
        }
    };
    if granted.is_empty() {
        return Ok(asked.scopes.clone());
    }
    if asked.scopes.is_empty() {
        return Ok(granted);
    }
    if !granted.without(asked.scopes).is_empty() {
        if asked.departures.response.refuse_wider_scope {
            let problem = "more scopes were granted than asked for, which `departures.response.refuse_wider_scope` refuses";
            return Err(protocol(ProtocolFault::BadValue, asked, problem));
        }
        deviations.push(Deviation::ScopeWidened);
    }
    if !asked.scopes.without(&granted).is_empty() {
        deviations.push(Deviation::ScopeNarrowed);
    }
    Ok(granted)
}

fn refresh_token(
    member: Option<Value>,
    asked: &Asked<'_>,
    deviations: &mut Vec<Deviation>,
) -> Result<Option<Secret>, Error> {
    let token = match member {
        None => return Ok(None),
        Some(Value::String(token)) if token.is_empty() => return Ok(None),
        Some(Value::String(token)) => Secret::new(token),
        Some(_) => return Err(wrong_type("refresh_token", "a string", asked)),
    };
    if !asked.refresh_token_expected {
        deviations.push(Deviation::UnwantedRefreshToken);
        return Ok(None);
    }
    Ok(Some(token))
}

fn id_token(member: Option<Value>, asked: &Asked<'_>) -> Result<Option<Secret>, Error> {
    match member {
        None => Ok(None),
        Some(Value::String(token)) => Ok((!token.is_empty()).then(|| Secret::new(token))),
        Some(_) => Err(wrong_type("id_token", "a string", asked)),
    }
}

fn issued_token_type(member: Option<Value>, asked: &Asked<'_>) -> Result<Option<String>, Error> {
    match member {
        None => Ok(None),
        Some(Value::String(kind)) => Ok((!kind.is_empty()).then_some(kind)),
        Some(_) => Err(wrong_type("issued_token_type", "a string", asked)),
    }
}

/// RFC 9396 2: objects, each with a `type`.
fn authorization_details(member: Option<Value>, asked: &Asked<'_>) -> Result<Vec<Value>, Error> {
    let details = match member {
        None => return Ok(Vec::new()),
        Some(Value::Array(details)) => details,
        Some(_) => return Err(wrong_type("authorization_details", "a list", asked)),
    };
    let has_type = |detail: &Value| detail.get("type").is_some_and(Value::is_string);
    if details.iter().all(has_type) {
        return Ok(details);
    }
    let problem =
        "`authorization_details` holds something that is no object with a `type` (RFC 9396 2)";
    Err(protocol(ProtocolFault::BadValue, asked, problem))
}

fn missing(name: &str, asked: &Asked<'_>) -> Error {
    protocol(
        ProtocolFault::MissingField,
        asked,
        format!("`{name}` is missing (RFC 6749 5.1)"),
    )
}

fn wrong_type(name: &str, expected: &str, asked: &Asked<'_>) -> Error {
    protocol(
        ProtocolFault::BadType,
        asked,
        format!("`{name}` is not {expected} (RFC 6749 5.1)"),
    )
}
