//! Documents, without a server.

use super::*;
use crate::server::EndpointKind;
use serde_json::json;

#[test]
fn r131_the_document_stands_where_each_specification_puts_it() {
    for (base, kind, url) in [
        (
            "https://a.example",
            DiscoveryKind::OAuth,
            "https://a.example/.well-known/oauth-authorization-server",
        ),
        (
            "https://a.example/t/1",
            DiscoveryKind::OAuth,
            "https://a.example/.well-known/oauth-authorization-server/t/1",
        ),
        (
            "https://a.example/t/1/",
            DiscoveryKind::OAuth,
            "https://a.example/.well-known/oauth-authorization-server/t/1",
        ),
        (
            "https://a.example/t",
            DiscoveryKind::OpenId,
            "https://a.example/t/.well-known/openid-configuration",
        ),
        (
            "https://a.example/t/base",
            DiscoveryKind::Smart,
            "https://a.example/t/base/.well-known/smart-configuration",
        ),
        (
            "https://a.example/t/base/",
            DiscoveryKind::Smart,
            "https://a.example/t/base/.well-known/smart-configuration",
        ),
    ] {
        assert_eq!(
            document_url(&base.parse().unwrap(), kind).as_str(),
            url,
            "{base} {kind:?}"
        );
    }
}

fn read(kind: DiscoveryKind, base: &str, document: &Value) -> Result<Metadata, Error> {
    let issuer = (kind != DiscoveryKind::Smart).then(|| base.to_owned());
    let document = document.to_string();
    Discovery::new(base.parse().unwrap(), kind, issuer, false).read(document.as_bytes(), false)
}

#[test]
fn an_issuer_that_is_not_identical_drops_the_document() {
    let document =
        |issuer: Value| json!({"issuer": issuer, "token_endpoint": "https://a.example/t"});
    read(
        DiscoveryKind::OAuth,
        "https://a.example/x",
        &document("https://a.example/x".into()),
    )
    .unwrap();
    for other in [
        json!("https://a.example/x/"),
        json!("https://A.example/x"),
        json!("https://a.example:443/x"),
        json!("https://a.example/%78"),
        json!("https://b.example/x"),
        json!("https://a.example/{tenantid}"),
        json!(7),
        json!(null),
    ] {
        let error = read(
            DiscoveryKind::OAuth,
            "https://a.example/x",
            &document(other),
        )
        .unwrap_err();
        assert_eq!(error.kind().name(), "Discovery.Issuer");
    }
}

#[test]
fn r133_an_endpoint_that_cannot_be_used_is_refused() {
    for (endpoint, kind) in [
        (json!("http://a.example/t"), "Discovery.Url"),
        (json!("https://user:pass@a.example/t"), "Discovery.Url"),
        (json!("https://a.example/t#f"), "Discovery.Url"),
        (json!("javascript:alert(1)"), "Discovery.Url"),
        (json!("file:///t"), "Discovery.Url"),
        (json!("data:,t"), "Discovery.Url"),
        (
            json!(format!("https://a.example/{}", "t".repeat(20_000))),
            "Discovery.Url",
        ),
        (json!("/t"), "Discovery.Missing"),
        (json!(""), "Discovery.Missing"),
        (json!(7), "Discovery.Missing"),
        (json!(null), "Discovery.Missing"),
    ] {
        let document = json!({"issuer": "https://a.example", "token_endpoint": endpoint});
        let error = read(DiscoveryKind::OAuth, "https://a.example", &document).unwrap_err();
        assert_eq!(error.kind().name(), kind, "{error}");
        assert!(!error.to_string().contains("pass@"));
    }
}

#[test]
fn smart_resolves_a_relative_endpoint_against_the_base() {
    for base in ["https://a.example/t/base", "https://a.example/t/base/"] {
        for (endpoint, url) in [
            ("auth/token", "https://a.example/t/base/auth/token"),
            ("/token", "https://a.example/token"),
        ] {
            let metadata = read(
                DiscoveryKind::Smart,
                base,
                &json!({"token_endpoint": endpoint}),
            )
            .unwrap();
            assert_eq!(metadata.token_endpoint.as_str(), url);
        }
    }
}

#[test]
fn another_host_is_noticed() {
    let document =
        |endpoint: &str| json!({"issuer": "https://a.example", "token_endpoint": endpoint});
    let foreign = |endpoint| {
        let metadata = read(
            DiscoveryKind::OpenId,
            "https://a.example",
            &document(endpoint),
        )
        .unwrap();
        metadata.is_foreign(&metadata.token_endpoint)
    };
    assert!(foreign("https://b.example/t"));
    assert!(!foreign("https://a.example:8443/t"));
}

#[test]
fn what_a_server_supports_is_a_list_of_strings_or_absent() {
    let document = |methods: Value| {
        json!({"issuer": "https://a.example", "token_endpoint": "https://a.example/t",
               "token_endpoint_auth_methods_supported": methods})
    };
    let read = |methods| {
        read(
            DiscoveryKind::OAuth,
            "https://a.example",
            &document(methods),
        )
    };
    assert_eq!(read(json!(null)).unwrap().auth_methods, None);
    assert_eq!(
        read(json!(["a"])).unwrap().auth_methods,
        Some(vec!["a".to_owned()])
    );
    for bad in [json!("a"), json!([1]), json!({})] {
        assert_eq!(read(bad).unwrap_err().kind().name(), "Protocol.BadType");
    }
}

#[test]
fn the_other_endpoints_and_facts_are_read_by_their_names() {
    let document = json!({
        "issuer": "https://a.example",
        "token_endpoint": "https://a.example/t",
        "revocation_endpoint": "https://a.example/r?tenant=1",
        "jwks_uri": "https://keys.example/k",
        "mtls_endpoint_aliases": {"token_endpoint": "https://mtls.a.example/t"},
        "require_pushed_authorization_requests": true,
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": null,
    });
    let metadata = read(DiscoveryKind::OAuth, "https://a.example", &document).unwrap();
    let endpoint = |kind| metadata.endpoint(kind).unwrap().map(Url::as_str);
    assert_eq!(endpoint(EndpointKind::Token), Some("https://a.example/t"));
    assert_eq!(
        endpoint(EndpointKind::Revocation),
        Some("https://a.example/r?tenant=1")
    );
    assert_eq!(endpoint(EndpointKind::Introspection), None);
    let keys = metadata.endpoint(EndpointKind::Jwks).unwrap().unwrap();
    assert!(metadata.is_foreign(keys));
    assert_eq!(
        metadata.mtls_endpoints[&EndpointKind::Token]
            .as_ref()
            .unwrap()
            .as_str(),
        "https://mtls.a.example/t"
    );
    assert!(metadata.facts.require_pushed_authorization_requests);
    assert!(
        !metadata
            .facts
            .authorization_response_iss_parameter_supported
    );
    assert_eq!(
        metadata.facts.code_challenge_methods_supported,
        Some(vec!["S256".to_owned()])
    );
    assert_eq!(metadata.facts.dpop_signing_alg_values_supported, None);
}

#[test]
fn r133_an_endpoint_that_cannot_be_used_is_an_error_for_whoever_needs_it() {
    for kind in EndpointKind::ALL.into_iter().skip(1) {
        for bad in [
            json!("http://a.example/x"),
            json!("https://user:pass@a.example/x"),
            json!("https://a.example/x#f"),
            json!("javascript:alert(1)"),
            json!("/x"),
            json!(7),
            json!(["https://a.example/x"]),
        ] {
            let mut document =
                json!({"issuer": "https://a.example", "token_endpoint": "https://a.example/t"});
            document[kind.name()] = bad;
            let metadata = read(DiscoveryKind::OAuth, "https://a.example", &document).unwrap();
            let error = metadata.endpoint(kind).unwrap_err();
            assert!(error.kind().name().starts_with("Discovery."), "{error}");
            let text = error.to_string();
            assert!(
                text.contains(&format!("configure `{}`", kind.name())),
                "{text}"
            );
            assert!(!text.contains("pass@"), "{text}");
        }
    }
}

#[test]
fn a_fact_of_another_type_is_refused() {
    for (name, bad) in [
        ("mtls_endpoint_aliases", json!([])),
        ("mtls_endpoint_aliases", json!("https://a.example/t")),
        ("require_pushed_authorization_requests", json!("true")),
        ("authorization_response_iss_parameter_supported", json!(1)),
        ("code_challenge_methods_supported", json!("S256")),
        ("id_token_signing_alg_values_supported", json!([1])),
    ] {
        let mut document =
            json!({"issuer": "https://a.example", "token_endpoint": "https://a.example/t"});
        document[name] = bad;
        let error = read(DiscoveryKind::OAuth, "https://a.example", &document).unwrap_err();
        assert_eq!(error.kind().name(), "Protocol.BadType");
        assert!(error.to_string().contains(name), "{error}");
    }
}
