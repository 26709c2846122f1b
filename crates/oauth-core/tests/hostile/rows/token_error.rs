//! Refusals of a token request (RFC 6749 5.2), and what comes in their place.

use oauth_core::error::Recovery;
use oauth_core::server::RotationPolicy;

use crate::exchange::{Ask, Exchange, Method, bare, status, typed};
use crate::table::{Case, Row, refused, row};

pub fn rows() -> Vec<Row> {
    let mut rows = codes();
    rows.extend(no_codes());
    rows.extend(written_by_the_server());
    rows
}

/// 400 with that `error`, which is any JSON.
fn error(error: &str) -> Exchange {
    status(400, format!(r#"{{"error":{error}}}"#))
}

/// 400 `invalid_request` with that description.
fn described(description: &str) -> Exchange {
    status(
        400,
        format!(r#"{{"error":"invalid_request","error_description":"{description}"}}"#),
    )
}

fn renewing(exchange: Exchange) -> Exchange {
    exchange.asking(Ask::Refresh(RotationPolicy::None))
}

fn codes() -> Vec<Row> {
    vec![
        row("ERR-002").elsewhere("test:renews stores::processes_that_share_a_store_present_each_refresh_token_once").elsewhere(
            "test:renews logins::r091_a_login_wins_over_a_renewal_under_way",
        ),
        refused(
            "ERR-004",
            "OAuth",
            [Method::Basic, Method::Post, Method::Hash, Method::Key].map(|method| {
                status(401, r#"{"error":"invalid_client"}"#)
                    .header("www-authenticate", "Basic realm=\"$hidden\"")
                    .by(method)
                    .then(|told| assert_eq!(told.error().recovery(), Recovery::FixConfig))
            }),
        )
        .and(Case::Exchange(
            status(401, r#"{"error":"invalid_client"}"#).strictly().is("OAuth"),
        ))
        .elsewhere("test:traffic throttles::r044_a_credential_that_was_refused_is_presented_by_no_other_connection"),
        row("ERR-005").elsewhere(
            "test:traffic clocks::a_clock_that_is_off_costs_one_repeat_and_is_known_from_then_on",
        ).elsewhere("test:traffic clocks::an_incredible_clock_is_told_and_not_followed"),
        refused(
            "ERR-006",
            "OAuth",
            [
                "invalid_request",
                "unauthorized_client",
                "unsupported_grant_type",
                "invalid_scope",
                "invalid_target",
            ]
            .into_iter()
            .flat_map(|code| {
                let one = error(&format!("\"{code}\"")).then(|told| {
                    assert_eq!(told.error().recovery(), Recovery::FixConfig);
                });
                [one.clone(), renewing(one)]
            }),
        ),
        refused(
            "ERR-008",
            "OAuth",
            [
                error(r#""use_dpop_nonce""#),
                status(401, r#"{"error":"use_dpop_nonce"}"#),
                error(r#""use_dpop_nonce""#).header("dpop-nonce", "$hidden"),
            ],
        ),
        refused(
            "ERR-019",
            "OAuth",
            [error(r#""INVALID_GRANT""#), error(r#""Invalid_Grant""#), error(r#""INVALID_CLIENT""#)].map(|one| {
                renewing(one).then(|told| {
                    let error = told.error();
                    assert_eq!(error.recovery(), Recovery::Report, "{error}");
                    let code = &error.oauth().unwrap().code;
                    assert!(code.to_lowercase().starts_with("invalid_"), "{code}");
                })
            }),
        ),
        refused(
            "ERR-020",
            "OAuth",
            [
                error(r#""consent_required""#).then(|told| {
                    assert_eq!(told.error().oauth().unwrap().code, "consent_required");
                }),
                error(r#""login_required""#),
                error(r#""AADSTS50076: no""#),
                error(r#""403""#),
            ],
        ),
    ]
}

fn no_codes() -> Vec<Row> {
    let page = "<html><h1>Bad Request</h1>$hidden</html>";
    vec![
        refused(
            "ERR-013",
            "Http",
            [
                status(400, ""),
                bare(400, ""),
                bare(401, ""),
                bare(400, "").strictly(),
            ],
        ),
        refused(
            "ERR-014",
            "Http",
            [
                typed(400, "text/html", page),
                status(400, page),
                bare(400, page),
                typed(401, "text/html", page),
            ],
        ),
        refused(
            "ERR-015",
            "Http",
            [
                status(400, "{}"),
                status(400, "[]"),
                status(400, "null"),
                status(400, r#""invalid_grant""#),
                status(400, r#"["invalid_grant"]"#),
                status(400, r#"{"Error":"invalid_grant"}"#),
            ],
        ),
        refused(
            "ERR-016",
            "Http",
            [
                "null",
                "7",
                "{}",
                r#"{"code":"invalid_grant"}"#,
                "[]",
                r#"["invalid_grant"]"#,
                "true",
                r#""""#,
            ]
            .into_iter()
            .flat_map(|value| [error(value), renewing(error(value))]),
        ),
        refused(
            "ERR-017",
            "Http",
            [
                r#""invalid_grant\u001b[2J""#,
                r#""invalid_grant\n""#,
                r#""invalid\"grant""#,
                r#""invalid\\grant""#,
                r#""invalid_grant\u0000""#,
                r#""invalid_gränt""#,
                r#""\u202einvalid_grant""#,
                r#""invalid_grant\u007f""#,
            ]
            .map(|code| renewing(error(code))),
        )
        .and(Case::Exchange(
            error(&format!("\"{}\"", "a".repeat(100_000))).is("Http"),
        )),
        refused(
            "ERR-027",
            "Http",
            [
                typed(
                    400,
                    "application/problem+json",
                    r#"{"type":"about:blank","title":"$hidden","status":400}"#,
                ),
                typed(
                    422,
                    "application/problem+json",
                    r#"{"title":"\u001b[2J$hidden","detail":"x"}"#,
                ),
            ],
        ),
        refused(
            "ERR-028",
            "Http",
            [typed(
                400,
                "application/json",
                r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"login","diagnostics":"$hidden"}]}"#,
            )],
        ),
        refused(
            "ERR-029",
            "Http",
            [
                status(400, r#"{"error":"invalid_grant","error":"invalid_client"}"#),
                status(400, r#"{"error":"invalid_grant","error":"invalid_grant"}"#),
                status(400, r#"{"error":"invalid_grant","err\u006fr":"x"}"#),
                status(
                    400,
                    r#"{"error":"invalid_grant"}{"error":"invalid_client"}"#,
                ),
            ]
            .map(renewing),
        ),
    ]
}

/// What the server wrote of it is told in one line that steers nothing.
fn harmless(exchange: Exchange) -> Exchange {
    exchange.then(|told| {
        let oauth = told.error().oauth().unwrap();
        for text in oauth.description.iter().chain(&oauth.uri) {
            assert!(text.chars().count() <= 513, "{text}");
            assert!(
                !text.contains(|c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)),
                "{text:?}"
            );
        }
    })
}

fn written_by_the_server() -> Vec<Row> {
    let uri = |uri: &str| {
        status(
            400,
            format!(r#"{{"error":"invalid_request","error_uri":"{uri}"}}"#),
        )
    };
    let echo = |text: &str| {
        described(text).then(|told| {
            let said = told.error().oauth().unwrap().description.clone().unwrap();
            assert!(said.contains("[REDACTED]"), "{said}");
        })
    };
    vec![
        refused(
            "ERR-022",
            "OAuth",
            [
                r"\u001b[31mred\u001b[0m",
                r"\u001b]52;c;aGk=\u0007",
                r"\u001b]8;;https://evil.example\u001b\\link\u001b]8;;\u001b\\",
                r"\u009b2J",
                r"a\u202eb\u2066c\u200f",
                r"a\u0000b\u0008\u007f",
                r"<script>alert(1)</script>\u2028",
            ]
            .map(|text| harmless(described(text))),
        )
        .and(Case::Exchange(harmless(
            described(&"x".repeat(1_000_000)).is("OAuth"),
        ))),
        refused(
            "ERR-023",
            "OAuth",
            [
                r"no\n2026-01-01T00:00:00Z INFO login ok",
                r"no\r\nlevel=info",
                r"no\u0085next\u2029line",
                r"no\u000bx\u000cy",
            ]
            .map(|text| harmless(described(text))),
        ),
        refused(
            "ERR-025",
            "OAuth",
            [
                echo("client_secret=$secret").by(Method::Basic),
                echo("client_secret=$secret").by(Method::Post),
                echo("not $secret but $secret").by(Method::Post),
                renewing(echo("unknown refresh token $sent")),
                renewing(echo("$sent")),
                status(
                    400,
                    r#"{"error":"invalid_request","error_uri":"https://e.example/?t=$sent"}"#,
                )
                .asking(Ask::Refresh(RotationPolicy::None)),
                status(400, r#"{"error":"$sent"}"#).asking(Ask::Refresh(RotationPolicy::None)),
                status(
                    500,
                    r#"{"error":"server_error","error_description":"$sent"}"#,
                )
                .asking(Ask::Refresh(RotationPolicy::Strict))
                .is("Ambiguous"),
            ],
        ),
        refused(
            "ERR-026",
            "OAuth",
            [
                uri("javascript:alert(1)"),
                uri("http://169.254.169.254/latest/meta-data"),
                uri("$elsewhere/error"),
                uri("file:///etc/passwd"),
                uri(r"https://e.example/\u0007\n"),
                uri(&format!("https://e.example/{}", "x".repeat(900_000))),
            ]
            .map(harmless),
        )
        .and(Case::Exchange(
            status(
                400,
                r#"{"error":"invalid_request","error_uri":7,"error_description":["$hidden"]}"#,
            )
            .is("OAuth")
            .then(|told| {
                let oauth = told.error().oauth().unwrap();
                assert_eq!((&oauth.uri, &oauth.description), (&None, &None));
            }),
        )),
    ]
}
