//! What an API answers.

use oauth_core::client::AuthorizedClient;
use oauth_core::http::Proxy;
use oauth_core::secret::Secret;
use oauth_core::server::ResourceServer;
use oauth_core::source::FixedToken;
use oauth_stage::{Socket, Step};

use crate::canaries::Canaries;
use crate::exchange::{Ask, Exchange, bare, status};
use crate::scene::{SERVERS, runtime};
use crate::support::{clock, env_with, given};
use crate::table::{Row, refused, row};

const INVALID: &str = r#"Bearer realm="$hidden", error="invalid_token", error_description="no""#;

/// An answer of the API; a first token was asked for.
fn api(code: u16, challenge: Option<&str>) -> Exchange {
    let exchange = bare(code, "$hidden").asking(Ask::Call).requests(2);
    match challenge {
        Some(challenge) => exchange.header("www-authenticate", challenge),
        None => exchange,
    }
}

/// Two tokens, and two requests of the API.
fn refused_twice(challenge: Option<&str>) -> Exchange {
    api(401, challenge).requests(4)
}

pub fn rows() -> Vec<Row> {
    let scope = r#"Bearer error="insufficient_scope", scope="read write""#;
    vec![
        refused(
            "RES-001",
            "Refused",
            [
                refused_twice(Some(INVALID)),
                refused_twice(Some(r#"bEARER error="invalid_token""#)),
                refused_twice(Some(r#"Basic realm="a", Bearer error="invalid_token""#)),
                refused_twice(Some(r#"Bearer error="expired""#)),
            ],
        )
        .elsewhere("test:bears tokens::r159_a_refused_token_is_replaced_once_and_the_refusal_told"),
        refused(
            "RES-002",
            "Refused",
            [
                refused_twice(None),
                refused_twice(Some("")),
                refused_twice(Some("Basic")),
                refused_twice(Some("Bearer \"")),
                refused_twice(Some("Bearer error=\"x")),
                refused_twice(Some(",,,=,\"\\")),
            ],
        ),
        row("RES-004").own(a_proxy_refuses).elsewhere(
            "test:transport proxies::a_proxy_that_opens_no_way_is_no_connection_and_the_server_sees_nothing",
        ),
        refused(
            "RES-005",
            "InsufficientScope",
            [
                api(403, Some(scope)),
                api(403, Some(r#"Basic realm="x", bearer error=insufficient_scope"#)),
                api(403, Some(r#"Bearer scope="\u001b[2J", error="insufficient_scope""#)),
            ],
        )
        .elsewhere("test:bears tokens::r160_a_missing_scope_is_told_and_renews_nothing"),
        row("RES-006").elsewhere("test:bears tokens::r088_a_crowd_that_is_refused_makes_one_token_request"),
        refused(
            "RES-007",
            "Protocol.RedirectRefused",
            [301, 302, 303, 307, 308].into_iter().flat_map(|code| {
                let to = |target| {
                    status(code, "").header("location", target).asking(Ask::Call).requests(2)
                };
                [to("$elsewhere/path?$hidden"), to("/api/other?$hidden"), to("//elsewhere.invalid/")]
            }),
        )
        .elsewhere("test:bears tokens::a_redirect_is_refused_and_takes_nothing_along"),
        row("RES-011").elsewhere(
            "test:bears tokens::r161_a_body_that_can_be_read_once_is_sent_once_and_the_next_bears_a_new_token",
        ),
    ]
}

/// A 401 of whoever stands in between is no refusal of the token.
fn a_proxy_refuses() {
    let canaries = Canaries::new();
    let answer = "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer error=\"invalid_token\"\r\ncontent-length: 0\r\n\r\n";
    let steps = vec![Step::ReadRequest, Step::text(answer), Step::Close];
    let proxy = SERVERS.block_on(Socket::script(steps)).unwrap();
    let env = env_with(&clock(), |settings| {
        settings.proxy = Proxy::Url(Secret::new(proxy.url()));
    });
    let source = FixedToken::new(&env, "token", given(&canaries.access)).unwrap();
    let api = ResourceServer::new(&env, "api_url", "https://api.example/").unwrap();
    let client = AuthorizedClient::new(&env, api, source);
    let error = runtime().block_on(client.get("x").send()).unwrap_err();
    assert_eq!(error.kind().name(), "Connect", "{error}");
    for request in proxy.requests() {
        let request = String::from_utf8(request).unwrap();
        assert!(request.starts_with("CONNECT api.example:443"), "{request}");
        assert!(!request.contains(&canaries.access));
    }
    canaries.are_nowhere(Some(&error));
}
