//! RFC 6749 5.2, and what else comes instead.

use super::*;

fn refused(status: u16, body: &str) -> Error {
    judged(status, JSON, body).unwrap_err()
}

#[test]
fn a_code_of_the_rfcs_says_what_to_do() {
    for (status, code, renewal, recovery) in [
        (401, "invalid_client", false, "FixConfig"),
        (400, "invalid_grant", true, "LogInAgain"),
        (400, "invalid_grant", false, "FixConfig"),
        (400, "invalid_request", false, "FixConfig"),
        (400, "unauthorized_client", false, "FixConfig"),
        (400, "unsupported_grant_type", false, "FixConfig"),
        (400, "invalid_scope", false, "FixConfig"),
        (400, "invalid_target", false, "FixConfig"),
        (400, "temporarily_unavailable", false, "Retry"),
        (400, "INVALID_GRANT", true, "Report"),
        (400, "consent_required", true, "Report"),
        (400, "use_dpop_nonce", false, "Report"),
    ] {
        let body = json!({"error": code}).to_string();
        let error = judged_by(
            &Departures::default(),
            status,
            Some(JSON),
            body.as_bytes(),
            renewal,
        )
        .unwrap_err();
        assert_eq!(
            (error.kind().name(), error.recovery().name()),
            ("OAuth", recovery),
            "{code}"
        );
        assert_eq!(error.oauth().unwrap().code, code);
        assert!(error.to_string().contains("; "), "no remedy: {error}");
    }
}

#[test]
fn a_refusal_without_a_word_still_says_where_to_look() {
    for body in [
        r#"{"error":"invalid_client","error_description":null}"#,
        r#"{"error":"invalid_client","error_description":""}"#,
    ] {
        let text = refused(401, body).to_string();
        for says in [
            "without a description",
            "`client_secret_basic` as client `id`",
            "clock",
        ] {
            assert!(text.contains(says), "{says:?} is not in: {text}");
        }
    }
}

#[test]
fn declared_codes_pass_or_end_the_grant() {
    let mut departures = Departures::default();
    departures.errors.passing = vec!["Access Denied".into()];
    departures.errors.log_in_again = vec!["token_revoked".into()];
    let recovery = |code: &str| {
        let body = json!({"error": code}).to_string();
        judged_by(&departures, 400, Some(JSON), body.as_bytes(), true)
            .unwrap_err()
            .recovery()
            .name()
    };
    assert_eq!(recovery("Access Denied"), "Retry");
    assert_eq!(recovery("token_revoked"), "LogInAgain");
    assert_eq!(recovery("other"), "Report");
}

#[test]
fn r067_r071_what_is_no_oauth_error_is_a_status_and_nothing_of_its_body() {
    for body in [
        "",
        "<html>CANARY</html>",
        "{}",
        r#"{"error":null}"#,
        r#"{"error":7}"#,
        r#"{"error":{"CANARY":1}}"#,
        r#"{"error":""}"#,
        "{\"error\":\"invalid_grant\u{1b}[2J CANARY\"}",
        r#"{"error":"a\u001b[2JCANARY"}"#,
        r#"{"error":"é CANARY"}"#,
        r#"{"error":"a","error":"b CANARY"}"#,
        r#"{"title":"CANARY","status":400}"#,
        r#"{"resourceType":"OperationOutcome","text":"CANARY"}"#,
    ] {
        let error = refused(400, body);
        assert_eq!(
            (error.kind().name(), error.status()),
            ("Http", Some(400)),
            "{body}"
        );
        assert!(error.oauth().is_none());
    }
}

#[test]
fn r068_what_a_server_writes_is_one_short_escaped_line_without_what_it_was_sent() {
    for description in [
        "\u{1b}[31mred\u{1b}]52;c;x\u{7}",
        "first\n2026-01-01 INFO all is well",
        "\u{202e}txet",
        "wrong secret s3cret-sent or refresh-sent",
        &"x".repeat(100_000),
    ] {
        let body = json!({"error": "invalid_client", "error_description": description,
                          "error_uri": format!("javascript:{}", "x".repeat(100_000))});
        let error = refused(401, &body.to_string());
        assert!(
            error.to_string().chars().count() < 1500,
            "{}",
            error.to_string().len()
        );
        let oauth = error.oauth().unwrap();
        assert!(oauth.description.as_ref().unwrap().chars().count() <= 513);
        assert!(!format!("{oauth:?}").contains('\u{202e}'));
    }
}

#[test]
fn only_200_is_success() {
    for status in 201..300 {
        let error = judged(status, JSON, answer(|_| {})).unwrap_err();
        assert_eq!(
            (error.kind().name(), error.recovery().name()),
            ("Http", "Report"),
            "{status}"
        );
        let says = format!("`departures.response.success_statuses = [{status}]`");
        assert!(error.to_string().contains(&says), "{says:?}: {error}");
    }
    let mut departures = Departures::default();
    departures.response.success_statuses = vec![201];
    judged_by(&departures, 201, Some(JSON), &answer(|_| {}), false).unwrap();
}

#[test]
fn r050_every_status_is_an_error_with_a_recovery() {
    for status in (100..200).chain(300..600) {
        let error = judged(status, JSON, answer(|_| {})).unwrap_err();
        let (kind, recovery) = match status {
            429 => ("Throttled", "Retry"),
            408 | 421 | 425 | 500.. => ("Http", "Retry"),
            401 | 403 | 404 | 405 | 410 | 415 => ("Http", "FixConfig"),
            _ => ("Http", "Report"),
        };
        assert_eq!(
            (error.kind().name(), error.recovery().name()),
            (kind, recovery),
            "{status}"
        );
        assert_eq!(error.status(), Some(status));
    }
}

#[test]
fn a_server_that_asks_to_wait_is_waited_for() {
    let scopes = Scopes::none();
    let departures = Departures::default();
    let after = Some(Duration::from_secs(7));
    for (status, body) in [
        (429, r#"{"error":"rate_limited"}"#),
        (503, ""),
        (503, r#"{"error":"temporarily_unavailable"}"#),
    ] {
        let asked = Asked {
            from: "https://auth.example",
            scopes: &scopes,
            renewal: true,
            refresh_token_expected: true,
            may_be_not_applicable: false,
            what: "token request",
            authentication: &"",
            secrets: &[],
            token_types: &[TokenType::Bearer],
            departures: &departures,
            dialect: None,
            now: DateTime::UNIX_EPOCH,
            former: None,
            retry_after: after,
        };
        let status = StatusCode::from_u16(status).unwrap();
        let error = judge(status, &HeaderMap::new(), body.as_bytes(), &asked).unwrap_err();
        assert_eq!(
            (error.kind(), error.recovery()),
            (ErrorKind::Throttled, Recovery::Retry { after })
        );
    }
}
