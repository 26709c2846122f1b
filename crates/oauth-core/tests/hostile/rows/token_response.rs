//! Answers of success whose body is no token response: what is not JSON, or not one object.

use oauth_core::token::Deviation;

use crate::exchange::{Exchange, GOOD, bare, head, json, says, typed};
use crate::table::{Row, refused, row, taken};

pub fn rows() -> Vec<Row> {
    let mut rows = media_types();
    rows.extend(not_json());
    rows.extend(not_one_object());
    rows
}

/// With and without the length, and as a renewal that must not be repeated.
fn empty() -> Vec<Exchange> {
    vec![
        json(""),
        bare(200, ""),
        says(&head("content-length: 0\r\n")),
        says(&head("transfer-encoding: chunked\r\n").replace("\r\n\r\n", "\r\n\r\n0\r\n\r\n")),
        says(&head("")),
        json(" \r\n\t").is("Protocol.NotJson"),
        json("\u{feff}").is("Protocol.NotJson"),
        json("").strictly().is("Ambiguous"),
    ]
}

fn media_types() -> Vec<Row> {
    let page = "<!DOCTYPE html><html><body>$hidden <form action=/login>$access</form></html>";
    let form = "access_token=$access&token_type=bearer&expires_in=3600";
    let type_missing = |exchange: Exchange| {
        exchange.then(|told| {
            assert_eq!(told.token().deviations(), [Deviation::NoContentType]);
        })
    };
    vec![
        refused("TOK-001", "Protocol.Empty", empty()),
        refused(
            "TOK-003",
            "Protocol.ContentType",
            [
                typed(200, "text/html", page),
                typed(200, "text/html; charset=utf-8", page),
                typed(200, "TEXT/HTML", page),
                typed(200, "application/xhtml+xml", page),
                typed(200, "text/html", ""),
                typed(200, "text/html", page).strictly().is("Ambiguous"),
            ],
        ),
        refused(
            "TOK-004",
            "Protocol.NotJson",
            [
                json(page),
                json(format!("\n\n{page}")),
                json("<html>$access"),
                json("Service $hidden is down for maintenance"),
            ],
        ),
        refused(
            "TOK-050",
            "Protocol.ContentType",
            [
                typed(200, "application/x-www-form-urlencoded", form),
                typed(
                    200,
                    "application/x-www-form-urlencoded; charset=utf-8",
                    form,
                ),
                typed(200, "text/plain", form),
                json(form).is("Protocol.NotJson"),
                bare(200, form).is("Protocol.NotJson"),
            ],
        ),
        taken(
            "TOK-051",
            [
                type_missing(bare(200, GOOD)),
                type_missing(bare(200, format!("  {GOOD}\n"))),
                type_missing(says(
                    &head("content-length: $length\r\n")
                        .replace("content-type: application/json\r\n", "")
                        .replace("\r\n\r\n", &format!("\r\n\r\n{GOOD}")),
                )),
            ],
        ),
        taken(
            "TOK-052",
            [
                typed(200, "application/json;charset=iso-8859-1", GOOD),
                typed(200, "application/json; charset=\"utf-16\"", GOOD),
                typed(200, "Application/JSON ; q=1", GOOD),
                typed(200, "application/json;", GOOD),
                typed(
                    200,
                    "application/json;charset=iso-8859-1",
                    b"{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"x\":\"\xe9\"}".to_vec(),
                )
                .is("Protocol.BadEncoding"),
            ],
        )
        .differs("bytes that are not UTF-8 are refused, whatever the type calls them"),
        refused(
            "TOK-054",
            "Protocol.ContentType",
            [
                typed(200, "text/plain", GOOD),
                typed(200, "text/javascript", GOOD),
                typed(200, "application/octet-stream", GOOD),
                typed(200, "text/json", GOOD),
                typed(200, "application/json-seq", GOOD),
                typed(200, "x/$hidden\u{20}", GOOD)
                    .is("Protocol.ContentType")
                    .header("x", "y"),
                typed(200, "json", GOOD),
            ]
            .into_iter()
            .filter(|exchange| !shows_its_type(exchange)),
        ),
    ]
}

/// The type is told, so that it may hold nothing that is hidden.
fn shows_its_type(exchange: &Exchange) -> bool {
    let crate::exchange::Server::Always(reply) = &exchange.server else {
        return false;
    };
    reply
        .headers
        .iter()
        .any(|(_, value)| value.contains("$hidden"))
}

/// A body in another encoding of Unicode.
fn encoded(units: impl Fn(u16) -> Vec<u8>, mark: &[u8]) -> Exchange {
    let text = r#"{"access_token":"abc","token_type":"Bearer"}"#;
    let mut body = mark.to_vec();
    body.extend(text.encode_utf16().flatten_units(units));
    json(body)
}

/// One list of bytes out of all code units.
trait FlattenUnits: Iterator<Item = u16> + Sized {
    fn flatten_units(self, units: impl Fn(u16) -> Vec<u8>) -> Vec<u8> {
        self.flat_map(units).collect()
    }
}

impl<I: Iterator<Item = u16>> FlattenUnits for I {}

fn not_json() -> Vec<Row> {
    let little = |unit: u16| unit.to_le_bytes().to_vec();
    let big = |unit: u16| unit.to_be_bytes().to_vec();
    let wide = |unit: u16| u32::from(unit).to_le_bytes().to_vec();
    let cut = |at: &str| {
        GOOD.split_once(at)
            .map_or(GOOD, |(start, _)| start)
            .to_owned()
    };
    let deep = |open: &str, times: usize| open.repeat(times);
    vec![
        refused(
            "TOK-005",
            "Protocol.NotJson",
            [
                json(r#"{"access_token":"$access"#),
                json(cut(",\"token_type")),
                json(cut("Bearer")),
                json(&GOOD[..GOOD.len() - 1]),
                json("{"),
                json(r#"{"access_token":"$access\"#),
                json(r#"{"access_token":"$access"#)
                    .strictly()
                    .is("Ambiguous"),
                json(&GOOD[..GOOD.len() - 1]).strictly().is("Ambiguous"),
            ],
        ),
        refused(
            "TOK-011",
            "Protocol.NotJson",
            [
                json(format!("{GOOD}{GOOD}")),
                json(format!("{GOOD}\n{GOOD}\n")),
                json(format!("{GOOD}{{}}")),
                json(format!("{GOOD},")),
                json(format!("{GOOD}\0")),
                json(format!("{GOOD}$hidden")),
                json(format!("{GOOD}]")),
            ],
        ),
        taken(
            "TOK-043",
            [
                json(format!("\u{feff}{GOOD}")),
                json(format!("\u{feff} \n{GOOD}")),
                typed(
                    200,
                    "application/json; charset=utf-8",
                    format!("\u{feff}{GOOD}"),
                ),
            ]
            .map(|exchange| {
                exchange.then(|told| {
                    assert_eq!(told.token().deviations(), [Deviation::ByteOrderMark]);
                })
            }),
        )
        .and(crate::table::Case::Exchange(
            json(format!("\u{feff}\u{feff}{GOOD}")).is("Protocol.NotJson"),
        ))
        .differs("one mark is taken off, a second one is no JSON"),
        refused(
            "TOK-044",
            "Protocol.BadEncoding",
            [
                encoded(little, b""),
                encoded(little, b"\xff\xfe"),
                encoded(big, b""),
                encoded(big, b"\xfe\xff"),
                encoded(wide, b""),
                encoded(wide, b"\xff\xfe\0\0"),
                json(b"{\"access_token\":\"\xff\xfe\",\"token_type\":\"Bearer\"}".to_vec()),
                json(b"{\"access_token\":\"\xed\xa0\x80\",\"token_type\":\"Bearer\"}".to_vec()),
                json(b"{\"access_token\":\"\xc0\xaf\",\"token_type\":\"Bearer\"}".to_vec()),
            ],
        ),
        refused(
            "TOK-046",
            "Protocol.NotJson",
            [
                json(r#"{"access_token":"\ud800","token_type":"Bearer"}"#),
                json(r#"{"access_token":"a\udc00b","token_type":"Bearer"}"#),
                json(r#"{"access_token":"\ud800\ud800","token_type":"Bearer"}"#),
                json(r#"{"access_token":"$access","token_type":"\ud83d"}"#),
                json(r#"{"access_token":"$access","token_type":"Bearer","scope":"\udfff"}"#),
                json(r#"{"access_token":"$access","token_type":"Bearer","\ud800":1}"#),
            ],
        ),
        refused(
            "TOK-047",
            "Protocol.NotJson",
            [
                json(format!("// $hidden\n{GOOD}")),
                json(format!("/* $hidden */{GOOD}")),
                json(format!("{GOOD} # $hidden")),
                json(r#"{"access_token":"$access","token_type":"Bearer",}"#),
                json(r#"{"access_token":"$access",,"token_type":"Bearer"}"#),
                json(r#"{'access_token':'$access','token_type':'Bearer'}"#),
                json(r#"{access_token:"$access",token_type:"Bearer"}"#),
                json(r#"{"access_token":"$access","token_type":"Bearer","expires_in":0x10}"#),
                json(r#"{"access_token":"$access","token_type":"Bearer","expires_in":01}"#),
                json(r#"{"access_token":"$access","token_type":"Bearer","expires_in":NaN}"#),
                json(r#"{"access_token":"$access","token_type":"Bearer","expires_in":+1}"#),
                json("{\"access_token\":\"a\tb\",\"token_type\":\"Bearer\"}"),
                json(r#"{"access_token":"\x61","token_type":"Bearer"}"#),
                json(r#"{"access_token":"$access" "token_type":"Bearer"}"#),
                json(r#"{"access_token"="$access","token_type"="Bearer"}"#),
                json("access_token: $access\ntoken_type: Bearer\n"),
            ],
        ),
        refused(
            "TOK-048",
            "Protocol.NotJson",
            [
                json(format!("cb({GOOD})")),
                json(format!("cb({GOOD});")),
                json(format!("/**/cb({GOOD})")),
                json(format!("({GOOD})")),
            ],
        ),
        refused(
            "TOK-049",
            "Protocol.NotJson",
            [
                json(format!(")]}}'\n{GOOD}")),
                json(format!(")]}}',\n{GOOD}")),
                json(format!("while(1);{GOOD}")),
                json(format!("for(;;);{GOOD}")),
                json(format!("\u{1}{GOOD}")),
            ],
        ),
        taken(
            "TOK-040",
            [
                deeply("[", "]", 200),
                deeply(r#"{"a":"#, "}", 200),
                deeply("[", "]", 100_000),
                deeply(r#"[{"a":"#, "}]", 20_000),
            ],
        ),
        refused(
            "TOK-041",
            "Protocol.NotJson",
            [
                json(format!(r#"{{"x":{}"#, deep("[", 1_000_000))),
                json(deep("[", 1_000_000)),
                json(format!(r#"{{"access_token":{}"#, deep("[", 1_000_000))),
                json(format!(
                    r#"{{"access_token":{}{}}}"#,
                    deep("[", 500_000),
                    deep("]", 500_000)
                )),
                json(format!(r#"{{"scope":{}"#, deep(r#"{"a":"#, 200_000))),
                json(deep(r#"{"x":"#, 200_000)),
            ],
        ),
    ]
}

/// A token beside something deep that nobody looks at.
fn deeply(open: &str, close: &str, times: usize) -> Exchange {
    let (open, close) = (open.repeat(times), close.repeat(times));
    json(format!(
        r#"{{"x":{open}1{close},"access_token":"$access","token_type":"Bearer"}}"#
    ))
}

fn not_one_object() -> Vec<Row> {
    let not_object = |line, bodies: &[&str]| {
        let mut exchanges: Vec<Exchange> = bodies.iter().map(|body| json(*body)).collect();
        exchanges.push(json(bodies[0]).strictly().is("Ambiguous"));
        refused(line, "Protocol.NotObject", exchanges)
    };
    vec![
        not_object("TOK-007", &["null", " null\n", "\u{feff}null"]),
        not_object("TOK-008", &["[]", "[ ]", "[[]]", "[null]"]),
        not_object(
            "TOK-009",
            &[
                r#"["$access","Bearer",3600]"#,
                r#"["$access","Bearer",3600,null,null,null,null,null]"#,
                r#"[{"access_token":"$access","token_type":"Bearer"}]"#,
            ],
        ),
        not_object(
            "TOK-010",
            &[
                r#""$access""#,
                "42",
                "-0.5e3",
                "true",
                "false",
                r#""{\"access_token\":\"$access\"}""#,
            ],
        ),
        row("TOK-109").elsewhere(
            "test:transport framing::a_second_answer_on_a_connection_reaches_no_later_request",
        ),
    ]
}
