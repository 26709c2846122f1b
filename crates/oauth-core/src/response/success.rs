//! RFC 6749 5.1.

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::error::{Error, ErrorKind, ProtocolFault, Recovery};
use crate::response::fault::{Member, missing, wrong_type};
use crate::response::members::Members;
use crate::response::{Asked, Granted, expiry, protocol, refusal};
use crate::secret::{Secret, escape_without};
use crate::server::{BodyFormat, Presence, ScopeForm};
use crate::token::{Deviation, Scopes, TokenType, to_be_borne};

pub(super) fn read(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    translated: Option<&Value>,
    asked: &Asked<'_>,
) -> Result<Granted, Error> {
    let mut deviations = Vec::new();
    let members = match translated {
        Some(document) => Members::of(document, asked.departures),
        None => {
            check_media_type(headers, body, asked, &mut deviations)?;
            members(body, asked, &mut deviations)?
        }
    };
    let is_failure = match members.verdict {
        Some(is_success) => !is_success,
        None => members.error.is_some(),
    };
    if is_failure {
        return Err(refusal::in_success(status, &members, asked));
    }
    let extends_former = asked.departures.lifetime.refresh_extends_former;
    let (mut access_token, token_type) = match (members.access_token, asked.former) {
        (None, Some(former)) if extends_former => (former.clone(), wanted(asked)),
        (member, _) => (
            access_token(member, asked)?,
            token_type(members.token_type, asked, &mut deviations)?,
        ),
    };
    if token_type == TokenType::Dpop {
        access_token = to_be_borne(token_type, access_token.expose());
    }
    let lifetime = expiry::lifetime(members.expires_in, members.is_text, asked, &mut deviations)?;
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
        facts: members.facts,
    })
}

fn members(
    body: &[u8],
    asked: &Asked<'_>,
    deviations: &mut Vec<Deviation>,
) -> Result<Members, Error> {
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
    Members::read(text, asked.departures).map_err(|(fault, name)| {
        let problem = match (fault, name) {
            (_, Some(name)) => format!("`{name}` stands twice (RFC 6749 3.2)"),
            (ProtocolFault::DuplicateKey, None) => "a name stands twice in it".into(),
            (ProtocolFault::NotObject, _) => "it is not one JSON object (RFC 6749 5.1)".into(),
            _ => "it is not well-formed JSON (RFC 6749 5.1)".into(),
        };
        protocol(fault, asked, problem).remedy(
            "check the token URL; if this server always answers in another form, declare \
             `departures.response.format = \"form\"` or `\"token\"`",
        )
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
    let response = &asked.departures.response;
    let own: &[&str] = match response.format {
        BodyFormat::Json => &["application/json"],
        BodyFormat::Form => &["application/x-www-form-urlencoded", "application/json"],
        BodyFormat::Token => &["text/plain", "application/json"],
    };
    let declared = response.media_types.iter().map(String::as_str);
    if own
        .iter()
        .copied()
        .chain(declared)
        .any(|known| known.eq_ignore_ascii_case(&media_type))
    {
        return Ok(());
    }
    let shown = escape_without(&media_type, asked.secrets);
    let expected = own.first().copied().unwrap_or_default();
    let remedy = if response.format == BodyFormat::Json
        && media_type == "application/x-www-form-urlencoded"
    {
        "if this server answers forms, declare `departures.response.format = \"form\"`".to_owned()
    } else {
        format!(
            "check the token URL; if this server's answers come under that type, declare \
             `departures.response.media_types = [\"{shown}\"]`"
        )
    };
    Err(protocol(
        ProtocolFault::ContentType,
        asked,
        format!("its type is `{shown}`, not `{expected}`"),
    )
    .remedy(remedy))
}

fn access_token(member: Option<Value>, asked: &Asked<'_>) -> Result<Secret, Error> {
    let token = match member {
        None => {
            return Err(missing(Member::AccessToken, asked).remedy(
                "if this server gives it another name or place, declare \
                 `departures.response.members.access_token = \"/…\"`",
            ));
        }
        Some(Value::String(token)) => to_be_borne(TokenType::Bearer, token),
        Some(_) => return Err(wrong_type(Member::AccessToken, "a string", asked)),
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

/// The type of token that was asked for.
fn wanted(asked: &Asked<'_>) -> TokenType {
    asked.token_types.first().copied().unwrap_or_default()
}

fn token_type(
    member: Option<Value>,
    asked: &Asked<'_>,
    deviations: &mut Vec<Deviation>,
) -> Result<TokenType, Error> {
    let declared = &asked.departures.response;
    let token_type = match member {
        None if declared.format == BodyFormat::Token => return Ok(wanted(asked)),
        None if declared.token_type == Presence::Optional => {
            deviations.push(Deviation::NoTokenType);
            return Ok(wanted(asked));
        }
        None => {
            return Err(missing(Member::TokenType, asked).remedy(
                "if this server always leaves it out, declare `departures.response.token_type = \"optional\"`",
            ));
        }
        Some(Value::String(token_type)) => token_type,
        Some(_) => return Err(wrong_type(Member::TokenType, "a string", asked)),
    };
    let mut can_be_borne = asked.token_types.iter();
    if let Some(known) = can_be_borne.find(|known| known.is(&token_type)) {
        if token_type != known.name() {
            deviations.push(Deviation::TokenTypeCase);
        }
        return Ok(*known);
    }
    if asked.may_be_not_applicable && TokenType::NotApplicable.is(&token_type) {
        return Ok(TokenType::NotApplicable);
    }
    let mut words = declared.token_types.iter();
    let is_declared = words.any(|known| known.eq_ignore_ascii_case(&token_type));
    if is_declared && asked.token_types.contains(&TokenType::Bearer) {
        return Ok(TokenType::Bearer);
    }
    if is_declared || TokenType::Bearer.is(&token_type) {
        let problem = format!(
            "{} answered a token that is bound to nothing, though a proof was sent (RFC 9449 5)",
            asked.from
        );
        return Err(Error::new(ErrorKind::TokenType, problem).remedy(
            "have the client registered for `dpop_bound_access_tokens`, or, where a bearer token will do, \
             declare it by `Dpop::or_bearer`",
        ));
    }
    if TokenType::NotApplicable.is(&token_type) {
        let problem = format!(
            "{} answered what is no access token (`N_A`, RFC 8693 2.2.1)",
            asked.from
        );
        return Err(Error::new(ErrorKind::TokenType, problem)
            .with_recovery(Recovery::FixConfig)
            .remedy("ask for an access token by `requested_token_type`, or exchange by `OAuthClient::exchange`"));
    }
    if token_type.is_empty() || token_type.chars().any(char::is_control) {
        return Err(protocol(
            ProtocolFault::BadValue,
            asked,
            "`token_type` is empty or holds a control character",
        ));
    }
    let shown = escape_without(&token_type, asked.secrets);
    Err(Error::new(
        ErrorKind::TokenType,
        format!(
            "{} answered a token of type `{shown}`, which cannot be borne as `{}` (RFC 6749 7.1)",
            asked.from,
            wanted(asked).name(),
        ),
    )
    .remedy(format!(
        "if a token of that type is borne as it is, declare `departures.response.token_types = [\"{shown}\"]`"
    )))
}

fn scopes(
    member: Option<Value>,
    asked: &Asked<'_>,
    deviations: &mut Vec<Deviation>,
) -> Result<Scopes, Error> {
    let declared = &asked.departures.response;
    let separator = declared.scope_separator.unwrap_or(' ');
    let granted = match (member, declared.scope_form) {
        (None, _) | (_, ScopeForm::Ignored) => return Ok(asked.scopes.clone()),
        (Some(Value::String(text)), _) => Scopes::granted(&text, separator),
        (Some(Value::Array(list)), ScopeForm::List) => {
            let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            let texts =
                texts.ok_or_else(|| wrong_type(Member::Scope, "a list of strings", asked))?;
            Scopes::granted(&texts.join(" "), separator)
        }
        (Some(_), _) => {
            let expected = "a string with spaces between the scopes";
            return Err(wrong_type(Member::Scope, expected, asked).remedy(
                "if this server answers a list, declare `departures.response.scope_form = \"list\"`",
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
        Some(_) => return Err(wrong_type(Member::RefreshToken, "a string", asked)),
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
        Some(_) => Err(wrong_type(Member::IdToken, "a string", asked)),
    }
}

fn issued_token_type(member: Option<Value>, asked: &Asked<'_>) -> Result<Option<String>, Error> {
    match member {
        None => Ok(None),
        Some(Value::String(kind)) => Ok((!kind.is_empty()).then_some(kind)),
        Some(_) => Err(wrong_type(Member::IssuedTokenType, "a string", asked)),
    }
}

/// RFC 9396 2: objects, each with a `type`.
fn authorization_details(member: Option<Value>, asked: &Asked<'_>) -> Result<Vec<Value>, Error> {
    let details = match member {
        None => return Ok(Vec::new()),
        Some(Value::Array(details)) => details,
        Some(_) => return Err(wrong_type(Member::AuthorizationDetails, "a list", asked)),
    };
    let has_type = |detail: &Value| detail.get("type").is_some_and(Value::is_string);
    if details.iter().all(has_type) {
        return Ok(details);
    }
    let problem =
        "`authorization_details` holds something that is no object with a `type` (RFC 9396 2)";
    Err(protocol(ProtocolFault::BadValue, asked, problem))
}
