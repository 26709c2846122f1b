//! Records that are read as they were written, and ids that never change.

use super::*;

fn key() -> TokenKey {
    TokenKey {
        authority: "https://auth.example".into(),
        client_id: "client".into(),
        grant: "client_credentials".into(),
        scopes: Scopes::parse("b a").unwrap(),
        ..TokenKey::default()
    }
}

/// Changing one of these orphans what users have stored.
#[test]
fn record_ids_never_change() {
    assert_eq!(
        &*key().record_id().id,
        "y85izwr9lAzwV9Et_dGEh6OFGkfamlPZFKnpSYUNSYA"
    );
    let full = TokenKey {
        subject: Some("user".into()),
        tenant: Some("t".into()),
        resource: vec!["https://y.example/".into(), "https://x.example/".into()],
        audience: Some("aud".into()),
        parameters: BTreeMap::from([("k".into(), "v".into())]),
        headers: BTreeMap::from([("h".into(), "v".into())]),
        credential: Some("c".into()),
        ..key()
    };
    assert_eq!(
        &*full.record_id().id,
        "nufxw_VgE4dW1nn7hakJfow5Ko5w91QY440AnA28M3k"
    );
}

#[test]
fn r200_each_part_makes_another_token() {
    let changes: [fn(&mut TokenKey); 12] = [
        |key| key.authorization_details = Some(r#"[{"type":"t"}]"#.into()),
        |key| drop(key.headers.insert("a".into(), "b".into())),
        |key| key.authority.push('/'),
        |key| key.client_id.push('2'),
        |key| key.grant = "refresh_token".into(),
        |key| key.subject = Some(String::new()),
        |key| key.tenant = Some(String::new()),
        |key| key.scopes = Scopes::none(),
        |key| key.resource.push("https://x.example".into()),
        |key| key.audience = Some(String::new()),
        |key| drop(key.parameters.insert("a".into(), "b".into())),
        |key| key.credential = Some("x".into()),
    ];
    let mut ids = std::collections::BTreeSet::from([key().record_id().id]);
    for change in changes {
        let mut other = key();
        change(&mut other);
        assert!(ids.insert(other.record_id().id), "{other:?}");
    }
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let record = TokenRecord {
        access: Some(Access {
            token: Secret::new("access"),
            asked: moment(1_700_000_000_123, Some((u64::MAX, 7))).unwrap(),
            lifetime: Some(Duration::from_secs(3600)),
            scopes: Scopes::parse("a b").unwrap(),
            scheme: TokenType::Dpop,
            certificate: Some("x5t".into()),
            key: Some(BoundKey::Signer("kms/1".into())),
        }),
        refresh_token: Some(Secret::new("refresh")),
        seeds: vec!["seed".into()],
        generation: u64::MAX,
        follows: Some(3),
        scopes: Some(Scopes::parse("a").unwrap()),
        resource: vec!["https://api.example/".into()],
        facts: BTreeMap::from([("instance_url".into(), Secret::new("https://a.example"))]),
        lost: 1,
        risked: 3,
        broken_off: 2,
        lost_at: moment(1_700_000_000_456, Some((7, 8))),
        ended: None,
        bound_key: Some(BoundKey::Private(Secret::new("{}"))),
    };
    let id = key().record_id();
    let read = TokenRecord::read(&record.write(&id), &id).unwrap();
    assert_eq!(format!("{read:?}"), format!("{record:?}"));
    assert_eq!(read.refresh_token, record.refresh_token);
    assert_eq!(read.bound_key, record.bound_key);
    assert_eq!(read.facts, record.facts);
    let (read, written) = (read.access.unwrap(), record.access.unwrap());
    assert_eq!((read.token, read.key), (written.token, written.key));
}

/// Of a library that knew no facts.
#[test]
fn an_older_record_is_read() {
    let id = RecordId {
        namespace: TokenKey::NAMESPACE.into(),
        id: "i".into(),
    };
    let old = br#"{"format":1,"id":"i","access":{"token":"t","asked_at_ms":1,"scopes":["a"]},"refresh_token":"r","generation":7}"#;
    let read = TokenRecord::read(&RecordValue::new(old.to_vec()), &id).unwrap();
    assert!(read.facts.is_empty() && read.refresh_token == Some(Secret::new("r")));
    let written = read.write(&id);
    assert!(!String::from_utf8_lossy(written.expose()).contains("facts"));
}

#[test]
fn a_record_is_that_of_one_token() {
    let id = key().record_id();
    let other = TokenKey {
        client_id: "other".into(),
        ..key()
    };
    let value = TokenRecord::default().write(&id);
    let error = TokenRecord::read(&value, &other.record_id()).unwrap_err();
    assert_eq!(error.fault(), StoreFault::Binding);
}

#[test]
fn a_damaged_or_newer_record_is_an_error_and_never_an_empty_one() {
    for bytes in [
        &b""[..],
        b"{}",
        b"[]",
        br#"{"format":2,"id":"i"}"#,
        br#"{"format":1}"#,
        br#"{"format":1,"id":"i","other":1}"#,
        br#"{"format":1,"id":"i","access":{"token":"t","asked_at_ms":0,"lifetime_ms":-1,"scopes":[]}}"#,
        br#"{"format":1,"id":"i","access":{"token":"t","asked_at_ms":9223372036854775807,"scopes":[]}}"#,
    ] {
        let id = RecordId {
            namespace: TokenKey::NAMESPACE.into(),
            id: "i".into(),
        };
        TokenRecord::read(&RecordValue::new(bytes.to_vec()), &id).unwrap_err();
    }
}
