//! Statuses of the token endpoint.

use std::time::Duration;

use oauth_core::error::Recovery;
use oauth_core::server::RotationPolicy;

use crate::exchange::{Ask, Exchange, GOOD, Reply, Server, bare, head, says, status, typed};
use crate::table::{Case, Row, refused, row, taken};

const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

pub fn rows() -> Vec<Row> {
    let mut rows = successes();
    rows.extend(redirects());
    rows.extend(failures());
    rows.extend(waits_to_come_back());
    rows
}

fn successes() -> Vec<Row> {
    let hinted = |hints: &str| {
        let hints = hints.replace('\n', "\r\n");
        says(&format!("{hints}{}{GOOD}", head("connection: close\r\n")))
    };
    vec![
        taken(
            "HTS-002",
            [
                hinted("HTTP/1.1 103 Early Hints\nlink: </x>; rel=preload\n\n"),
                hinted("HTTP/1.1 100 Continue\n\n"),
                hinted(
                    "HTTP/1.1 100 Continue\n\nHTTP/1.1 102 Processing\n\nHTTP/1.1 103 Early Hints\n\n",
                ),
            ],
        ),
        refused(
            "HTS-003",
            "Http",
            [
                says(
                    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
                ),
                says("HTTP/1.1 101 Switching Protocols\r\n\r\n$hidden"),
            ],
        ),
        refused(
            "HTS-004",
            "Http",
            [201, 202, 203, 206, 207, 226, 299]
                .into_iter()
                .map(|code| status(code, GOOD))
                .chain([status(201, GOOD).strictly().is("Ambiguous")]),
        )
        .and(Case::Exchange(
            status(201, GOOD)
                .declaring(|departures| departures.response.success_statuses = vec![202])
                .is("Http"),
        )),
        refused(
            "HTS-005",
            "Http",
            [
                bare(204, ""),
                bare(205, ""),
                says("HTTP/1.1 204 No Content\r\n\r\n"),
                bare(204, "").strictly().is("Ambiguous"),
            ],
        ),
    ]
}

/// The error tells status and target, and nothing of its path or query.
fn told_apart(exchange: Exchange) -> Exchange {
    exchange.then(|told| {
        let error = told.error();
        assert_eq!(error.recovery(), Recovery::FixConfig);
        assert!(REDIRECTS.contains(&error.status().unwrap()));
        assert!(!error.to_string().contains("/path"), "{error}");
    })
}

fn redirects() -> Vec<Row> {
    let to = |code, target: &str| told_apart(bare(code, "").header("location", target));
    let elsewhere = "$elsewhere/path?code=$hidden#$hidden";
    let renewing = |exchange: Exchange| exchange.asking(Ask::Refresh(RotationPolicy::Strict));
    vec![
        refused(
            "HTS-006",
            "Protocol.RedirectRefused",
            REDIRECTS
                .into_iter()
                .flat_map(|code| {
                    let one = to(code, elsewhere);
                    [
                        one.clone(),
                        renewing(one),
                        status(code, GOOD).header("location", elsewhere),
                    ]
                })
                .chain([
                    to(302, "//elsewhere.invalid/path?$hidden"),
                    to(302, "/path?$hidden"),
                    to(302, ""),
                    to(302, "http://[broken$hidden"),
                    to(302, "javascript:alert('$hidden')"),
                    bare(302, ""),
                ]),
        )
        .elsewhere(
            "test:transport redirects::r008_a_redirect_is_an_error_that_names_status_and_target_alone",
        ),
        refused(
            "HTS-008",
            "Protocol.RedirectRefused",
            REDIRECTS
                .into_iter()
                .map(|code| to(code, elsewhere).over_tls()),
        ),
        refused(
            "HTS-010",
            "Http",
            [300, 304, 305, 306]
                .into_iter()
                .map(|code| bare(code, "").header("location", elsewhere)),
        ),
    ]
}

fn failures() -> Vec<Row> {
    let page = "<html>Request blocked. $hidden</html>";
    let safe = |code: u16, body: &str| status(code, body).requests(3);
    let strictly = |code: u16, body: &str| status(code, body).strictly().is("Ambiguous");
    let server_error = r#"{"error":"server_error"}"#;
    vec![
        refused(
            "HTS-013",
            "Http",
            [
                typed(403, "text/html", page),
                typed(401, "text/html", page),
                typed(406, "text/html", page),
                typed(451, "text/html", page),
                typed(403, "text/html", page).strictly(),
            ],
        ),
        refused(
            "HTS-014",
            "Http",
            [404, 405, 410, 415].into_iter().map(|code| {
                bare(code, "$hidden").then(|told| {
                    let text = told.error().to_string();
                    assert!(text.contains("check that the token URL"), "{text}");
                })
            }),
        ),
        refused("HTS-016", "Http", [safe(408, ""), safe(408, "$hidden"), strictly(408, "")]),
        refused(
            "HTS-018",
            "Http",
            [status(421, "").requests(2), status(421, "$hidden").requests(2), status(421, "").strictly().requests(2)],
        ),
        refused("HTS-019", "Http", [status(425, "").requests(2), status(425, "").strictly().requests(2)]),
        refused(
            "HTS-026",
            "Http",
            [500, 501, 502, 504, 505, 599]
                .into_iter()
                .flat_map(|code| [safe(code, server_error), strictly(code, server_error)])
                .chain([safe(500, "$hidden"), safe(502, "<html>$hidden")]),
        ),
        row("HTS-029").elsewhere(
            "test:traffic outages::an_outage_of_ten_minutes_sees_probes_and_ends_within_five_seconds",
        ).elsewhere("test:traffic outages::fifty_callers_of_an_overloaded_server_make_one_request"),
    ]
}

/// This status once with that `Retry-After`, and then a token.
fn once(code: u16, retry_after: &[&str]) -> Exchange {
    let headers = retry_after
        .iter()
        .map(|wait| ("retry-after", (*wait).to_owned()));
    Exchange::with(Server::Once(vec![Reply {
        status: code,
        headers: headers.collect(),
        body: Vec::new(),
    }]))
    .requests(2)
}

/// The pauses were of our own choice: none is longer than a second.
fn by_our_own_backoff(exchange: Exchange) -> Exchange {
    exchange.then(|told| {
        let slept = told.clock.slept();
        assert!(
            slept.iter().all(|pause| *pause <= Duration::from_secs(1)),
            "{slept:?}"
        );
    })
}

fn waits_to_come_back() -> Vec<Row> {
    let late = |exchange: Exchange| {
        exchange.setting(|settings| settings.overall_timeout = Duration::from_secs(10))
    };
    vec![
        taken(
            "HTS-022",
            [
                once(429, &["Fri, 31 Dec 1999 23:59:59 GMT"]),
                once(429, &["Fri, 31 Dec 1999 23:59:59 GMT"]).strictly(),
                once(429, &["-5"]),
                once(429, &["soon"]),
                once(429, &["1.5"]),
                once(429, &[""]),
                once(429, &["0x10"]),
                once(429, &["2026-01-01T01:00:00Z"]),
                once(429, &["0"]),
            ]
            .map(by_our_own_backoff),
        ),
        taken(
            "HTS-024",
            [once(429, &[]), once(429, &[]).strictly()].map(by_our_own_backoff),
        )
        .elsewhere(
            "test:traffic throttles::where_a_server_does_not_say_until_when_the_others_wait_too",
        ),
        taken(
            "HTS-025",
            [
                once(429, &["3", "7"]),
                once(429, &["7", "3"]),
                once(503, &["7", "soon"]),
                once(429, &["-9", "7", "1"]),
                once(429, &["7", "Thu, 01 Jan 2026 00:00:01 GMT"]),
            ]
            .map(|exchange| {
                exchange.then(|told| {
                    let longest = told.clock.slept().into_iter().max().unwrap();
                    assert!(longest >= Duration::from_secs(7), "{longest:?}");
                    assert!(longest < Duration::from_secs(12), "{longest:?}");
                })
            }),
        ),
        refused(
            "HTS-028",
            "Throttled",
            [
                late(status(503, "").header("retry-after", "120")),
                late(status(429, "").header("retry-after", "120")),
                late(status(503, "$hidden").header("retry-after", "99999999999999999999")),
                late(status(503, "").header("retry-after", "Thu, 01 Jan 2026 00:02:00 GMT")),
                late(status(503, "").header("retry-after", "120")).strictly(),
            ]
            .map(|exchange| {
                exchange.then(|told| {
                    let after = told.error().retry_after().unwrap();
                    let hour = Duration::from_secs(3600);
                    assert!(
                        after >= Duration::from_secs(119) && after <= hour,
                        "{after:?}"
                    );
                })
            }),
        ),
    ]
}
