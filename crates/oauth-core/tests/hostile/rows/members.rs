//! Token responses whose members are not as they should be.

use std::time::Duration;

use oauth_core::server::RotationPolicy;
use oauth_core::token::Deviation;

use crate::exchange::{Ask, Exchange, Presents, Told, granting, json};
use crate::table::{Case, Row, refused, row, taken};

pub fn rows() -> Vec<Row> {
    let mut rows = access_token();
    rows.extend(token_type());
    rows.extend(expires_in());
    rows.extend(refresh_token());
    rows.extend(scope_and_error());
    rows
}

/// A token of this type, `null` or any other JSON.
fn of_type(token_type: &str) -> Exchange {
    json(format!(
        r#"{{"access_token":"$access","token_type":{token_type}}}"#
    ))
}

/// An access token that is this JSON.
fn token(access_token: &str) -> Exchange {
    json(format!(
        r#"{{"access_token":{access_token},"token_type":"Bearer","refresh_token":"$refresh"}}"#
    ))
}

fn tokens(list: &[&str]) -> Vec<Exchange> {
    list.iter().map(|one| token(one)).collect()
}

fn access_token() -> Vec<Row> {
    vec![
        refused(
            "TOK-012",
            "Protocol.DuplicateKey",
            [
                granting(r#""access_token":"$refresh""#),
                granting(r#""access_token":"$access""#),
                granting(r#""access\u005ftoken":"$refresh""#),
                granting(r#""access_token":null"#),
                granting(r#""token_type":"mac""#),
                granting(r#""token_type":"Bearer""#),
                granting(r#""expires_in":1,"expires_in":9999999"#),
                granting(r#""refresh_token":"$refresh","refresh_token":"x""#),
                granting(r#""scope":"a","scope":"b""#),
                granting(r#""error":null,"error":"invalid_client""#),
                granting(r#""access_token":"$refresh""#)
                    .strictly()
                    .is("Ambiguous"),
            ],
        ),
        refused(
            "TOK-016",
            "Protocol.MissingField",
            [
                json(r#"{"token_type":"Bearer","expires_in":3600}"#),
                json("{}"),
                token("null"),
                json(r#"{"Access_Token":"$access","token_type":"Bearer"}"#),
                json(r#"{"accessToken":"$access","token_type":"Bearer"}"#),
                json(r#"{"data":{"access_token":"$access","token_type":"Bearer"}}"#),
                json(r#"{"access_token ":"$access","token_type":"Bearer"}"#),
                json("{}").strictly().is("Ambiguous"),
            ],
        ),
        refused(
            "TOK-018",
            "Protocol.BadValue",
            [token(r#""""#), token(r#""""#).strictly().is("Ambiguous")],
        ),
        refused(
            "TOK-019",
            "Protocol.BadType",
            tokens(&[
                "123",
                "0",
                "1.5",
                "true",
                "false",
                "[]",
                r#"["$access"]"#,
                "{}",
                r#"{"value":"$access"}"#,
            ]),
        ),
        refused(
            "TOK-021",
            "Protocol.BadValue",
            tokens(&[
                r#""a\r\nX-Admin: 1""#,
                r#""a\nb""#,
                r#""a\rb""#,
                r#""a\r\n\r\n{}""#,
                r#""$access\n""#,
                r#""a\u0000b""#,
                r#""a\u007fb""#,
                r#""a\u001b[2Jb""#,
            ]),
        ),
        refused(
            "TOK-023",
            "Protocol.BadValue",
            tokens(&[
                r#""a\tb""#,
                r#""\t$access""#,
                r#""$access\t""#,
                r#""a\u000bb""#,
            ]),
        ),
        refused(
            "TOK-026",
            "Protocol.BadValue",
            tokens(&[
                r#""Bearer $access""#,
                r#""bearer $access""#,
                r#""BEARER x""#,
            ])
            .into_iter()
            .map(|exchange| {
                exchange.then(|told| {
                    let text = told.error().to_string();
                    assert!(text.contains("begins with `Bearer `"), "{text}");
                })
            })
            .chain([token(r#""DPoP $access""#)]),
        ),
        refused(
            "TOK-027",
            "Protocol.BadValue",
            tokens(&[
                r#"" $access""#,
                r#""$access ""#,
                r#"" ""#,
                r#""a b""#,
                r#""\u00a0$access""#,
                r#""tök€n""#,
                r#""$access\u200b""#,
            ]),
        ),
    ]
}

fn token_type() -> Vec<Row> {
    let types = |list: &[&str]| -> Vec<Exchange> { list.iter().map(|one| of_type(one)).collect() };
    vec![
        refused(
            "TOK-055",
            "Protocol.MissingField",
            [
                json(r#"{"access_token":"$access","expires_in":3600}"#),
                of_type("null"),
                json(r#"{"access_token":"$access","Token_Type":"Bearer"}"#),
                json(r#"{"access_token":"$access"}"#)
                    .strictly()
                    .is("Ambiguous"),
            ]
            .into_iter()
            .enumerate()
            .map(|(at, exchange)| match at {
                0 => exchange.then(|told| {
                    let text = told.error().to_string();
                    assert!(text.contains("departures.response.token_type"), "{text}");
                }),
                _ => exchange,
            }),
        ),
        refused(
            "TOK-057",
            "TokenType",
            types(&[r#""mac""#, r#""MAC""#, r#""pop""#]),
        ),
        refused("TOK-058", "TokenType", types(&[r#""N_A""#, r#""n_a""#])),
        refused(
            "TOK-059",
            "TokenType",
            types(&[
                r#""basic""#,
                r#""Basic""#,
                r#""Bearer token""#,
                r#""Bearer ""#,
                r#"" Bearer""#,
                r#""Bear""#,
            ]),
        ),
        refused(
            "TOK-060",
            "Protocol.BadValue",
            types(&[
                r#""""#,
                r#""Bearer\r\nX:y""#,
                r#""Bearer\u0000""#,
                r#""\u001b[2J""#,
            ])
            .into_iter()
            .chain(
                types(&["7", "[\"Bearer\"]", "{}", "true"])
                    .into_iter()
                    .map(|one| one.is("Protocol.BadType")),
            ),
        ),
        refused("TOK-062", "TokenType", types(&[r#""DPoP""#, r#""dpop""#])),
        refused("TOK-101", "TokenType", types(&[r#""user""#, r#""bot""#])),
    ]
}

/// How long the token lives, in seconds.
fn lives(told: &Told, seconds: i64) {
    use oauth_core::clock::Clock as _;
    let ends = told.token().expires_at().unwrap();
    let left = ends - told.clock.now();
    assert_eq!(left.num_seconds(), seconds, "{left}");
}

fn in_an_hour(exchange: Exchange) -> Exchange {
    exchange.then(|told| lives(told, 3600))
}

fn unknown(exchange: Exchange) -> Exchange {
    exchange.then(|told| assert_eq!(told.token().expires_at(), None))
}

fn expires_in() -> Vec<Row> {
    let spans = |list: &[&str]| -> Vec<Exchange> {
        let one = |span: &&str| granting(&format!(r#""expires_in":{span}"#));
        list.iter().map(one).collect()
    };
    vec![
        taken(
            "TOK-063",
            [
                in_an_hour(granting(r#""expires_in":3600"#)),
                in_an_hour(granting(r#""expires_in":"3600""#)),
                in_an_hour(granting(r#""expires_in":"03600""#)),
                granting(r#""expires_in":315360000"#).then(|told| lives(told, 315_360_000)),
                granting(r#""expires_in":2147483648"#).then(clamped),
                granting(r#""expires_in":9007199254740993"#).then(clamped),
                granting(r#""expires_in":9223372036854775808"#).then(clamped),
                granting(r#""expires_in":18446744073709551615"#).then(clamped),
            ],
        ),
        taken(
            "TOK-065",
            [
                in_an_hour(granting(r#""expires_in":3600.0"#)),
                in_an_hour(granting(r#""expires_in":3.6e3"#)),
                in_an_hour(granting(r#""expires_in":36000E-1"#)),
            ],
        ),
        taken(
            "TOK-067",
            [
                unknown(granting(r#""expires_in":null"#)),
                unknown(json(r#"{"access_token":"$access","token_type":"Bearer"}"#)),
                granting(r#""expires_in":null"#)
                    .declaring(|departures| {
                        departures.lifetime.default_expires_in = Some(Duration::from_secs(60));
                    })
                    .then(|told| lives(told, 60)),
            ],
        ),
        refused(
            "TOK-069",
            "Protocol.BadType",
            spans(&["false", "true", "{}", "[]", "[3600]", r#"{"seconds":3600}"#]),
        ),
        refused(
            "TOK-070",
            "Protocol.BadValue",
            spans(&[
                r#""zzz""#,
                r#""""#,
                r#"" 3600""#,
                r#""3600 ""#,
                r#""3600s""#,
                r#""1h""#,
                r#""3600.0""#,
                r#""+3600""#,
                r#""-1""#,
                r#""0x10""#,
                r#""١٢""#,
                r#""18446744073709551616""#,
                r#""PT1H""#,
            ]),
        ),
        refused(
            "TOK-072",
            "Protocol.BadValue",
            spans(&["-1", "-3600", "-0.5", "-1e300", "-9223372036854775808"]),
        ),
        row("TOK-073")
            .own(|| used_once(0))
            .and(Case::Exchange(granting(r#""expires_in":0"#)))
            .elsewhere(
                "test:renews expiry::r060_a_token_that_is_expired_when_it_comes_is_used_once",
            ),
        row("TOK-074")
            .own(|| used_once(1))
            .and(Case::Exchange(granting(r#""expires_in":1"#))),
        refused(
            "TOK-077",
            "Protocol.BadValue",
            spans(&[
                "18446744073709551616",
                "1e300",
                "3600.5",
                "0.1",
                "9007199254740993.5e3",
            ])
            .into_iter()
            .chain(
                spans(&["1e999"])
                    .into_iter()
                    .map(|one| one.is("Protocol.NotJson")),
            ),
        ),
        refused(
            "TOK-081",
            "Protocol.BadValue",
            spans(&[
                r#""Fri, 31 Dec 1999 23:59:59 GMT""#,
                r#""2030-01-01T00:00:00Z""#,
                r#""177:05:38""#,
                r#""$hidden""#,
            ]),
        ),
        taken(
            "TOK-082",
            [
                in_an_hour(granting(r#""expires_in":3600,"expires_at":1"#)),
                in_an_hour(granting(r#""expires_at":99999999999,"expires_in":3600"#)),
                in_an_hour(granting(
                    r#""expires_in":3600,"expires_on":"0","expires":5"#,
                )),
                unknown(granting(r#""expires_at":"2030-01-01T00:00:00Z""#)),
            ],
        ),
    ]
}

/// Longer than anybody believes.
fn clamped(told: &Told) {
    lives(told, 10 * 365 * 24 * 3600);
    assert_eq!(told.token().deviations(), [Deviation::ExpiresInClamped]);
}

/// A token that is over when it comes, or soon after, is handed to whoever asked for it, and no loop of
/// renewals begins.
fn used_once(seconds: u64) {
    use crate::scene::{SERVERS, runtime};
    use crate::support::{Wanted, clock, env, strict_builder};
    use oauth_core::source::TokenSource as _;
    use oauth_stage::Endpoint;

    let clock = clock();
    let builder = strict_builder(&clock).token_lifetime(Duration::from_secs(seconds));
    let stage = SERVERS.block_on(builder.start()).unwrap();
    let source = Wanted::of(&env(&clock), &stage).build();
    runtime().block_on(async {
        source.token().await.unwrap();
        assert_eq!(stage.count(Endpoint::Token), 1);
        clock.advance(Duration::from_secs(2));
        source.token().await.unwrap();
        assert_eq!(stage.count(Endpoint::Token), 2);
    });
}

fn refresh_token() -> Vec<Row> {
    let kept = |members: &str| granting(members).presents(Presents::Old);
    vec![
        taken(
            "TOK-084",
            [
                kept(r#""expires_in":60"#),
                kept(r#""expires_in":60,"refreshToken":"$hidden""#),
                kept(r#""expires_in":60,"Refresh_Token":"$hidden""#),
            ],
        ),
        taken("TOK-085", [kept(r#""refresh_token":"","expires_in":60"#)]),
        taken("TOK-086", [kept(r#""refresh_token":null,"expires_in":60"#)]),
        refused(
            "TOK-087",
            "Ambiguous",
            ["7", "true", "[]", r#"["$refresh"]"#, "{}", r#"{"value":"$refresh"}"#].map(|value| {
                granting(&format!(r#""refresh_token":{value}"#)).strictly()
            }),
        )
        .elsewhere("test:renews chains::an_unreadable_success_is_ambiguous"),
        taken("TOK-088", [kept(r#""refresh_token":"$sent","expires_in":60"#)]),
        taken(
            "TOK-089",
            [
                granting(r#""refresh_token":"$refresh","expires_in":60"#).presents(Presents::New),
                json(r#"{"refresh_token":"$refresh","access_token":"$access","token_type":"bearer"}"#)
                    .declaring(|departures| {
                        departures.lifetime.default_expires_in = Some(Duration::from_secs(60));
                    })
                    .presents(Presents::New),
            ],
        )
        .elsewhere("test:renews chains::r080_r082_a_chain_of_renewals_presents_each_refresh_token_once"),
        taken(
            "TOK-090",
            [granting(r#""refresh_token":"$refresh""#).then(|told| {
                assert_eq!(told.token().deviations(), [Deviation::UnwantedRefreshToken]);
            })],
        ),
    ]
}

fn scope_and_error() -> Vec<Row> {
    let widened = |scope: &str| {
        granting(&format!(r#""scope":"{scope}""#)).then(|told| {
            assert_eq!(told.token().deviations(), [Deviation::ScopeWidened]);
        })
    };
    let answer = |body: &str| json(body);
    vec![
        taken(
            "TOK-092",
            [widened("read write"), widened("read admin:all")],
        )
        .and(Case::Exchange(
            granting(r#""scope":"read write""#)
                .declaring(|departures| departures.response.refuse_wider_scope = true)
                .is("Protocol.BadValue"),
        ))
        .differs("refused where that is declared"),
        refused(
            "TOK-093",
            "Protocol.BadType",
            [
                granting(r#""scope":["read","write"]"#),
                granting(r#""scope":[]"#),
                granting(r#""scope":7"#),
                granting(r#""scope":{"read":true}"#),
                granting(r#""scope":true"#),
            ],
        ),
        taken(
            "TOK-094",
            [granting(r#""scope":"read,write""#)
                .declaring(|departures| departures.response.scope_separator = Some(','))
                .then(|told| {
                    let scopes = told.token().scopes();
                    assert!(
                        scopes.contains("read") && scopes.contains("write"),
                        "{scopes}"
                    );
                })],
        ),
        refused(
            "TOK-096",
            "OAuth",
            [
                answer(r#"{"ok":false,"error":"invalid_auth"}"#),
                answer(
                    r#"{"ok":true,"error":"invalid_auth","access_token":"$access","token_type":"Bearer"}"#,
                ),
                answer(r#"{"error":"invalid_client","error_description":"no"}"#),
                answer(r#"{"ok":false,"error":"$hidden\u0007"}"#).is("Http"),
                answer(r#"{"error":{"code":1},"access_token":"$access","token_type":"Bearer"}"#)
                    .is("Http"),
                answer(r#"{"error":7}"#).is("Http"),
                answer(r#"{"error":"invalid_grant"}"#)
                    .asking(Ask::Refresh(RotationPolicy::None))
                    .is("LoggedOut"),
            ],
        ),
        refused(
            "TOK-098",
            "Protocol.MissingField",
            [
                answer(r#"{"ok":true}"#),
                answer(r#"{"ok":true,"team":{"id":"T"},"authed_user":{"id":"U"}}"#),
                answer(r#"{"ok":false}"#),
            ],
        ),
    ]
}
