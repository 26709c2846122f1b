//! ID tokens that are not right.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_core::signing_key::{Algorithm, SigningKey};
use serde_json::{Value, json};

use crate::login::{Draft, RSA, login};
use crate::make::{self, pem};
use crate::table::{Row, row};

/// A token that is refused: the keys are there before the code is spent.
fn refused(line: &'static str, kind: &'static str, changes: &[fn(&mut Draft)]) -> Row {
    let all = changes.iter().copied();
    all.fold(row(line), |row, change| {
        row.own(login(Some(kind), 2, change))
    })
}

fn taken(line: &'static str, changes: &[fn(&mut Draft)]) -> Row {
    let all = changes.iter().copied();
    all.fold(row(line), |row, change| row.own(login(None, 2, change)))
}

/// An HMAC, as somebody makes it who knows only what everybody knows.
fn hmac(key: &[u8], input: &[u8]) -> Vec<u8> {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key);
    aws_lc_rs::hmac::sign(&key, input).as_ref().to_vec()
}

fn by_hmac(draft: &mut Draft, sign: fn(&[u8]) -> Vec<u8>) {
    draft.by_rsa();
    draft.header["alg"] = "HS256".into();
    draft.sign = sign;
}

pub fn rows() -> Vec<Row> {
    let mut rows = signatures();
    rows.extend(claims());
    rows
}

fn signatures() -> Vec<Row> {
    vec![
        refused(
            "JWT-002",
            "Jwt.Algorithm",
            &[
                |draft| by_hmac(draft, |input| hmac(&make::rsa().spki(), input)),
                |draft| {
                    let text = |input: &[u8]| {
                        hmac(pem("PUBLIC KEY", &make::rsa().spki()).as_bytes(), input)
                    };
                    by_hmac(draft, text);
                },
                |draft| by_hmac(draft, |input| hmac(&make::rsa().n, input)),
                |draft| {
                    let jwk = |input: &[u8]| hmac(RSA.public_jwk().to_string().as_bytes(), input);
                    by_hmac(draft, jwk);
                },
            ],
        ),
        refused(
            "JWT-004",
            "Jwt.Signature",
            &[
                |draft| draft.finish = |token| flipped(&token, 0),
                |draft| draft.finish = |token| flipped(&token, 255),
                |draft| draft.finish = |token| flipped(&token, 511),
                |draft| {
                    draft.by_rsa();
                    draft.finish = |token| flipped(&token, 1000);
                },
            ],
        ),
        refused(
            "JWT-025",
            "Jwt.Type",
            &[
                |draft| draft.header["typ"] = "at+jwt".into(),
                |draft| draft.header["typ"] = "application/at+JWT".into(),
            ],
        ),
        refused(
            "JWT-026",
            "Jwt.Critical",
            &[
                |draft| {
                    draft.header["crit"] = json!(["exp"]);
                    draft.header["exp"] = 1.into();
                },
                |draft| draft.header["crit"] = json!(["unknown"]),
                |draft| draft.header["crit"] = json!([]),
            ],
        ),
        headers(),
        refused(
            "JWT-028",
            "Jwt.Critical",
            &[
                |draft| {
                    draft.header["crit"] = json!(["b64"]);
                    draft.header["b64"] = false.into();
                },
                |draft| draft.header["b64"] = false.into(),
            ],
        ),
        refused(
            "JWT-030",
            "Jwt.Malformed",
            &[
                |draft| draft.finish = |token| format!("{token}.e.f"), // 4 dots, a JWE
                |draft| draft.finish = |token| format!("{token}."),
                |draft| draft.finish = |token| token.rsplit_once('.').unwrap().0.to_owned(),
                |draft| draft.finish = |token| token.replace('.', ""),
                |draft| draft.finish = |token| format!(".{}", token.split_once('.').unwrap().1),
                |draft| draft.finish = |token| emptied(&token, 1),
                |draft| draft.finish = |token| emptied(&token, 2),
            ],
        ),
        refused(
            "JWT-032",
            "Jwt.Malformed",
            &[
                |draft| draft.claims = json!([draft.claims]),
                |draft| draft.claims = Value::String(draft.claims.to_string()),
                |draft| draft.claims = Value::Null,
                |draft| draft.claims = json!(7),
            ],
        ),
    ]
}

/// Keys that the header brings or points to are no keys: nobody goes there.
fn headers() -> Row {
    let forged: [fn(&mut Draft); 4] = [
        |draft| draft.header["jku"] = format!("{}/keys", draft.elsewhere).into(),
        |draft| draft.header["x5u"] = format!("{}/certificate", draft.elsewhere).into(),
        |draft| draft.header["jwk"] = attacker().public_jwk(),
        |draft| draft.header["x5c"] = json!([URL_SAFE_NO_PAD.encode(make::certificate(b"x"))]),
    ];
    forged.into_iter().fold(row("JWT-027"), |row, header| {
        let under_the_known_name = move |draft: &mut Draft| {
            header(draft);
            draft.sign = |input| attacker().sign(input).unwrap();
        };
        let under_its_own_name = move |draft: &mut Draft| {
            under_the_known_name(draft);
            draft.header["kid"] = attacker().key_id().into();
        };
        row.own(login(Some("Jwt.Signature"), 2, under_the_known_name))
            .own(login(Some("Jwks.NoKey"), 3, under_its_own_name))
    })
}

fn attacker() -> &'static SigningKey {
    static KEY: std::sync::LazyLock<SigningKey> =
        std::sync::LazyLock::new(|| SigningKey::generate(Algorithm::ES256).unwrap());
    &KEY
}

fn flipped(token: &str, bit: usize) -> String {
    let (input, signature) = token.rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    signature[bit / 8] ^= 1 << (bit % 8);
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn emptied(token: &str, part: usize) -> String {
    let mut parts: Vec<&str> = token.split('.').collect();
    parts[part] = "";
    parts.join(".")
}

fn claims() -> Vec<Row> {
    vec![
        refused(
            "JWT-010",
            "Jwt.Audience",
            &[
                |draft| draft.claims["aud"] = json!([draft.claims["aud"], "another"]),
                |draft| draft.claims["aud"] = json!(["another", draft.claims["aud"]]),
            ],
        ),
        refused("JWT-013", "Jwt.MissingClaim", &[|draft| draft.without("exp")]),
        refused(
            "JWT-015",
            "Jwt.BadClaim",
            &[
                |draft| draft.claims["nbf"] = "0".into(),
                |draft| draft.claims["nbf"] = "2026-01-01T00:00:00Z".into(),
                |draft| draft.claims["nbf"] = "".into(),
            ],
        ),
        refused(
            "JWT-017",
            "Jwt.Stale",
            &[|draft| {
                let now = draft.claims["iat"].as_i64().unwrap();
                draft.claims["iat"] = (now - 7 * 24 * 3600).into();
            }],
        ),
        refused("JWT-018", "Jwt.MissingClaim", &[|draft| draft.without("iat")]),
        refused(
            "JWT-019",
            "Jwt.MissingClaim",
            &[
                |draft| draft.without("sub"),
                |draft| draft.claims["sub"] = "".into(),
            ],
        ),
        refused(
            "JWT-020",
            "Jwt.Nonce",
            &[
                |draft| draft.claims["nonce"] = "another".into(),
                |draft| draft.claims["nonce"] = "".into(),
            ],
        ),
        refused("JWT-021", "Jwt.Nonce", &[|draft| draft.without("nonce")]),
        refused(
            "JWT-023",
            "Jwt.Hash",
            &[
                |draft| draft.claims["c_hash"] = draft.claims["at_hash"].clone(),
                |draft| draft.claims["c_hash"] = "".into(),
            ],
        ),
        row("JWT-035")
            .elsewhere("lib id_token::tests::r094_a_renewed_id_token_is_of_the_same_login")
            .elsewhere("lib id_token::tests::r094_a_nonce_that_was_never_sent_does_not_come_with_a_renewal"),
        taken(
            "JWT-036",
            &[|draft| draft.claims["aud"] = json!([draft.claims["aud"]])],
        ),
        taken("JWT-037", &[|draft| draft.without("at_hash")]),
    ]
}
