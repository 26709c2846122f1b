//! What an error says, and what it asks for.

use super::*;

#[test]
fn says_what_to_do_in_one_line() {
    let error = Error::config("token_url", "`http` is refused").remedy("write `https`");
    assert_eq!(
        error.to_string(),
        "token_url: `http` is refused; write `https`"
    );
    assert_eq!(error.recovery(), Recovery::FixConfig);
}

#[test]
fn escapes_what_a_server_wrote() {
    let oauth = OAuthError::new(
        "invalid_client",
        Some("no\nfake log line\u{1b}]52;c;\u{7}"),
        None,
    );
    let shown = format!("{oauth:?}");
    assert!(
        !shown.contains('\u{1b}') && !shown.contains('\n'),
        "{shown}"
    );
}

/// Every kind of error whose name or recovery hangs on its fault.
fn kinds() -> Vec<ErrorKind> {
    use BindingFault as Binding;
    let binding = [
        Binding::State,
        Binding::Issuer,
        Binding::Context,
        Binding::Session,
    ];
    let jwt = [
        JwtFault::Malformed,
        JwtFault::Algorithm,
        JwtFault::Type,
        JwtFault::Critical,
        JwtFault::Signature,
        JwtFault::MissingClaim,
        JwtFault::BadClaim,
        JwtFault::Issuer,
        JwtFault::Audience,
        JwtFault::Expired,
        JwtFault::NotYet,
        JwtFault::Stale,
        JwtFault::Nonce,
        JwtFault::Hash,
        JwtFault::Subject,
        JwtFault::Authentication,
    ];
    let jwks = [JwksFault::NoKey, JwksFault::Ambiguous, JwksFault::BadKey];
    let store = [
        StoreFault::Unavailable,
        StoreFault::Locked,
        StoreFault::Full,
        StoreFault::ReadOnly,
        StoreFault::Corrupt,
        StoreFault::Tampered,
        StoreFault::KeyUnavailable,
        StoreFault::Version,
        StoreFault::Permission,
        StoreFault::Gone,
        StoreFault::Binding,
    ];
    let plain = [ErrorKind::Config, ErrorKind::OAuth, ErrorKind::Shutdown];
    plain
        .into_iter()
        .chain(binding.map(ErrorKind::Binding))
        .chain(jwt.map(ErrorKind::Jwt))
        .chain(jwks.map(ErrorKind::Jwks))
        .chain(store.map(ErrorKind::Store))
        .collect()
}

#[test]
fn a_kind_is_named_as_it_is_written() {
    for kind in kinds() {
        let written = format!("{kind:?}").replace('(', ".").replace(')', "");
        assert_eq!(kind.name(), written);
    }
}

#[test]
fn a_fault_asks_for_what_mends_it() {
    for kind in kinds() {
        let recovery = match kind.name() {
            "Jwt.Algorithm" | "Jwt.Issuer" | "Jwt.Audience" | "Jwt.Expired" | "Jwt.NotYet"
            | "Jwt.Stale" | "Config" => "FixConfig",
            "Jwt.Nonce" | "Jwt.Subject" | "Jwt.Authentication" | "Store.Gone" => "LogInAgain",
            "Store.Unavailable" | "Store.Locked" | "Store.KeyUnavailable" | "Shutdown" => "Retry",
            name if name.starts_with("Binding.") => "LogInAgain",
            name if name.starts_with("Store.") => "FixConfig",
            _ => "Report",
        };
        assert_eq!(
            Error::new(kind, "x").recovery().name(),
            recovery,
            "{kind:?}"
        );
    }
}

#[test]
fn an_error_keeps_what_the_api_wants() {
    let error = Error::new(ErrorKind::InsufficientScope, "x");
    assert_eq!(error.scopes_wanted(), None);
    let wanted = Scopes::parse("read write").unwrap();
    let error = error.with_scopes(wanted.clone());
    assert_eq!(error.scopes_wanted(), Some(&wanted));
}

#[test]
fn debug_tells_kind_recovery_status_and_message() {
    let error = Error::new(ErrorKind::Http, "no answer")
        .with_status(404)
        .with_recovery(Recovery::FixConfig);
    assert_eq!(
        format!("{error:?}"),
        r#"Error { kind: Http, recovery: FixConfig, status: 404, message: "no answer" }"#
    );
}
