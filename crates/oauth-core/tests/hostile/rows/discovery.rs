//! Documents of discovery.

use std::time::Duration;

use oauth_core::error::Recovery;
use oauth_core::server::DiscoveryKind;
use oauth_stage::Step;

use crate::exchange::{Ask, Exchange, Method, PATIENT, Told, bare, head, json, script};
use crate::table::{Case, Row, refused, row, taken};

const OAUTH: Ask = Ask::Discovery(DiscoveryKind::OAuth);

pub fn rows() -> Vec<Row> {
    let mut rows = issuers();
    rows.extend(endpoints());
    rows.extend(documents());
    rows.extend(lists());
    rows
}

fn document(body: &str) -> Exchange {
    json(body).asking(OAUTH)
}

/// A document whose issuer is that JSON.
fn by(issuer: &str) -> Exchange {
    document(&format!(
        r#"{{"issuer":{issuer},"token_endpoint":"$token"}}"#
    ))
}

/// A document whose token endpoint is that JSON.
fn at(endpoint: &str) -> Exchange {
    document(&format!(
        r#"{{"issuer":"$issuer","token_endpoint":{endpoint}}}"#
    ))
}

/// A good document with more members.
fn with(members: &str) -> Exchange {
    document(&format!(
        r#"{{"issuer":"$issuer","token_endpoint":"$token",{members}}}"#
    ))
}

/// Nothing but the document was asked for, and somebody has to mend the configuration.
fn to_be_mended(told: &Told) {
    assert_eq!(told.error().recovery(), Recovery::FixConfig);
    let log = told.stage.log();
    assert!(log.iter().all(|one| one.header("authorization").is_none()));
    assert!(log.iter().all(|one| one.form().is_empty()));
}

fn issuers() -> Vec<Row> {
    let others = |list: &[&str]| -> Vec<Exchange> {
        list.iter()
            .map(|issuer| by(issuer).then(to_be_mended))
            .collect()
    };
    vec![
        refused(
            "DSC-001",
            "Discovery.Issuer",
            others(&[
                r#""https://another.example""#,
                r#""$issuer/tenant""#,
                r#""$issuer/""#,
                r#""$issuer?x""#,
                r##""$issuer#x""##,
                r#"" $issuer""#,
                r#""$issuer ""#,
                r#""$elsewhere""#,
            ]),
        ),
        refused(
            "DSC-003",
            "Discovery.Issuer",
            others(&[
                r#""HTTP://127.0.0.1""#,
                r#""$issuer:80""#,
                r#""$issuer/%2e""#,
                r#""$issuer/.""#,
                r#""$issuer//""#,
                r#""hTTp:$issuer""#,
            ]),
        ),
        refused(
            "DSC-004",
            "Discovery.Issuer",
            others(&["7", "null", "true", "{}", r#"["$issuer"]"#, r#""""#])
                .into_iter()
                .chain([document(r#"{"token_endpoint":"$token"}"#).then(to_be_mended)]),
        ),
        refused(
            "DSC-007",
            "Discovery.Issuer",
            others(&[
                r#""https://login.example/{tenantid}/v2.0""#,
                r#""$issuer/{tenant}""#,
                r#""{issuer}""#,
            ]),
        ),
    ]
}

fn endpoints() -> Vec<Row> {
    let list = |endpoints: &[&str]| -> Vec<Exchange> {
        endpoints
            .iter()
            .map(|one| at(one).then(to_be_mended))
            .collect()
    };
    vec![
        refused(
            "DSC-008",
            "Discovery.Missing",
            list(&["null", r#""""#, "7", "[]", r#"["$token"]"#, "{}", r#""/token""#, r#""token""#, r#""//h/token""#])
                .into_iter()
                .chain([document(r#"{"issuer":"$issuer"}"#).then(to_be_mended)]),
        ),
        refused(
            "DSC-009",
            "Discovery.Url",
            list(&[
                r#""http://a.example/token""#,
                r#""http://localhost/token""#,
                r#""HTTP://a.example/token""#,
                r#""http://10.0.0.1/token""#,
                r#""ws://a.example/token""#,
            ]),
        ),
        refused(
            "DSC-010",
            "Discovery.Url",
            list(&[
                r#""https://user:$hidden@a.example/token""#,
                r#""https://user@a.example/token""#,
                r#""https://:$hidden@a.example/token""#,
            ]),
        ),
        refused("DSC-011", "Discovery.Url", list(&[r##""https://a.example/token#$hidden""##, r##""https://a.example/token#""##])),
        row("DSC-012").elsewhere("test:discovers endpoints::another_host_on_our_own_network_is_taken_where_that_is_allowed"),
        row("DSC-013").elsewhere("test:discovers lookups::the_issuer_of_the_document_is_the_audience_that_was_declared"),
        refused(
            "DSC-014",
            "Discovery.Address",
            list(&[
                r#""https://[::1]/token""#,
                r#""https://0.0.0.0/token""#,
                r#""https://127.0.0.2/token""#,
                r#""https://2130706434/token""#,
                r#""https://0x7f.2/token""#,
                r#""https://0177.0.0.2/token""#,
                r#""https://10.0.0.1/token""#,
                r#""https://172.16.0.1/token""#,
                r#""https://192.168.0.1/token""#,
                r#""https://169.254.169.254/token""#,
                r#""https://100.64.0.1/token""#,
                r#""https://[fe80::1]/token""#,
                r#""https://[fd00::1]/token""#,
                r#""https://[::ffff:10.0.0.1]/token""#,
                r#""https://[64:ff9b::a00:1]/token""#,
                r#""https://224.0.0.1/token""#,
                r#""https://localhost/token""#,
            ]),
        )
        .elsewhere("test:discovers endpoints::r134_another_host_on_an_address_of_our_own_network_is_refused_unconnected"),
        row("DSC-016").elsewhere("lib http::guard::tests::r134_a_private_name_resolves_only_for_a_proxy"),
        refused(
            "DSC-018",
            "Discovery.Url",
            [
                at(&format!("\"https://a.example/{}\"", "x".repeat(500_000))).then(to_be_mended),
                at(&format!("\"https://a.example/{}\"", "x".repeat(9_000))).then(to_be_mended),
                at(&format!("\"https://{}.example/\"", "x".repeat(100_000))).then(to_be_mended),
                at(&format!("\"https://a.example/{}\"", "x".repeat(1_000_000))).is("Protocol.TooLarge"),
            ],
        ),
        refused(
            "DSC-019",
            "Discovery.Url",
            list(&[
                r#""javascript:alert('$hidden')""#,
                r#""file:///etc/passwd""#,
                r#""data:text/plain,$hidden""#,
                r#""ftp://a.example/token""#,
                r#""gopher://a.example/""#,
                r#""blob:https://a.example/x""#,
                r#""about:blank""#,
            ]),
        ),
    ]
}

/// A document from a listener, where the identifiers of OpenID Connect put it.
fn from_a_socket(steps: Vec<Step>) -> Exchange {
    script(steps).asking(Ask::Discovery(DiscoveryKind::OpenId))
}

fn documents() -> Vec<Row> {
    let text = |headers: &str| vec![Step::ReadRequest, Step::text(head(headers))];
    let and = |mut steps: Vec<Step>, last: Step| {
        steps.push(last);
        from_a_socket(steps)
    };
    let endless = Step::Endless {
        chunk: vec![b' '; 0x4000],
    };
    let drip = Step::Drip {
        bytes: vec![b' '; 1000],
        every: Duration::from_millis(15),
    };
    vec![
        refused(
            "DSC-020",
            "Protocol.TooLarge",
            [
                and(text("content-length: 104857600\r\n"), Step::UntilPeerCloses),
                and(text("content-length: 524289\r\n"), Step::UntilPeerCloses),
                and(text(""), endless),
                document(&format!(r#"{{"x":"{}"}}"#, "y".repeat(600_000))),
                document(&" ".repeat(2_000_000)),
                and(text("content-length: 1000\r\n"), drip.clone())
                    .within(60)
                    .setting(|settings| settings.read_timeout = PATIENT)
                    .is("Timeout")
                    .requests(3),
                and(vec![Step::ReadRequest], Step::UntilPeerCloses)
                    .within(60)
                    .is("Timeout")
                    .requests(3),
            ],
        ),
        refused(
            "DSC-022",
            "Discovery.Missing",
            [404, 400, 401, 403, 410]
                .into_iter()
                .map(|code| bare(code, "$hidden").asking(OAUTH).then(to_be_mended)),
        )
        .and(Case::Exchange(
            bare(404, "")
                .asking(OAUTH)
                .once()
                .is("Discovery.Missing")
                .then(to_be_mended),
        ))
        .elsewhere("test:discovers lookups::each_kind_of_document_leads_to_the_token_endpoint")
        .differs("which document is read is declared, and no other is tried"),
        refused(
            "DSC-023",
            "Protocol.RedirectRefused",
            [301, 302, 303, 307, 308].into_iter().flat_map(|code| {
                let one = bare(code, "")
                    .header("location", "$elsewhere/path?$hidden")
                    .asking(OAUTH);
                [
                    one.clone(),
                    one.asking(Ask::Discovery(DiscoveryKind::OpenId)),
                ]
            }),
        ),
        row("DSC-033")
            .elsewhere(
                "lib discovery::tests::r131_the_document_stands_where_each_specification_puts_it",
            )
            .elsewhere("lib discovery::tests::smart_resolves_a_relative_endpoint_against_the_base"),
    ]
}

fn lists() -> Vec<Row> {
    let algorithms = |list: &str| {
        with(&format!(
            r#""token_endpoint_auth_signing_alg_values_supported":{list}"#
        ))
    };
    vec![
        taken(
            "DSC-025",
            [
                with(r#""x":1"#).requests(2),
                with(r#""token_endpoint_auth_methods_supported":null"#).requests(2),
                with(r#""token_endpoint_auth_methods_supported":[]"#).requests(2),
                with(r#""token_endpoint_auth_methods_supported":["none"]"#).requests(2),
            ],
        )
        .and(Case::Exchange(
            with(r#""token_endpoint_auth_methods_supported":"client_secret_basic""#)
                .is("Protocol.BadType"),
        ))
        .differs("what is no list is refused"),
        refused(
            "DSC-027",
            "Config",
            [
                algorithms(r#"["none"]"#),
                algorithms(r#"["HS256"]"#),
                algorithms(r#"["none","HS256"]"#),
                algorithms(r#"["es256"]"#),
                algorithms("[]"),
                algorithms(r#""ES256""#).is("Protocol.BadType"),
                algorithms("[7]").is("Protocol.BadType"),
            ]
            .map(|exchange| exchange.by(Method::Key).then(to_be_mended)),
        ),
        refused(
            "DSC-030",
            "Protocol.BadType",
            ["[]", "7", "\"https://mtls.a.example/token\"", "true"]
                .map(|aliases| with(&format!(r#""mtls_endpoint_aliases":{aliases}"#))),
        ),
    ]
}
