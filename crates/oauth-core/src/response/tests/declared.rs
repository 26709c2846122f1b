//! Answers that bend the RFCs as it is declared, and what is said of those that bend them otherwise.

use super::*;
use crate::server::{BodyFormat, JsonPointer, SuccessRule, TokenAnswer};

/// Departures as a configuration writes them.
fn declared(departures: Value) -> Departures {
    serde_json::from_value(departures).unwrap()
}

fn response(departures: Value) -> Departures {
    declared(json!({ "response": departures }))
}

fn granted_by(departures: &Departures, body: &Value) -> Result<Granted, Error> {
    let body = body.to_string();
    judged_by(departures, 200, Some(JSON), body.as_bytes(), true)
}

fn bearing(name: &str, value: Value) -> Value {
    let mut body = json!({"access_token": "CANARY", "token_type": "Bearer"});
    body[name] = value;
    body
}

#[derive(Debug)]
struct Xml;

impl Dialect for Xml {
    fn read(&self, answer: &TokenAnswer<'_>) -> Option<Value> {
        match answer.status.as_u16() {
            200 => Some(json!({"access_token": "from-xml", "token_type": "Bearer"})),
            _ => Some(json!({"error": "invalid_scope"})),
        }
    }
}

#[test]
fn an_answer_is_judged_as_the_dialect_reads_it() {
    let departures = Departures::default();
    let judged = |status| {
        let xml = Some("text/xml");
        judged_as(&departures, status, xml, b"<x/>", |asked| {
            asked.dialect = Some(&Xml);
        })
    };
    assert_eq!(judged(200).unwrap().access_token.expose(), "from-xml");
    let error = judged(400).unwrap_err();
    assert_eq!(error.oauth().unwrap().code, "invalid_scope");
}

#[test]
fn the_expiry_is_read_in_its_declared_form() {
    const TEN_YEARS: u64 = 10 * 365 * 24 * 3600;
    for (form, value, seconds) in [
        ("seconds", json!(5000), Ok(5000)),
        ("seconds", json!("5000"), Ok(5000)),
        ("seconds", json!(TEN_YEARS), Ok(TEN_YEARS)),
        ("seconds", json!("+5"), Err("whole number of seconds, zero")),
        ("milliseconds", json!(5000), Ok(5)),
        (
            "milliseconds",
            json!(-1),
            Err("whole number of milliseconds, zero"),
        ),
        ("unix_seconds", json!(5000), Ok(4000)),
        ("unix_seconds", json!(0), Ok(0)),
        ("unix_seconds", json!(-1), Err("seconds since 1970")),
        ("unix_milliseconds", json!(5_000_000), Ok(4000)),
        (
            "unix_milliseconds",
            json!(-1),
            Err("milliseconds since 1970"),
        ),
        ("rfc3339", json!("1970-01-01T01:00:00Z"), Ok(2600)),
        ("rfc3339", json!("1970-01-01T00:00:00Z"), Ok(0)),
        ("rfc3339", json!("tomorrow"), Err("RFC 3339")),
        ("rfc3339", json!(5), Err("a string")),
        ("duration", json!("1:59:59"), Ok(7199)),
        ("duration", json!("5000"), Err("`177:05:38`")),
        ("duration", json!(5), Err("a string")),
    ] {
        let departures = response(json!({ "expiry": form }));
        let body = bearing("expires_in", value.clone()).to_string();
        let granted = judged_as(&departures, 200, Some(JSON), body.as_bytes(), |asked| {
            asked.now = DateTime::from_timestamp(1000, 0).unwrap();
        });
        match (granted, seconds) {
            (Ok(granted), Ok(seconds)) => {
                let lifetime = Some(Duration::from_secs(seconds));
                assert_eq!(granted.lifetime, lifetime, "{form} {value}");
                let noted = match value.is_string() && form == "seconds" {
                    true => &[Deviation::ExpiresInString][..],
                    false => &[],
                };
                assert_eq!(granted.deviations, noted, "{form} {value}");
            }
            (Err(error), Err(says)) => {
                assert!(error.to_string().contains(says), "{says:?}: {error}");
            }
            (granted, _) => panic!("{form} {value}: {granted:?}"),
        }
    }
}

#[test]
fn a_zero_means_that_nothing_is_known_only_where_it_is_a_span() {
    let minute = Some(Duration::from_secs(60));
    let zero = Some(Duration::ZERO);
    for (form, value, without, with) in [
        ("seconds", json!(0), zero, minute),
        ("duration", json!("0:00:00"), zero, minute),
        ("duration", json!("0:01:00"), minute, minute),
        (
            "duration",
            json!("0:00:05"),
            Some(Duration::from_secs(5)),
            Some(Duration::from_secs(5)),
        ),
        ("rfc3339", json!("1970-01-01T00:00:00Z"), zero, zero),
    ] {
        for (means_unknown, lifetime) in [(false, without), (true, with)] {
            let departures = declared(json!({
                "response": {"expiry": form},
                "lifetime": {"default_expires_in": "1m", "zero_means_unknown": means_unknown},
            }));
            let granted = granted_by(&departures, &bearing("expires_in", value.clone())).unwrap();
            assert_eq!(granted.lifetime, lifetime, "{form} {value} {means_unknown}");
        }
    }
}

/// Every member where a vendor may put it.
fn moved() -> Departures {
    response(json!({"members": {
        "access_token": "/d/a", "token_type": "/d/t", "expires_in": "/d/e",
        "refresh_token": "/d/r", "scope": "/d/s",
    }}))
}

#[test]
fn members_are_read_where_they_are_declared_to_stand() {
    let granted = granted_by(
        &moved(),
        &json!({
            "d": {"a": "CANARY", "t": "bearer", "e": 5, "r": "new", "s": "a"},
            "id_token": "i.d.t",
            "issued_token_type": "urn:x",
            "authorization_details": [{"type": "x"}],
            "scope": "a b",
            "error": null,
        }),
    )
    .unwrap();
    assert_eq!(granted.access_token.expose(), "CANARY");
    assert_eq!(granted.lifetime, Some(Duration::from_secs(5)));
    assert_eq!(granted.refresh_token, Some(Secret::new("new")));
    assert_eq!(granted.scopes.to_string(), "a");
    assert_eq!(granted.id_token, Some(Secret::new("i.d.t")));
    assert_eq!(granted.issued_token_type.as_deref(), Some("urn:x"));
    assert_eq!(granted.authorization_details, [json!({"type": "x"})]);
    assert_eq!(
        granted.deviations,
        [Deviation::TokenTypeCase, Deviation::ScopeNarrowed]
    );
}

#[test]
fn what_is_wrong_with_a_member_names_where_it_stands() {
    let whole = json!({"a": "CANARY", "t": "bearer", "e": 5, "r": "new", "s": "a"});
    for (at, name) in [
        ("a", "access_token"),
        ("t", "token_type"),
        ("e", "expires_in"),
        ("r", "refresh_token"),
        ("s", "scope"),
    ] {
        let mut members = whole.clone();
        members[at] = json!({});
        let error = granted_by(&moved(), &json!({ "d": members })).unwrap_err();
        let says = format!("`/d/{at}` is not ");
        assert!(error.to_string().contains(&says), "{says:?}: {error}");
        let plain = granted_by(&Departures::default(), &bearing(name, json!({}))).unwrap_err();
        let says = format!("`{name}` is not ");
        assert!(plain.to_string().contains(&says), "{says:?}: {plain}");
    }
    for name in ["id_token", "issued_token_type", "authorization_details"] {
        let error = granted_by(&Departures::default(), &bearing(name, json!({}))).unwrap_err();
        assert_eq!(error.kind().name(), "Protocol.BadType");
        let says = format!("`{name}` is not ");
        assert!(error.to_string().contains(&says), "{says:?}: {error}");
    }
}

#[test]
fn a_document_that_is_no_object_is_none_wherever_its_members_stand() {
    for (body, kind) in [
        ("7", "Protocol.NotObject"),
        ("{", "Protocol.NotJson"),
        (r#"{"d":1,"d":2}"#, "Protocol.DuplicateKey"),
        ("[]", "Protocol.MissingField"),
    ] {
        let error = judged_by(&moved(), 200, Some(JSON), body.as_bytes(), false).unwrap_err();
        assert_eq!(error.kind().name(), kind, "{body}");
    }
}

#[test]
fn what_else_came_with_the_token_is_kept_unless_it_is_empty() {
    let granted = |name: &str, value: Value| {
        granted_by(&Departures::default(), &bearing(name, value)).unwrap()
    };
    let id_token = |value| granted("id_token", value).id_token;
    assert_eq!(id_token(json!("i.d.t")), Some(Secret::new("i.d.t")));
    assert_eq!(id_token(json!("")), None);
    let issued = |value| granted("issued_token_type", value).issued_token_type;
    assert_eq!(issued(json!("urn:x")).as_deref(), Some("urn:x"));
    assert_eq!(issued(json!("")), None);
    let details = json!([{"type": "x"}, {"type": "y", "n": 1}]);
    let kept = granted("authorization_details", details.clone());
    assert_eq!(Value::from(kept.authorization_details), details);
    let bad = bearing("authorization_details", json!([{"type": "x"}, {"n": 1}]));
    let error = granted_by(&Departures::default(), &bad).unwrap_err();
    assert_eq!(error.kind().name(), "Protocol.BadValue");
}

#[test]
fn a_declared_word_decides_what_is_a_success() {
    let rule = |success: &[&str], failure: &[&str]| {
        let mut departures = Departures::default();
        departures.response.success = Some(SuccessRule {
            pointer: JsonPointer::parse("/ok").unwrap(),
            success: success.iter().map(|word| (*word).into()).collect(),
            failure: failure.iter().map(|word| (*word).into()).collect(),
        });
        departures
    };
    for (success, failure, said, is_success) in [
        (&["true"][..], &[][..], json!(true), true),
        (&["true"], &[], json!(false), false),
        (&["true"], &[], json!(null), false),
        (&[], &["1"], json!(1), false),
        (&[], &["1"], json!("1"), false),
        (&[], &["1"], json!(0), true),
        (&[], &["1"], json!(null), true),
        (&["0"], &["1"], json!(0), true),
        (&["0"], &["1"], json!(1), false),
        (&["0"], &["1"], json!(2), false),
        (&["0"], &["0"], json!(0), false),
    ] {
        let granted = granted_by(&rule(success, failure), &bearing("ok", said.clone()));
        assert_eq!(
            granted.is_ok(),
            is_success,
            "{success:?} {failure:?} {said}"
        );
    }
    let mut body = bearing("ok", json!(true));
    body["error"] = "a word that means nothing here".into();
    granted_by(&rule(&["true"], &[]), &body).unwrap();
    body["ok"] = false.into();
    body["error"] = "not_authed".into();
    let error = granted_by(&rule(&["true"], &[]), &body).unwrap_err();
    assert_eq!(error.oauth().unwrap().code, "not_authed");
}

#[test]
fn facts_are_carried_on_up_to_their_length() {
    let departures = response(json!({"facts": [
        {"name": "team", "pointer": "/team/id"}, {"name": "site", "pointer": "/site"},
    ]}));
    for (length, is_kept) in [(4096, true), (4097, false)] {
        let text = "x".repeat(length);
        let mut body = bearing("team", json!({ "id": text.clone() }));
        body["site"] = 7.into();
        let facts = granted_by(&departures, &body).unwrap().facts;
        let mut expected = vec![("site".to_owned(), Secret::new("7"))];
        if is_kept {
            expected.insert(0, ("team".to_owned(), Secret::new(text)));
        }
        assert_eq!(facts, expected, "{length}");
    }
}

#[test]
fn an_error_is_read_where_it_is_declared_to_stand() {
    let error_of = |errors: Value, body: Value| {
        let departures = declared(json!({ "errors": errors }));
        let body = body.to_string();
        let judged = judged_by(&departures, 400, Some(JSON), body.as_bytes(), false);
        judged.unwrap_err().oauth().cloned()
    };
    let code = error_of(json!({"code": "/e/code"}), json!({"e": {"code": 17}})).unwrap();
    assert_eq!(code.code, "17");
    let described = error_of(
        json!({"description": "/e/text"}),
        json!({"error": "invalid_scope", "e": {"text": "why"}, "error_uri": "https://x.example"}),
    )
    .unwrap();
    assert_eq!(described.code, "invalid_scope");
    assert_eq!(described.description.as_deref(), Some("why"));
    assert_eq!(described.uri.as_deref(), Some("https://x.example"));
    let number = error_of(
        json!({"description": "/e/text"}),
        json!({"error": 17, "e": {"text": "why"}}),
    );
    assert_eq!(number, None);
    let plain = error_of(
        json!({}),
        json!({"error": "invalid_scope", "error_uri": "https://x.example"}),
    )
    .unwrap();
    assert_eq!(plain.uri.as_deref(), Some("https://x.example"));
}

#[test]
fn a_form_and_a_bare_token_are_answers_where_they_are_declared() {
    let form = response(json!({"format": "form"}));
    let token = response(json!({"format": "token"}));
    let judged = |departures: &Departures, body: &str| {
        judged_by(departures, 200, None, body.as_bytes(), false)
    };
    let granted = judged(
        &form,
        "access_token=CAN%41RY&token_type=Bearer&expires_in=5\n",
    )
    .unwrap();
    assert_eq!(granted.access_token.expose(), "CANARY");
    assert_eq!(granted.lifetime, Some(Duration::from_secs(5)));
    assert_eq!(granted.deviations, [Deviation::NoContentType]);
    for body in ["CANARY", "\"CANARY\"\n"] {
        let granted = judged(&token, body).unwrap();
        assert_eq!(granted.access_token.expose(), "CANARY");
        assert_eq!(granted.token_type, TokenType::Bearer);
        assert_eq!(granted.deviations, [Deviation::NoContentType]);
    }
    for departures in [&form, &token] {
        let error = judged(departures, r#" {"error":"invalid_client"}"#).unwrap_err();
        assert_eq!(error.oauth().unwrap().code, "invalid_client");
    }
}

#[test]
fn a_body_that_cannot_be_read_says_how() {
    let says_of = |format: &str, body: &[u8]| {
        let departures = response(json!({ "format": format }));
        let error = judged_by(&departures, 200, None, body, false).unwrap_err();
        error.to_string()
    };
    for (format, body, says) in [
        ("json", &b""[..], "it has no body"),
        ("json", b"\xff", "it is not UTF-8 text"),
        ("json", b"[]", "it is not one JSON object (RFC 6749 5.1)"),
        ("json", b"{", "it is not well-formed JSON (RFC 6749 5.1)"),
        (
            "json",
            br#"{"scope":"a","scope":"b"}"#,
            "`scope` stands twice (RFC 6749 3.2)",
        ),
        ("form", b"a=1&a=2", "a name stands twice in it"),
        ("token", b"\"CANARY", "it is not well-formed JSON"),
    ] {
        let text = says_of(format, body);
        assert!(text.contains(says), "{says:?} is not in: {text}");
    }
}

#[test]
fn an_answer_of_another_type_says_what_to_declare() {
    const FORM: &str = "application/x-www-form-urlencoded";
    for (format, content_type, says) in [
        (
            BodyFormat::Json,
            FORM,
            "`departures.response.format = \"form\"`",
        ),
        (
            BodyFormat::Json,
            "text/html",
            "`departures.response.media_types = [\"text/html\"]`",
        ),
        (
            BodyFormat::Token,
            FORM,
            "`departures.response.media_types = [\"application/x-www-form-urlencoded\"]`",
        ),
    ] {
        let mut departures = Departures::default();
        departures.response.format = format;
        let judged = judged_by(&departures, 200, Some(content_type), b"CANARY", false);
        let text = judged.unwrap_err().to_string();
        assert!(text.contains(says), "{says:?} is not in: {text}");
    }
}

#[test]
fn the_former_token_lives_on_only_where_a_refresh_extends_it() {
    let former = Secret::new("former");
    for extends in [true, false] {
        let mut departures = Departures::default();
        departures.lifetime.refresh_extends_former = extends;
        let judged = judged_as(
            &departures,
            200,
            Some(JSON),
            br#"{"expires_in":5}"#,
            |asked| {
                asked.former = Some(&former);
            },
        );
        match extends {
            true => assert_eq!(judged.unwrap().access_token, former),
            false => {
                let kind = judged.unwrap_err().kind();
                assert_eq!(kind.name(), "Protocol.MissingField");
            }
        }
    }
}

#[test]
fn a_token_is_of_the_type_that_was_asked_for_where_the_answer_does_not_say() {
    let departures = response(json!({"token_type": "optional"}));
    let judged = |body: &[u8]| {
        judged_as(&departures, 200, Some(JSON), body, |asked| {
            asked.token_types = &[TokenType::Dpop];
        })
    };
    let granted = judged(&without("token_type")).unwrap();
    assert_eq!(granted.token_type, TokenType::Dpop);
}

#[test]
fn one_copy_of_a_token_serves_every_header_it_is_borne_in() {
    let departures = Departures::default();
    for token_type in [TokenType::Bearer, TokenType::Dpop] {
        let body = with("token_type", json!(token_type.name()));
        let granted = judged_as(&departures, 200, Some(JSON), &body, |asked| {
            asked.token_types = &[TokenType::Bearer, TokenType::Dpop];
        })
        .unwrap();
        let headers = [(); 2].map(|()| granted.access_token.in_header(token_type.name()));
        assert_eq!(headers[0], format!("{} CANARY", token_type.name()));
        assert_eq!(headers[0].as_ptr(), headers[1].as_ptr(), "{token_type:?}");
    }
}
