//! What a server answers instead of a code (RFC 6749 4.1.2.1, OpenID Connect Core 3.1.2.6).

use crate::authorize::callback::broken;
use crate::error::{Error, ErrorKind, OAuthError, ProtocolFault, Recovery};
use crate::secret::{Secret, escape_without};

/// An error response whose `state` and `iss` were found to be right.
pub(super) fn read(
    code: &str,
    description: Option<&Secret>,
    uri: Option<&Secret>,
    secrets: &[Secret],
) -> Error {
    let is_code = !code.is_empty()
        && code.len() <= 128
        && code
            .bytes()
            .all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e));
    if !is_code {
        return broken(
            ProtocolFault::BadValue,
            "its `error` is none: empty, too long, or of other characters than RFC 6749 4.1.2.1 allows",
        );
    }
    let shown = |text: Option<&Secret>| {
        let text = text.map(Secret::expose).filter(|text| !text.is_empty());
        text.map(|text| escape_without(text, secrets))
    };
    let (recovery, remedy) = by_code(code);
    let oauth = OAuthError {
        code: match recovery {
            Recovery::Report => escape_without(code, secrets), // it could be anything
            _ => code.to_owned(),
        },
        description: shown(description),
        uri: shown(uri),
    };
    let mut problem = format!("the authorization was refused: {}", oauth.code);
    match &oauth.description {
        Some(description) => problem.push_str(&format!(", \"{description}\"")),
        None => problem.push_str(", without a description"),
    }
    Error::new(ErrorKind::OAuth, problem)
        .with_oauth(oauth)
        .with_recovery(recovery)
        .remedy(remedy)
}

fn by_code(code: &str) -> (Recovery, &'static str) {
    match code {
        "access_denied" => (
            Recovery::LogInAgain,
            "the user or the server said no; ask again only when the user wants it",
        ),
        "login_required"
        | "interaction_required"
        | "account_selection_required"
        | "consent_required" => (
            Recovery::LogInAgain,
            "the user has to do something: send the user there again, without `prompt` `none`",
        ),
        "unmet_authentication_requirements" => (
            Recovery::LogInAgain,
            "the user did not log in as `acr_values` or `max_age` want it; send the user there again",
        ),
        "server_error" | "temporarily_unavailable" => (
            Recovery::Retry { after: None },
            "it may pass: send the user there again",
        ),
        "invalid_scope" => (
            Recovery::FixConfig,
            "ask only for `scopes` that this client is registered for",
        ),
        "unauthorized_client" | "unsupported_response_type" => (
            Recovery::FixConfig,
            "have this client allowed to use the authorization code flow at the server",
        ),
        "invalid_target" => (Recovery::FixConfig, "check `resource` (RFC 8707 2)"),
        "invalid_authorization_details" => (
            Recovery::FixConfig,
            "check `authorization_details` (RFC 9396 5)",
        ),
        "invalid_request" | "invalid_request_object" | "invalid_request_uri" => (
            Recovery::FixConfig,
            "check the redirect URI, and what else this server wants to be asked",
        ),
        "request_not_supported" | "request_uri_not_supported" | "registration_not_supported" => (
            Recovery::FixConfig,
            "this server does not take requests in that form; send it a plain one",
        ),
        _ => (
            Recovery::Report,
            "the RFCs do not know this code; look it up with the vendor",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_to_do_by_the_code() {
        for (code, recovery) in [
            ("access_denied", "LogInAgain"),
            ("login_required", "LogInAgain"),
            ("interaction_required", "LogInAgain"),
            ("consent_required", "LogInAgain"),
            ("unmet_authentication_requirements", "LogInAgain"),
            ("temporarily_unavailable", "Retry"),
            ("server_error", "Retry"),
            ("invalid_scope", "FixConfig"),
            ("unauthorized_client", "FixConfig"),
            ("unsupported_response_type", "FixConfig"),
            ("invalid_target", "FixConfig"),
            ("invalid_request_object", "FixConfig"),
            ("acme_is_closed", "Report"),
        ] {
            let error = read(code, None, None, &[]);
            assert_eq!(error.kind(), ErrorKind::OAuth);
            assert_eq!(error.recovery().name(), recovery, "{code}");
            assert_eq!(error.oauth().unwrap().code, code);
        }
    }

    #[test]
    fn shows_what_was_said_in_one_line_and_without_secrets() {
        let said = Secret::new("no\n\u{1b}[2J s3cret-state");
        let error = read(
            "access_denied",
            Some(&said),
            Some(&said),
            &[Secret::new("s3cret-state")],
        );
        let text = format!("{error} {error:?}");
        assert!(
            !text.contains("s3cret-state") && !text.contains(char::is_control),
            "{text}"
        );
        assert!(text.contains("[REDACTED]"), "{text}");
    }

    #[test]
    fn a_code_of_other_characters_is_none() {
        for bad in [
            String::new(),
            "a\"b".into(),
            "a\u{1b}".into(),
            "é".into(),
            "x".repeat(129),
        ] {
            let error = read(&bad, None, None, &[]);
            assert_eq!(error.kind(), ErrorKind::Protocol(ProtocolFault::BadValue));
        }
    }
}
