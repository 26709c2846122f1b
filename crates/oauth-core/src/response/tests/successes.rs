//! RFC 6749 5.1.

use super::*;

#[test]
fn r051_r052_only_one_well_formed_object_is_an_answer() {
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
fn r053_the_access_token_is_visible_ascii_or_refused() {
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
fn r054_r055_only_a_bearer_token_is_borne_as_one() {
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
fn r057_r058_the_lifetime_is_a_whole_number_of_seconds_or_unknown() {
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
fn r059_a_declared_lifetime_stands_in_for_one_that_is_not_said() {
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
fn r062_r063_the_granted_scopes_are_those_answered_or_else_those_asked_for() {
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
fn r072_a_refresh_token_is_taken_where_one_is_issued() {
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
fn r070_json_comes_as_json() {
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
    departures.response.media_types = vec!["text/plain".into()];
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
fn r064_thousands_of_unknown_members_are_skipped() {
    let body = answer(|members| {
        for number in 0..1000 {
            members.insert(format!("x{number}"), json!({"CANARY": [number]}));
        }
    });
    judged(200, JSON, body).unwrap();
}

#[test]
fn r066_an_error_in_a_success_is_an_error() {
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

#[test]
fn what_was_sent_is_not_shown_where_it_comes_back_as_a_type() {
    assert_eq!(kind(with("token_type", json!("s3cret-sent"))), "TokenType");
    let body = answer(|_| ());
    let error = judged(200, "text/s3cret-sent", body).unwrap_err();
    assert_eq!(error.kind().name(), "Protocol.ContentType");
}

#[test]
fn r056_a_declared_word_for_a_type_takes_no_proof_away() {
    let mut departures = Departures::default();
    departures.response.token_types = vec!["bot".into()];
    let scopes = Scopes::none();
    let body = json!({"access_token": "a", "token_type": "bot"}).to_string();
    for (token_types, is_taken) in [
        (&[TokenType::Bearer][..], true),
        (&[TokenType::Dpop, TokenType::Bearer], true),
        (&[TokenType::Dpop], false),
    ] {
        let asked = Asked {
            from: "https://auth.example",
            what: "token request",
            scopes: &scopes,
            renewal: false,
            refresh_token_expected: true,
            may_be_not_applicable: false,
            authentication: &"`none` as client `id`",
            secrets: &[],
            token_types,
            departures: &departures,
            dialect: None,
            now: DateTime::UNIX_EPOCH,
            former: None,
            retry_after: None,
        };
        let judged = judge(StatusCode::OK, &HeaderMap::new(), body.as_bytes(), &asked);
        match judged {
            Ok(granted) => assert!(is_taken && granted.token_type == TokenType::Bearer),
            Err(error) => {
                assert!(!is_taken);
                assert_eq!(error.kind(), ErrorKind::TokenType, "{error}");
            }
        }
    }
}
