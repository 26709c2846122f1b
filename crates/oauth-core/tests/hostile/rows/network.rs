//! Names, connections, TLS, HTTP/2 and proxies.

use std::process::Command;
use std::time::Duration;

use oauth_core::env::Env;
use oauth_core::http::{HttpSettings, Proxy};
use oauth_core::secret::Secret;
use oauth_core::server::RotationPolicy;
use oauth_stage::{Certificate, Socket, Step};

use crate::canaries::Canaries;
use crate::exchange::{Ask, Exchange, Method, Server, head, script, status};
use crate::scene::{SERVERS, runtime};
use crate::support::{Wanted, clock, env, env_with, strict_builder};
use crate::table::{Case, Row, not_here, refused, row, taken};

pub fn rows() -> Vec<Row> {
    let mut rows = names();
    rows.extend(connections());
    rows.extend(tls());
    rows.extend(http_2());
    rows.extend(between());
    rows
}

fn names() -> Vec<Row> {
    vec![
        row("NET-002")
            .elsewhere("test:transport broken::a_name_without_an_address_is_no_connection")
            .lacks("names are the system's to resolve, which no test can make fail otherwise"),
        row("NET-003")
            .own(one_address_of_two_answers)
            .elsewhere("test:transport broken::a_name_without_an_address_is_no_connection")
            .lacks(
                "names are the system's to resolve: no test can have it find a thousand addresses",
            ),
        refused(
            "NET-004",
            "Tls",
            [
                shows(Certificate::WrongHost),
                shows(Certificate::WrongHost).strictly(),
            ],
        ),
        row("NET-033").own(hosts_of_every_form),
    ]
}

fn one_address_of_two_answers() {
    let clock = clock();
    let stage = SERVERS
        .block_on(strict_builder(&clock).tls().start())
        .unwrap();
    let env = env_with(&clock, |settings| {
        settings.ca_roots = vec![stage.ca_pem().unwrap().to_owned()];
    });
    // `localhost` is ::1 too, where nobody listens
    let url = stage.token_url().replace("127.0.0.1", "localhost");
    runtime().block_on(Wanted::at(&env, &url).token()).unwrap();
}

/// A proxy that opens no way: what it says, or `None` where it says nothing.
fn by_a_proxy(kind: &str, says: Option<&str>) {
    let clock = clock();
    let stage = SERVERS
        .block_on(strict_builder(&clock).tls().start())
        .unwrap();
    let then = match says {
        Some(text) => vec![Step::text(text), Step::Close],
        None => vec![Step::UntilPeerCloses],
    };
    let steps = [vec![Step::ReadRequest], then].concat();
    let proxy = SERVERS.block_on(Socket::script(steps)).unwrap();
    let canaries = Canaries::new();
    let env = env_with(&clock, |settings| {
        if says.is_none() {
            settings.connect_timeout = Duration::from_millis(100);
            settings.request_timeout = Duration::from_millis(200);
        }
        let user = url::form_urlencoded::byte_serialize(canaries.secret.as_bytes());
        let user: String = user.collect();
        let url = proxy.url().replace("http://", &format!("http://{user}@"));
        settings.proxy = Proxy::Url(Secret::new(url));
        settings.ca_roots = vec![stage.ca_pem().unwrap().to_owned()];
    });
    let outcome = runtime().block_on(Wanted::of(&env, &stage).token());
    let error = outcome.unwrap_err();
    assert_eq!(error.kind().name(), kind, "{error}");
    canaries.are_nowhere(Some(&error));
    assert_eq!(stage.connections(), 0);
}

fn hosts_of_every_form() {
    let env = Env::new(HttpSettings::default()).unwrap();
    for (url, host) in [
        (
            "https://bücher.example/token",
            Some("xn--bcher-kva.example"),
        ),
        (
            "https://xn--bcher-kva.example/token",
            Some("xn--bcher-kva.example"),
        ),
        ("https://AUTH.example/token", Some("auth.example")),
        ("https://auth.example./token", Some("auth.example.")),
        ("https://[2001:db8::1]/token", Some("[2001:db8::1]")),
        ("https://[fe80::1%25eth0]/token", None),
        ("https://[fe80::1%eth0]/token", None),
        ("https://a b.example/token", None),
        ("https://xn--a.example/token", None),
        ("https://a.example:99999/token", None),
        ("https:///token", Some("token")),
        ("https://\u{ad}/token", None),
    ] {
        let parsed = env.http().parse_url("token_url", url);
        let found = parsed.as_ref().ok().and_then(url::Url::host_str);
        assert_eq!(found, host, "{url}: {parsed:?}");
    }
}

fn connections() -> Vec<Row> {
    let rst = || script(vec![Step::ReadRequest, Step::Reset]);
    let fin = || script(vec![Step::ReadRequest, Step::Close]);
    let cut = |end: Step| {
        let text = head("content-length: 4000\r\n") + "{\"access_token\":\"$access";
        script(vec![Step::ReadRequest, Step::text(text), end])
    };
    let silent = || script(vec![Step::ReadRequest, Step::UntilPeerCloses]).within(60);
    let once = |exchange: Exchange| {
        exchange
            .asking(Ask::Refresh(RotationPolicy::Unknown))
            .is("Ambiguous")
    };
    vec![
        row("NET-005").own(nobody_listens).elsewhere("test:transport broken::a_refused_connection_is_no_connection"),
        refused(
            "NET-006",
            "Timeout",
            [black_hole(), black_hole().strictly()],
        ),
        refused(
            "NET-008",
            "Interrupted",
            [
                rst().requests(3),
                rst().strictly().is("Ambiguous"),
                once(rst()).requests(2),
                rst()
                    .asking(Ask::Refresh(RotationPolicy::None))
                    .requests(3),
                fin().requests(3),
                rst().over_tls().requests(3),
            ],
        ),
        refused(
            "NET-009",
            "Interrupted",
            [
                cut(Step::Reset).requests(3),
                cut(Step::Reset).strictly().is("Ambiguous"),
                once(cut(Step::Reset)).requests(2),
                cut(Step::Close).over_tls().requests(3),
            ],
        ),
        row("NET-010")
            .elsewhere("test:transport broken::a_kept_connection_that_is_closed_under_the_request_is_left_for_a_new_one"),
        refused(
            "NET-011",
            "Timeout",
            [silent().requests(3), silent().strictly().is("Ambiguous"), silent().over_tls().requests(3)],
        )
        .elsewhere("test:renews chains::a_late_answer_is_kept"),
        not_here(
            "NET-034",
            "a process without file descriptors cannot hold the servers of a trial too; a refused \
             connection and a name that is not found go the same way",
        ),
        row("NET-038")
            .elsewhere("test:renews expiry::a_shutdown_waits_for_the_renewal_and_begins_no_other")
            .elsewhere("test:renews chains::a_renewal_cut_off_by_the_end_of_its_runtime_is_taken_up_by_the_next"),
    ]
}

/// A handshake that is never answered; three connections are waited for.
fn black_hole() -> Exchange {
    let mut exchange = script(vec![Step::UntilPeerCloses])
        .pretending_tls()
        .requests(0);
    exchange.settings = |settings| settings.connect_timeout = Duration::from_millis(60);
    exchange.within(200)
}

fn nobody_listens() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/token", closed.local_addr().unwrap());
    drop(closed);
    let env = env(&clock());
    let error = runtime()
        .block_on(Wanted::at(&env, &url).token())
        .unwrap_err();
    assert_eq!(error.kind().name(), "Connect", "{error}");
}

fn shows(certificate: Certificate) -> Exchange {
    Exchange::with(Server::Shows(certificate)).requests(0)
}

/// Bytes in the place of a TLS handshake.
fn handshake(bytes: &[u8]) -> Exchange {
    script(vec![Step::Bytes(bytes.to_vec()), Step::UntilPeerCloses])
        .pretending_tls()
        .requests(0)
}

fn tls() -> Vec<Row> {
    let bad = [
        Certificate::Expired,
        Certificate::WrongHost,
        Certificate::SelfSigned,
        Certificate::UnknownCa,
    ];
    // a ServerHello of TLS 1.0 and of 1.1 (RFC 2246 7.4.1.3), with a suite of 3DES
    let hello = |minor: u8| {
        let mut body = vec![3, minor];
        body.extend([7; 32]);
        body.extend([0, 0, 0x0a, 0]);
        let mut bytes = vec![0x16, 3, minor, 0, 42, 2, 0, 0, 38];
        bytes.extend(body);
        bytes
    };
    vec![
        refused("NET-014", "Tls", bad.into_iter().flat_map(|one| [shows(one), shows(one).strictly()])).elsewhere(
            "test:transport tls::r002_a_certificate_that_is_not_the_servers_ends_the_connection_before_a_byte_is_sent",
        ),
        refused(
            "NET-016",
            "Tls",
            [
                handshake(&[0x15, 3, 1, 0, 2, 2, 70]),
                handshake(&[0x15, 3, 3, 0, 2, 2, 40]),
                handshake(&hello(1)),
                handshake(&hello(2)),
            ],
        ),
        refused(
            "NET-018",
            "Tls",
            [
                // Finished, ServerHelloDone, and data of an application before there are keys
                handshake(&[0x16, 3, 3, 0, 4, 0x14, 0, 0, 0]),
                handshake(&[0x16, 3, 3, 0, 4, 0x0e, 0, 0, 0]),
                handshake(&[0x17, 3, 3, 0, 5, 1, 2, 3, 4, 5]),
                handshake(&[0x16, 3, 3, 0xff, 0xff, 2]),
                handshake(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            ],
        ),
        // the alerts of a server that wants a certificate: certificate_required, bad_certificate, certificate_expired
        refused(
            "NET-019",
            "Tls",
            [116, 42, 45].map(|alert| handshake(&[0x15, 3, 3, 0, 2, 2, alert])),
        )
        .elsewhere("test:binds certificates::what_is_no_identity_is_refused_at_once_and_named"),
        row("NET-020").elsewhere("test:transport tls::a_private_root_is_trusted_only_where_it_is_given"),
        row("NET-021").own(no_keys_are_logged),
    ]
}

/// One of the trials over TLS, as a process in whose environment the variable stands.
fn no_keys_are_logged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "HTS-008/1"])
        .env("SSLKEYLOGFILE", &file)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
    assert!(!file.exists(), "the keys of the connection were written");
}

/// One frame (RFC 9113 4.1).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags, 0, 0, 0, stream]);
    bytes.extend(payload);
    bytes
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

/// A server over HTTP/2 that greets and then does that. Its preface counts as the request.
fn speaks(first: Vec<u8>, then: Vec<Step>) -> Exchange {
    let mut steps = vec![Step::ReadRequest, Step::Bytes(frame(SETTINGS, 0, 0, &[]))];
    steps.push(Step::Bytes(first));
    steps.extend(then);
    script(steps).speaking("h2")
}

fn http_2() -> Vec<Row> {
    let goaway = |reason: u8| frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, reason]);
    let drained = || vec![Step::UntilPeerCloses];
    let endless = |chunk: Vec<u8>| vec![Step::Endless { chunk }];
    // as many as a debug build that logs each of them gets through within the deadline
    let many = |frame: Vec<u8>| vec![Step::Bytes(frame.repeat(200)), Step::UntilPeerCloses];
    // `:status: 200` and `content-type: application/json` (RFC 7541 A, 6.2.2)
    let head = [&[0x88, 0x0f, 0x10, 16][..], b"application/json"].concat();
    let answer = [
        frame(HEADERS, 4, 1, &head),
        frame(
            DATA,
            1,
            1,
            br#"{"access_token":"abc","token_type":"Bearer"}"#,
        ),
    ]
    .concat();
    let concurrent = |most: u8| frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, most]);
    let headers = frame(HEADERS, 4, 1, &head);
    let continued = frame(CONTINUATION, 0, 1, &[0x0f, 0x10, 1, b'x'].repeat(2000));
    vec![
        refused(
            "NET-022",
            "Interrupted",
            [
                speaks(goaway(0), drained()).requests(3),
                speaks(goaway(0), drained()).strictly().requests(3),
                speaks(frame(RST_STREAM, 0, 1, &[0, 0, 0, 7]), drained()).requests(3),
                speaks(frame(RST_STREAM, 0, 1, &[0, 0, 0, 7]), drained())
                    .strictly()
                    .requests(3),
            ],
        ),
        refused(
            "NET-026",
            "Protocol.TooLarge",
            [
                speaks(frame(HEADERS, 0, 1, &head), endless(continued)),
                speaks(
                    frame(HEADERS, 0, 1, &head),
                    endless(frame(CONTINUATION, 0, 1, &[])),
                ),
                speaks(headers.clone(), endless(frame(DATA, 0, 1, &[]))),
                speaks(Vec::new(), many(frame(PING, 0, 0, &[0; 8])))
                    .within(300)
                    .is("Timeout")
                    .requests(3),
                speaks(Vec::new(), many(frame(SETTINGS, 0, 0, &[])))
                    .within(300)
                    .is("Timeout")
                    .requests(3),
                speaks(headers, endless(frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])))
                    .is("Interrupted")
                    .requests(3),
            ],
        ),
        taken(
            "NET-027",
            [speaks([concurrent(1), answer.clone()].concat(), drained())],
        )
        .and(Case::Exchange(
            speaks(concurrent(0), drained())
                .within(60)
                .is("Timeout")
                .requests(3),
        ))
        .differs("where no stream is ever allowed, the deadline is all there is"),
        refused(
            "NET-028",
            "Protocol.BadEncoding",
            [
                script(vec![
                    Step::ReadRequest,
                    Step::text("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
                    Step::UntilPeerCloses,
                ])
                .speaking("h2"),
                script(vec![Step::ReadRequest, Step::text("$hidden"), Step::Close]).speaking("h2"),
            ],
        ),
    ]
}

fn between() -> Vec<Row> {
    vec![
        row("NET-029")
            .own(|| by_a_proxy("Connect", Some("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")))
            .own(|| by_a_proxy("Connect", Some("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")))
            .own(|| by_a_proxy("Connect", Some("<html>no</html>")))
            .own(|| by_a_proxy("Timeout", None))
            .elsewhere(
                "test:transport proxies::a_proxy_that_opens_no_way_is_no_connection_and_the_server_sees_nothing",
            ),
        row("NET-030")
            .elsewhere("test:transport proxies::r012_the_credentials_of_a_proxy_go_to_the_proxy_alone")
            .elsewhere("test:transport proxies::a_proxy_that_is_no_url_is_refused_without_showing_it"),
        refused(
            "NET-036",
            "OAuth",
            [Method::Hash, Method::Key].map(|method| {
                let body = r#"{"error":"invalid_client","error_description":"jti has been used before"}"#;
                status(401, body).by(method).then(|told| {
                    let text = told.error().to_string();
                    assert!(text.contains("jti has been used before"), "{text}");
                })
            }),
        ),
    ]
}
