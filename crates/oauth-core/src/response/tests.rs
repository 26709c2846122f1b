//! Every kind of answer that was met or can be thought of.

use super::*;
use crate::error::Recovery;
use crate::server::Presence;
use serde_json::{Value, json};

const JSON: &str = "application/json";

fn judged_by(
    departures: &Departures,
    status: u16,
    content_type: Option<&str>,
    body: &[u8],
    renewal: bool,
) -> Result<Granted, Error> {
    let scopes = Scopes::parse("a b").unwrap();
    let secrets = [Secret::new("s3cret-sent"), Secret::new("refresh-sent")];
    let asked = Asked {
        from: "https://auth.example",
        scopes: &scopes,
        renewal,
        refresh_token_expected: renewal,
        authentication: "`client_secret_basic` as client `id`",
        secrets: &secrets,
        departures,
        retry_after: None,
    };
    let mut headers = HeaderMap::new();
    if let Some(content_type) = content_type {
        headers.insert(http::header::CONTENT_TYPE, content_type.parse().unwrap());
    }
    let judged = judge(
        StatusCode::from_u16(status).unwrap(),
        &headers,
        body,
        &asked,
    );
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

#[test]
fn only_one_well_formed_object_is_an_answer() {
    let deep = |levels: usize| {
        format!(
            r#"{{"access_token":"CANARY","token_type":"bearer","x":{}1{}}}"#,
            "[".repeat(levels),
            "]".repeat(levels)
        )
    };
    for (body, expected) in [
        (b"".to_vec(), "Protocol.Empty"),
        (b"<html>CANARY</html>".to_vec(), "Protocol.NotJson"),
        (br#"{"access_token":"CANA"#.to_vec(), "Protocol.NotJson"),
        (b"null".to_vec(), "Protocol.NotObject"),
        (b"[]".to_vec(), "Protocol.NotObject"),
        (
            br#"["CANARY","Bearer",3600]"#.to_vec(),
            "Protocol.NotObject",
        ),
        (br#""CANARY""#.to_vec(), "Protocol.NotObject"),
        (b"42".to_vec(), "Protocol.NotObject"),
        (b"true".to_vec(), "Protocol.NotObject"),
        (
            [answer(|_| {}), answer(|_| {})].concat(),
            "Protocol.NotJson",
        ),
        (
            br#"{"access_token":"CANARY","access_token":"b","token_type":"Bearer"}"#.to_vec(),
            "Protocol.DuplicateKey",
        ),
        (
            br#"{"access_token":null,"access_token":"CANARY","token_type":"Bearer"}"#.to_vec(),
            "Protocol.DuplicateKey",
        ),
        (
            br#"{"x":1,"x":2,"access_token":"CANARY","token_type":"Bearer"}"#.to_vec(),
            "ok",
        ),
        (
            br#"{"access_token":"CANARY\ud800","token_type":"Bearer"}"#.to_vec(),
            "Protocol.NotJson",
        ),
        (
            br#"{"access_token":"CANARY","token_type":"Bearer",}"#.to_vec(),
            "Protocol.NotJson",
        ),
        (br#"{'access_token':'CANARY'}"#.to_vec(), "Protocol.NotJson"),
        (
            br#"/* x */ {"access_token":"CANARY"}"#.to_vec(),
            "Protocol.NotJson",
        ),
        (
            br#"cb({"access_token":"CANARY"})"#.to_vec(),
            "Protocol.NotJson",
        ),
        (
            br#")]}'{"access_token":"CANARY"}"#.to_vec(),
            "Protocol.NotJson",
        ),
        (b"\xff\xfe{\0\"\0".to_vec(), "Protocol.BadEncoding"),
        (
            "{\"a\":1}"
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect(),
            "Protocol.BadEncoding",
        ),
        (
            "{\"a\":1}"
                .encode_utf16()
                .flat_map(u16::to_be_bytes)
                .collect(),
            "Protocol.BadEncoding",
        ),
        (
            b"{\"access_token\":\"\xff\"}".to_vec(),
            "Protocol.BadEncoding",
        ),
        (deep(200).into_bytes(), "ok"),
        (deep(500_000).into_bytes(), "ok"),
        (
            format!("{{\"x\":{}", "[".repeat(1_000_000)).into_bytes(),
            "Protocol.NotJson",
        ),
        ("[".repeat(1_000_000).into_bytes(), "Protocol.NotJson"),
        (
            format!(r#"{{"access_token":{}"#, "[".repeat(1_000_000)).into_bytes(),
            "Protocol.NotJson",
        ),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert_eq!(kind(&body), expected, "{shown}");
    }
}

#[test]
fn a_byte_order_mark_is_taken_off_and_noted() {
    let body = [b"\xef\xbb\xbf".to_vec(), answer(|_| {})].concat();
    let granted = judged(200, JSON, &body).unwrap();
    assert_eq!(granted.deviations, [Deviation::ByteOrderMark]);
}

#[test]
fn the_access_token_is_visible_ascii_or_refused() {
    for (value, expected) in [
        (json!("CANARY"), "ok"),
        (json!("C".repeat(900 * 1024)), "ok"),
        (json!(""), "Protocol.BadValue"),
        (json!("CANARY\r\nX-Admin: 1"), "Protocol.BadValue"),
        (json!("CANARY\t"), "Protocol.BadValue"),
        (json!("CAN\u{0}ARY"), "Protocol.BadValue"),
        (json!("Bearer CANARY"), "Protocol.BadValue"),
        (json!(" CANARY"), "Protocol.BadValue"),
        (json!("CANARY "), "Protocol.BadValue"),
        (json!("CANARYé"), "Protocol.BadValue"),
        (json!(123), "Protocol.BadType"),
        (json!(["CANARY"]), "Protocol.BadType"),
        (json!({"a": "CANARY"}), "Protocol.BadType"),
        (json!(null), "Protocol.MissingField"),
    ] {
        assert_eq!(kind(with("access_token", value.clone())), expected);
    }
    assert_eq!(kind(without("access_token")), "Protocol.MissingField");
    assert_eq!(kind(r#"{"ok":true}"#), "Protocol.MissingField");
    let error = judged(200, JSON, with("access_token", json!("Bearer CANARY"))).unwrap_err();
    assert!(
        error.to_string().contains("begins with `Bearer `"),
        "{error}"
    );
}

#[test]
fn only_a_bearer_token_is_borne_as_one() {
    for (value, expected) in [
        (json!("Bearer"), "ok"),
        (json!("bEARER"), "ok"),
        (json!("mac"), "TokenType"),
        (json!("N_A"), "TokenType"),
        (json!("basic"), "TokenType"),
        (json!("DPoP"), "TokenType"),
        (json!("user"), "TokenType"),
        (json!(""), "Protocol.BadValue"),
        (json!("Bearer\r\nX:y"), "Protocol.BadValue"),
        (json!(7), "Protocol.BadType"),
        (json!(null), "Protocol.MissingField"),
    ] {
        assert_eq!(kind(with("token_type", value.clone())), expected, "{value}");
    }
    let error = judged(200, JSON, without("token_type")).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`departures.response.token_type = \"optional\"`"),
        "{error}"
    );
    let mut departures = Departures::default();
    departures.response.token_type = Presence::Optional;
    let granted = judged_by(&departures, 200, Some(JSON), &without("token_type"), false).unwrap();
    assert_eq!(granted.deviations, [Deviation::NoTokenType]);
}

#[test]
fn the_lifetime_is_a_whole_number_of_seconds_or_unknown() {
    use Deviation::{ExpiresInClamped, ExpiresInFloat, ExpiresInString};
    const TEN_YEARS: u64 = 10 * 365 * 24 * 3600;
    let granted = |text: &str| {
        let body = format!(r#"{{"access_token":"t","token_type":"Bearer","expires_in":{text}}}"#);
        judged(200, JSON, body)
    };
    for (text, seconds, deviations) in [
        ("3600", Some(3600), &[][..]),
        ("\"3600\"", Some(3600), &[ExpiresInString][..]),
        ("3600.0", Some(3600), &[ExpiresInFloat]),
        ("3.6e3", Some(3600), &[ExpiresInFloat]),
        ("null", None, &[]),
        ("0", Some(0), &[]),
        ("1", Some(1), &[]),
        ("2147483648", Some(TEN_YEARS), &[ExpiresInClamped]),
        ("9007199254740993", Some(TEN_YEARS), &[ExpiresInClamped]),
        ("18446744073709551615", Some(TEN_YEARS), &[ExpiresInClamped]),
    ] {
        let granted = granted(text).unwrap();
        assert_eq!(granted.lifetime, seconds.map(Duration::from_secs), "{text}");
        assert_eq!(granted.deviations, deviations, "{text}");
    }
    for (text, expected) in [
        ("-1", "Protocol.BadValue"),
        ("-0.5", "Protocol.BadValue"),
        ("3600.5", "Protocol.BadValue"),
        ("1e30", "Protocol.BadValue"),
        ("18446744073709551616", "Protocol.BadValue"),
        ("\"18446744073709551616\"", "Protocol.BadValue"),
        ("\"zzz\"", "Protocol.BadValue"),
        ("\"\"", "Protocol.BadValue"),
        ("\"-1\"", "Protocol.BadValue"),
        ("\"3600 \"", "Protocol.BadValue"),
        ("\"Thu, 01 Jan 2026 00:00:00 GMT\"", "Protocol.BadValue"),
        ("false", "Protocol.BadType"),
        ("{}", "Protocol.BadType"),
        ("[]", "Protocol.BadType"),
        ("NaN", "Protocol.NotJson"),
        ("1e999", "Protocol.NotJson"),
    ] {
        assert_eq!(granted(text).unwrap_err().kind().name(), expected, "{text}");
    }
    assert_eq!(
        judged(200, JSON, without("expires_in")).unwrap().lifetime,
        None
    );
    let both = with("expires_at", json!(1));
    assert_eq!(
        judged(200, JSON, both).unwrap().lifetime,
        Some(Duration::from_secs(3600))
    );
}

#[test]
fn a_declared_lifetime_stands_in_for_one_that_is_not_said() {
    let mut departures = Departures::default();
    departures.lifetime.default_expires_in = Some(Duration::from_secs(60));
    let granted = |departures: &Departures, body: Vec<u8>| {
        judged_by(departures, 200, Some(JSON), &body, false)
            .unwrap()
            .lifetime
    };
    assert_eq!(
        granted(&departures, without("expires_in")),
        Some(Duration::from_secs(60))
    );
    assert_eq!(
        granted(&departures, with("expires_in", json!(0))),
        Some(Duration::ZERO)
    );
    departures.lifetime.zero_means_unknown = true;
    assert_eq!(
        granted(&departures, with("expires_in", json!(0))),
        Some(Duration::from_secs(60))
    );
}

#[test]
fn the_granted_scopes_are_those_answered_or_else_those_asked_for() {
    let granted = |body: Vec<u8>| {
        let granted = judged(200, JSON, body).unwrap();
        (granted.scopes.to_string(), granted.deviations)
    };
    assert_eq!(granted(without("scope")), ("a b".into(), vec![]));
    assert_eq!(granted(with("scope", json!(null))), ("a b".into(), vec![]));
    assert_eq!(granted(with("scope", json!(""))), ("a b".into(), vec![]));
    assert_eq!(granted(with("scope", json!("b a"))), ("a b".into(), vec![]));
    assert_eq!(
        granted(with("scope", json!("a"))),
        ("a".into(), vec![Deviation::ScopeNarrowed])
    );
    assert_eq!(
        granted(with("scope", json!("a b c"))),
        ("a b c".into(), vec![Deviation::ScopeWidened])
    );
    for bad in [json!(["a"]), json!(7), json!({})] {
        assert_eq!(kind(with("scope", bad)), "Protocol.BadType");
    }
    let mut departures = Departures::default();
    departures.response.scope_separator = Some(',');
    departures.response.refuse_wider_scope = true;
    let judged = |scope: &str| {
        judged_by(
            &departures,
            200,
            Some(JSON),
            &with("scope", json!(scope)),
            false,
        )
    };
    assert_eq!(judged("a,b").unwrap().scopes.to_string(), "a b");
    assert_eq!(
        judged("a,b,c").unwrap_err().kind().name(),
        "Protocol.BadValue"
    );
}

#[test]
fn a_refresh_token_is_taken_where_one_is_issued() {
    let renewed = |body: Vec<u8>| judged_by(&Departures::default(), 200, Some(JSON), &body, true);
    let refresh = |value: Value| renewed(with("refresh_token", value)).unwrap().refresh_token;
    assert_eq!(refresh(json!("new")), Some(Secret::new("new")));
    assert_eq!(refresh(json!("")), None);
    assert_eq!(refresh(json!(null)), None);
    assert_eq!(
        renewed(without("refresh_token")).unwrap().refresh_token,
        None
    );
    let error = renewed(with("refresh_token", json!(7))).unwrap_err();
    assert_eq!(error.kind().name(), "Protocol.BadType");
    let unwanted = judged(200, JSON, with("refresh_token", json!("CANARY"))).unwrap();
    assert_eq!(
        (unwanted.refresh_token, unwanted.deviations),
        (None, vec![Deviation::UnwantedRefreshToken])
    );
}

#[test]
fn json_comes_as_json() {
    for (content_type, expected) in [
        ("application/json", "ok"),
        ("Application/JSON; charset=utf-8", "ok"),
        ("application/json;charset=iso-8859-1", "ok"),
        ("text/html", "Protocol.ContentType"),
        ("text/plain", "Protocol.ContentType"),
        ("application/x-www-form-urlencoded", "Protocol.ContentType"),
        ("application/jsonx", "Protocol.ContentType"),
        ("", "Protocol.ContentType"),
    ] {
        let judged = judged(200, content_type, answer(|_| {}));
        let kind = judged
            .as_ref()
            .map_or_else(|error| error.kind().name(), |_| "ok");
        assert_eq!(kind, expected, "{content_type}");
    }
    let missing = judged_by(&Departures::default(), 200, None, &answer(|_| {}), false).unwrap();
    assert_eq!(missing.deviations, [Deviation::NoContentType]);
    let mut departures = Departures::default();
    departures.response.json_media_types = vec!["text/plain".into()];
    judged_by(
        &departures,
        200,
        Some("text/plain; x=y"),
        &answer(|_| {}),
        false,
    )
    .unwrap();
}

#[test]
fn thousands_of_unknown_members_are_skipped() {
    let body = answer(|members| {
        for number in 0..1000 {
            members.insert(format!("x{number}"), json!({"CANARY": [number]}));
        }
    });
    judged(200, JSON, body).unwrap();
}

#[test]
fn an_error_in_a_success_is_an_error() {
    for body in [
        r#"{"error":"invalid_grant","access_token":"CANARY","token_type":"Bearer"}"#,
        r#"{"ok":false,"error":"invalid_auth"}"#,
    ] {
        let error = judged(200, JSON, body).unwrap_err();
        assert_eq!((error.kind().name(), error.status()), ("OAuth", Some(200)));
    }
    assert_eq!(
        kind(r#"{"error":7,"access_token":"CANARY","token_type":"Bearer"}"#),
        "Http"
    );
    assert_eq!(
        kind(r#"{"error":null,"access_token":"CANARY","token_type":"Bearer"}"#),
        "ok"
    );
}

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
fn what_is_no_oauth_error_is_a_status_and_nothing_of_its_body() {
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
fn what_a_server_writes_is_one_short_escaped_line_without_what_it_was_sent() {
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
    }
    let mut departures = Departures::default();
    departures.response.success_statuses = vec![201];
    judged_by(&departures, 201, Some(JSON), &answer(|_| {}), false).unwrap();
}

#[test]
fn every_status_is_an_error_with_a_recovery() {
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
            authentication: "",
            secrets: &[],
            departures: &departures,
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
