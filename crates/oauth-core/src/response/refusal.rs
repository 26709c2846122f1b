//! RFC 6749 5.2, and what else comes instead.

use http::StatusCode;
use serde_json::Value;

use crate::error::{Error, ErrorKind, OAuthError, Recovery};
use crate::response::Asked;
use crate::response::members::Members;
use crate::secret::escape_without;

/// An answer that is no success.
pub(super) fn read(
    status: StatusCode,
    body: &[u8],
    translated: Option<&Value>,
    asked: &Asked<'_>,
) -> Error {
    let members = match translated {
        Some(document) => Some(Members::of(document, asked.departures)),
        None => super::text(body)
            .ok()
            .and_then(|(text, _)| Members::read(text, asked.departures).ok()),
    };
    let oauth = members.and_then(|members| oauth_error(&members, asked));
    let code = status.as_u16();
    let retry = Recovery::Retry {
        after: asked.retry_after,
    };
    let error = match (code, oauth) {
        (429, oauth) => throttled(code, asked)
            .with_oauth(oauth)
            .with_recovery(retry),
        (503, oauth) if asked.retry_after.is_some() => throttled(code, asked)
            .with_oauth(oauth)
            .with_recovery(retry),
        (408 | 421 | 425 | 500..=599, oauth) => {
            let problem = format!(
                "{} failed at the {} with status {code}",
                asked.from, asked.what
            );
            Error::new(ErrorKind::Http, problem)
                .with_oauth(oauth)
                .remedy("it may pass; if it lasts, ask whoever runs the server")
                .with_recovery(retry)
        }
        (_, Some(oauth)) => refused(oauth, asked, code),
        (_, None) => unexplained(code, asked),
    };
    error.with_status(code)
}

/// A refusal in an answer that claims success.
pub(super) fn in_success(status: StatusCode, members: &Members, asked: &Asked<'_>) -> Error {
    match oauth_error(members, asked) {
        Some(oauth) => refused(oauth, asked, status.as_u16()),
        None => Error::new(
            ErrorKind::Http,
            format!(
                "{} answered success with an `error` that is not one (RFC 6749 5.2)",
                asked.from
            ),
        )
        .remedy("where its code stands elsewhere, declare `departures.errors.code = \"/…\"`"),
    }
}

/// The OAuth error, where the code has the characters a code has (RFC 6749 5.2).
fn oauth_error(members: &Members, asked: &Asked<'_>) -> Option<OAuthError> {
    let code = members.error.as_ref()?.as_str()?;
    let is_code = !code.is_empty()
        && code.len() <= 128
        && code
            .bytes()
            .all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e));
    if !is_code {
        return None;
    }
    let shown = |member: &Option<Value>| {
        let text = member.as_ref()?.as_str()?;
        (!text.is_empty()).then(|| escape_without(text, asked.secrets))
    };
    Some(OAuthError {
        code: if means_something(code, asked) {
            code.to_owned() // it is compared, and a declared value such as `client` may be a part of it
        } else {
            escape_without(code, asked.secrets)
        },
        description: shown(&members.error_description),
        uri: shown(&members.error_uri),
    })
}

/// Whether the code decides what is to be done.
fn means_something(code: &str, asked: &Asked<'_>) -> bool {
    let declared = &asked.departures.errors;
    by_code(code, asked).0 != Recovery::Report
        || OTHERS.contains(&code)
        || [
            &declared.passing,
            &declared.log_in_again,
            &declared.fix_config,
        ]
        .into_iter()
        .any(|codes| codes.iter().any(|known| known == code))
}

fn throttled(code: u16, asked: &Asked<'_>) -> Error {
    let problem = match asked.retry_after {
        Some(wait) => format!("{} asks to wait {} s ({code})", asked.from, wait.as_secs()),
        None => format!("{} asks to slow down ({code})", asked.from),
    };
    Error::new(ErrorKind::Throttled, problem)
}

fn refused(oauth: OAuthError, asked: &Asked<'_>, status: u16) -> Error {
    let mut problem = format!(
        "{} refused the {}: {} ({status})",
        asked.from, asked.what, oauth.code
    );
    match &oauth.description {
        Some(description) => problem.push_str(&format!(", \"{description}\"")),
        None => problem.push_str(", without a description"),
    }
    let departures = &asked.departures.errors;
    let (recovery, remedy) = if departures.passing.contains(&oauth.code) {
        (
            Recovery::Retry {
                after: asked.retry_after,
            },
            String::new(),
        )
    } else if asked.renewal && departures.log_in_again.contains(&oauth.code) {
        (Recovery::LogInAgain, LOG_IN.into())
    } else if departures.fix_config.contains(&oauth.code) {
        let remedy = format!(
            "the client sent {}; look this code up with the vendor",
            asked.authentication
        );
        (Recovery::FixConfig, remedy)
    } else {
        by_code(&oauth.code, asked)
    };
    let error = Error::new(ErrorKind::OAuth, problem)
        .with_oauth(oauth)
        .with_recovery(recovery);
    if remedy.is_empty() {
        error
    } else {
        error.remedy(remedy)
    }
}

/// Codes that those who ask look for: to ask again with something else, or later (RFC 8628 3.5, RFC 9449 8).
const OTHERS: [&str; 5] = [
    "access_denied",
    "authorization_pending",
    "expired_token",
    "unsupported_token_type",
    "use_dpop_nonce",
];

const LOG_IN: &str =
    "the refresh token is spent, revoked or expired: log in again and hand over the new one";

fn by_code(code: &str, asked: &Asked<'_>) -> (Recovery, String) {
    let authentication = asked.authentication;
    match code {
        "invalid_grant" if asked.renewal => (Recovery::LogInAgain, LOG_IN.into()),
        "invalid_client" | "invalid_grant" => (
            Recovery::FixConfig,
            format!(
                "the client sent {authentication}; check in this order that this client id is registered here, that \
                 the method is the registered one, that the secret or public key is current (a new key may take \
                 hours to count), and that this machine's clock is right"
            ),
        ),
        "unauthorized_client" => (
            Recovery::FixConfig,
            "have this client allowed to use this grant at the server".into(),
        ),
        "invalid_scope" => (
            Recovery::FixConfig,
            "ask only for scopes this client is registered for: `scopes`".into(),
        ),
        "unsupported_grant_type" => (
            Recovery::FixConfig,
            "check that the token URL is this server's and that it offers this grant".into(),
        ),
        "invalid_request" => (
            Recovery::FixConfig,
            format!(
                "the client sent {authentication}; check the method and what else this server wants"
            ),
        ),
        "invalid_target" => (
            Recovery::FixConfig,
            "check `resource` and `audience` (RFC 8707 2)".into(),
        ),
        "invalid_dpop_proof" => (
            Recovery::FixConfig,
            "check this machine's clock, and that the server is known by the URL it is asked by (RFC 9449 4.3)"
                .into(),
        ),
        "use_dpop_nonce" => (
            Recovery::Report,
            "the server wants a nonce in the proof, and gives none that it takes (RFC 9449 8)".into(),
        ),
        "access_denied" => (Recovery::Report, "the user or the server said no".into()),
        "authorization_pending" => (Recovery::Report, "the user has not decided yet".into()),
        "expired_token" => (Recovery::Report, "the device code has expired".into()),
        "unsupported_token_type" => (
            Recovery::Report,
            "the server does not know tokens of this kind here (RFC 7009 2.2.1)".into(),
        ),
        "temporarily_unavailable" | "server_error" | "slow_down" => (
            Recovery::Retry {
                after: asked.retry_after,
            },
            "it may pass".into(),
        ),
        _ => by_extension(code, asked),
    }
}

/// Codes of other RFCs, at the endpoints of those.
fn by_extension(code: &str, asked: &Asked<'_>) -> (Recovery, String) {
    let remedy = match code {
        "invalid_authorization_details" => "check `authorization_details` (RFC 9396 5)",
        "invalid_request_object" => {
            "check that the server has the key that requests are signed by, takes its algorithm, and that this \
             machine's clock is right (RFC 9101 6.3)"
        }
        "invalid_client_metadata" => {
            "mend the metadata: the server cannot take one of its members (RFC 7591 3.2.2)"
        }
        "invalid_redirect_uri" => {
            "mend `redirect_uris`: the server does not take one of them (RFC 7591 3.2.2)"
        }
        "invalid_software_statement" | "unapproved_software_statement" => {
            "have `software_statement` issued by somebody whom this server trusts (RFC 7591 3.2.2)"
        }
        "invalid_token" => {
            let sent = asked.authentication;
            let remedy = format!(
                "the client sent {sent}; it is spent, or its client is gone (RFC 6750 3.1)"
            );
            return (Recovery::FixConfig, remedy);
        }
        _ => {
            let remedy = "the RFCs do not know this code; look it up with the vendor";
            return (Recovery::Report, remedy.into());
        }
    };
    (Recovery::FixConfig, remedy.into())
}

/// A status without an OAuth error.
fn unexplained(code: u16, asked: &Asked<'_>) -> Error {
    let problem = format!(
        "{} answered the {} with status {code} and no OAuth error",
        asked.from, asked.what
    );
    let (recovery, remedy) = match code {
        401 => (
            Recovery::FixConfig,
            format!("the client sent {}; check its id, its secret or key, and the method", asked.authentication),
        ),
        404 | 405 | 410 | 415 => (Recovery::FixConfig, "check that the token URL is the token endpoint".into()),
        403 => (
            Recovery::FixConfig,
            "a firewall or gateway in between may refuse; check the token URL and the network's rules".into(),
        ),
        200..=299 => (
            Recovery::Report,
            format!(
                "only 200 is success (RFC 6749 5.1); if this server answers so, declare \
                 `departures.response.success_statuses = [{code}]`"
            ),
        ),
        _ => (Recovery::Report, "look at the server's log".into()),
    };
    Error::new(ErrorKind::Http, problem)
        .remedy(remedy)
        .with_recovery(recovery)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::judge;
    use crate::secret::Secret;
    use crate::server::Departures;
    use crate::token::Scopes;
    use crate::token::TokenType;
    use chrono::DateTime;
    use serde_json::json;

    fn judged(status: u16, body: &Value, sent: &[&str]) -> Error {
        let mut departures = Departures::default();
        departures.response.success_statuses = vec![201];
        departures.errors.passing = vec!["client_busy".into()];
        let secrets: Vec<Secret> = sent.iter().copied().map(Secret::new).collect();
        let asked = Asked {
            from: "https://auth.example",
            what: "token request",
            scopes: &Scopes::none(),
            renewal: true,
            refresh_token_expected: true,
            may_be_not_applicable: false,
            authentication: &"`none` as client `id`",
            secrets: &secrets,
            token_types: &[TokenType::Bearer],
            departures: &departures,
            dialect: None,
            now: DateTime::UNIX_EPOCH,
            former: None,
            retry_after: None,
        };
        let status = StatusCode::from_u16(status).unwrap();
        judge(
            status,
            &http::HeaderMap::new(),
            body.to_string().as_bytes(),
            &asked,
        )
        .unwrap_err()
    }

    #[test]
    fn a_refusal_in_an_answer_that_claims_success_names_the_status_it_came_with() {
        for status in [200, 201] {
            for code in ["invalid_client", "", "\u{1b}"] {
                let error = judged(status, &json!({"error": code}), &[]);
                assert_eq!(error.status(), Some(status));
                let text = error.to_string();
                let says = if code == "invalid_client" {
                    format!("({status})")
                } else {
                    "success".into()
                };
                assert!(text.contains(&says), "{text}");
            }
        }
    }

    #[test]
    fn strikes_out_a_value_that_holds_another_one() {
        let body = json!({"error": "invalid_client", "error_description": "not acme-s3cret"});
        for sent in [["acme", "acme-s3cret"], ["acme-s3cret", "acme"]] {
            let error = judged(400, &body, &sent);
            let description = error.oauth().unwrap().description.as_deref();
            assert_eq!(description, Some("not [REDACTED]"));
        }
    }

    #[test]
    fn the_codes_of_other_rfcs_say_what_to_mend() {
        for (code, word) in [
            ("invalid_authorization_details", "`authorization_details`"),
            ("invalid_request_object", "signed"),
            ("invalid_client_metadata", "metadata"),
            ("invalid_redirect_uri", "`redirect_uris`"),
            ("invalid_software_statement", "`software_statement`"),
            ("unapproved_software_statement", "`software_statement`"),
            ("invalid_token", "`none` as client `id`"),
        ] {
            let error = judged(400, &json!({"error": code}), &[]);
            assert_eq!(error.recovery(), Recovery::FixConfig, "{code}");
            let remedy = error.to_string();
            assert!(remedy.contains(word), "{remedy}");
        }
        let error = judged(400, &json!({"error": "out_of_cheese"}), &[]);
        assert_eq!(error.recovery(), Recovery::Report);
    }

    #[test]
    fn a_declared_value_that_is_a_part_of_a_code_changes_no_decision() {
        for (code, shown, recovery) in [
            ("invalid_client", "invalid_client", "FixConfig"),
            ("invalid_grant", "invalid_grant", "LogInAgain"),
            ("client_busy", "client_busy", "Retry"),
            ("no_such_client", "no_such_[REDACTED]", "Report"),
        ] {
            let error = judged(400, &json!({"error": code}), &["client", "grant"]);
            assert_eq!(error.oauth().unwrap().code, shown);
            assert_eq!(error.recovery().name(), recovery, "{code}");
        }
    }
}
