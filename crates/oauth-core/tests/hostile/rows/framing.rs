//! Answers whose length, chunks, coding or size is not as it should be.

use std::time::Duration;

use oauth_stage::Step;

use crate::exchange::{Exchange, GOOD, PATIENT, granting, head, json, says, script};
use crate::table::{Row, refused, row, taken};

const CHUNKED: &str = "transfer-encoding: chunked\r\n";

pub fn rows() -> Vec<Row> {
    let mut rows = broken_off();
    rows.extend(too_large());
    rows.extend(coded());
    rows.extend(hardly_http());
    rows
}

/// A head, then these steps.
fn after(headers: &str, steps: Vec<Step>) -> Exchange {
    let mut all = vec![Step::ReadRequest, Step::text(head(headers))];
    all.extend(steps);
    script(all)
}

fn endless(chunk: &[u8]) -> Step {
    Step::Endless {
        chunk: chunk.to_vec(),
    }
}

fn broken_off() -> Vec<Row> {
    let short = |end: Step| after("content-length: 4000\r\n", vec![Step::text(GOOD), end]);
    let drip = |bytes: &str| Step::Drip {
        bytes: bytes.as_bytes().to_vec(),
        every: Duration::from_millis(15),
    };
    let slowly = |headers: &str, bytes: &str| {
        after(headers, vec![drip(&bytes.repeat(100))])
            .within(60)
            .setting(|settings| settings.read_timeout = PATIENT)
    };
    vec![
        refused(
            "TOK-006",
            "Interrupted",
            [
                short(Step::Close).requests(3),
                short(Step::Reset).requests(3),
                after(
                    CHUNKED,
                    vec![Step::text("2000\r\n{\"access_token\""), Step::Close],
                )
                .requests(3),
                after(CHUNKED, vec![Step::text("5\r\n{\"a\"\r\n"), Step::Close])
                    .requests(3)
                    .is("Protocol.BadEncoding")
                    .requests(1),
                short(Step::Close).strictly().is("Ambiguous"),
                short(Step::Reset).strictly().is("Ambiguous"),
            ],
        ),
        refused(
            "TOK-033",
            "Timeout",
            [
                slowly(CHUNKED, "1\r\n \r\n").requests(3),
                slowly("content-length: 1000\r\n", " ").requests(3),
                slowly("", " ").requests(3),
                slowly("content-length: 1000\r\n", " ")
                    .strictly()
                    .is("Ambiguous"),
                after("content-length: 1000\r\n", vec![Step::UntilPeerCloses])
                    .within(60)
                    .requests(3),
            ],
        ),
    ]
}

fn too_large() -> Vec<Row> {
    let blanks = [b' '; 0x4000];
    let chunk = [&b"4000\r\n"[..], &blanks, b"\r\n"].concat();
    let announced = |length: &str| {
        let headers = format!("content-length: {length}\r\n");
        after(&headers, vec![Step::UntilPeerCloses])
    };
    let many = |count: usize| -> String {
        let members: String = (0..count).map(|n| format!("\"m{n}\":0,")).collect();
        format!(r#"{{{members}"access_token":"$access","token_type":"Bearer"}}"#)
    };
    vec![
        taken(
            "TOK-028",
            [
                granting(&format!(r#""x":"{}""#, "y".repeat(900 * 1024))),
                json(format!(
                    r#"{{"access_token":"{}","token_type":"Bearer"}}"#,
                    "a".repeat(900 * 1024)
                ))
                .holding(8 << 20)
                .then(|told| {
                    assert_eq!(told.token().access_token().expose().len(), 900 * 1024);
                }),
                json(format!(
                    r#"{{"access_token":"{}","token_type":"Bearer"}}"#,
                    "a".repeat(64 * 1024)
                )),
            ],
        ),
        refused(
            "TOK-030",
            "Protocol.TooLarge",
            [
                announced("104857600"),
                announced("1048577"),
                announced("18446744073709551615"),
                json(" ".repeat(1024 * 1024 + 1)),
                announced("104857600").strictly().is("Ambiguous"),
            ],
        ),
        refused(
            "TOK-032",
            "Protocol.TooLarge",
            [
                after(CHUNKED, vec![endless(&chunk)]),
                after(CHUNKED, vec![endless(&b"1\r\n \r\n".repeat(2000))])
                    .setting(|settings| settings.body_limit = 16 * 1024),
                after("", vec![endless(&blanks)]),
                after("content-length: 104857600\r\n", vec![endless(&blanks)]),
                after(CHUNKED, vec![endless(&chunk)])
                    .strictly()
                    .is("Ambiguous"),
            ],
        ),
        refused(
            "TOK-034",
            "Protocol.BadEncoding",
            [
                after(
                    CHUNKED,
                    vec![Step::text("FFFFFFFFFFFFFFFFF\r\n{"), Step::Close],
                ),
                after(
                    CHUNKED,
                    vec![Step::text("10000000000000000\r\n{"), Step::Close],
                ),
                after(CHUNKED, vec![Step::text("-1\r\n{"), Step::Close]),
                after(CHUNKED, vec![Step::text("0x10\r\n{"), Step::Close]),
                after(CHUNKED, vec![Step::text("\r\n{"), Step::Close]),
                after(
                    CHUNKED,
                    vec![Step::text("FFFFFFFFFFFFFFFF\r\n"), endless(&blanks)],
                )
                .is("Protocol.TooLarge"),
                after(
                    CHUNKED,
                    vec![Step::text("FFFFFFFFFFFFFFFF\r\n{"), Step::Close],
                )
                .is("Interrupted")
                .requests(3),
            ],
        ),
        refused(
            "TOK-035",
            "Protocol.TooLarge",
            [
                after(CHUNKED, vec![Step::text("5;x="), endless(&[b'x'; 0x4000])]),
                after(CHUNKED, vec![Step::text("5;"), endless(b"x=y;")]),
                after(
                    CHUNKED,
                    vec![Step::text("0\r\nx: "), endless(&[b'x'; 0x4000])],
                ),
                after(CHUNKED, vec![Step::text("0\r\n"), endless(b"x: y\r\n")]),
                after("x: ", vec![endless(&[b'x'; 0x4000])]).is("Protocol.TooLarge"),
            ]
            .into_iter()
            .take(4),
        ),
        refused(
            "TOK-042",
            "Protocol.TooLarge",
            [
                says(&(head("content-length: $length\r\n") + &many(1_000_000))),
                json(many(200_000)),
                after("", vec![Step::text("{"), endless(b"\"a\":0,")]),
            ],
        ),
    ]
}

fn coded() -> Vec<Row> {
    let coding = |coding: &str| {
        says(
            &head(&format!(
                "content-encoding: {coding}\r\ncontent-length: $length\r\n"
            ))
            .replace("\r\n\r\n", &format!("\r\n\r\n{GOOD}")),
        )
    };
    let bomb = |decoded_bytes| script(vec![Step::ReadRequest, Step::GzipBomb { decoded_bytes }]);
    vec![
        refused(
            "TOK-036",
            "Protocol.BadEncoding",
            [bomb(100), bomb(0), bomb(100).strictly().is("Ambiguous")],
        ),
        refused(
            "TOK-037",
            "Protocol.BadEncoding",
            [bomb(10 << 30), bomb(1 << 30), bomb(2 << 20)],
        ),
        refused(
            "TOK-038",
            "Protocol.BadEncoding",
            [
                coding("gzip, gzip, br"),
                coding("gzip\r\ncontent-encoding: br"),
                coding("identity\r\ncontent-encoding: gzip"),
                coding("gzip,identity"),
                coding("br"),
                coding("zstd"),
                coding("deflate"),
            ],
        ),
        refused(
            "TOK-039",
            "Protocol.BadEncoding",
            [
                coding("gzip"),
                coding("GZIP"),
                coding("x-gzip"),
                coding("\u{20}"),
            ]
            .into_iter()
            .take(3),
        ),
    ]
}

fn hardly_http() -> Vec<Row> {
    let with = |headers: &str, body: &str| says(&format!("{}{body}", head(headers)));
    let good_with = |headers: &str| with(&format!("{headers}content-length: $length\r\n"), GOOD);
    let chunk = format!("{:x}\r\n{{}}\r\n0\r\n\r\n", 2);
    vec![
        refused(
            "TOK-106",
            "Protocol.BadEncoding",
            [
                good_with("x: a\u{1}b\r\n"),
                good_with("x: a\0b\r\n"),
                good_with("x: a\u{7f}b\r\n"),
                good_with("x: a\u{1b}[2Jb\r\n"),
                good_with("x\u{1}: a\r\n"),
                good_with("x y: a\r\n"),
                good_with("x: a\r\n b\r\n"),
                good_with("$hidden\r\n"),
            ],
        ),
        refused(
            "TOK-107",
            "Protocol.BadEncoding",
            [
                with(
                    "content-length: 2\r\ntransfer-encoding: chunked\r\n",
                    &chunk,
                ),
                with(
                    "transfer-encoding: chunked\r\ncontent-length: 2\r\n",
                    &chunk,
                ),
                with(
                    "transfer-encoding: chunked\r\ncontent-length: 0\r\n",
                    &chunk,
                ),
                with("content-length: 2\r\ncontent-length: 3\r\n", "{}"),
                with("content-length: 2, 3\r\n", "{}"),
                with("content-length: +2\r\n", "{}"),
                with("content-length: -2\r\n", "{}"),
                with("content-length: 0x2\r\n", "{}"),
            ],
        ),
        refused(
            "TOK-108",
            "Protocol.BadEncoding",
            [
                says(GOOD),
                says("<html>$hidden</html>"),
                says("garbage $hidden\r\n\r\n"),
                says("HTTP/9.9 200 OK\r\n\r\n"),
                says("HTTP/1.1 2x0 OK\r\n\r\n"),
                says("HTTP/1.1 99999 OK\r\n\r\n"),
                says("HTTP/1.1\r\n\r\n"),
                says("ICY 200 OK\r\n\r\n"),
                says("SSH-2.0-x\r\n"),
                says("\0\0\0\0\0\0\0\0\0\0\0\0"),
                says("garbage $hidden\r\n\r\n").strictly().is("Ambiguous"),
            ],
        ),
        taken(
            "TOK-104",
            [
                json(GOOD).header("set-cookie", "session=$hidden; Path=/; HttpOnly"),
                json(GOOD)
                    .header("set-cookie", "a=$hidden")
                    .header("set-cookie", "b=$hidden"),
            ]
            .map(|exchange| {
                exchange.then(|told| {
                    let log = told.stage.log();
                    assert!(log.iter().all(|one| one.header("cookie").is_none()));
                })
            }),
        )
        .elsewhere("test:transport redirects::a_cookie_is_not_sent_back"),
        row("TOK-014")
            .and(crate::table::Case::Exchange(granting(
                r#""x":1,"x":2,"y":{"z":1,"z":2}"#,
            )))
            .and(crate::table::Case::Exchange(json(
                r#"{"x":"a","access_token":"$access","x":"b","token_type":"Bearer","x":[]}"#,
            ))),
    ]
}
