//! The keys that a server publishes.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use oauth_core::signing_key::{Algorithm, SigningKey};
use oauth_stage::Answer;
use serde_json::{Value, json};

use crate::login::{Draft, EC, Login, RSA, login};
use crate::make::{self, base64url};
use crate::table::{Row, row};

pub fn rows() -> Vec<Row> {
    vec![
        // the set is looked at once more: the key may have been published just now
        row("JWK-002").own(login(Some("Jwks.NoKey"), 3, |draft| draft.publish([]))),
        row("JWK-003")
            .own(login(Some("Protocol.TooLarge"), 1, |draft| {
                draft.publish((0..10_000).map(|_| json!({})));
            }))
            .own(login(Some("Protocol.TooLarge"), 1, |draft| {
                let decoy = json!({"kty": "none", "x": "x".repeat(5_000_000)});
                draft.publish([decoy, EC.public_jwk()]);
            })),
        row("JWK-006").own(login(None, 2, |draft| {
            draft.header.as_object_mut().unwrap().remove("kid");
        })),
        row("JWK-007").own(login(Some("Jwks.Ambiguous"), 2, |draft| {
            draft.header.as_object_mut().unwrap().remove("kid");
            let other = SigningKey::generate(Algorithm::ES256).unwrap();
            draft.publish([EC.public_jwk(), other.public_jwk()]);
        })),
        each(
            "JWK-011",
            None,
            ["d", "p", "q"].map(|name| member(name, || json!("cHJpdmF0ZQ"))),
        ),
        off_the_curve(),
        unsafe_rsa(),
        oddly_written(),
        names(),
        row("JWK-017").own(a_key_that_is_new),
        row("JWK-019").own(keys_that_are_kept).elsewhere(
            "test:verifies keeps::r139_former_keys_are_used_for_a_day_while_new_ones_cannot_be_had",
        ),
    ]
}

/// One login for each change of the RSA key that is published.
fn each<const N: usize>(
    line: &'static str,
    kind: Option<&'static str>,
    changes: [impl Fn(&mut Value) + Send + Sync + 'static; N],
) -> Row {
    changes.into_iter().fold(row(line), |row, change| {
        row.own(login(kind, 2, move |draft: &mut Draft| {
            draft.by_rsa();
            let mut jwk = RSA.public_jwk();
            change(&mut jwk);
            draft.publish([jwk]);
        }))
    })
}

/// Sets that member of a key.
fn member(
    name: &'static str,
    value: impl Fn() -> Value + Send + Sync + 'static,
) -> impl Fn(&mut Value) + Send + Sync + 'static {
    move |jwk| jwk[name] = value()
}

fn off_the_curve() -> Row {
    let points: [fn(&mut Value); 3] = [
        |jwk| jwk["y"] = jwk["x"].clone(),
        |jwk| jwk["x"] = base64url(&[0; 32]).into(),
        |jwk| jwk["y"] = base64url(&[0xff; 32]).into(),
    ];
    points.into_iter().fold(row("JWK-012"), |row, change| {
        row.own(login(Some("Jwks.BadKey"), 2, move |draft: &mut Draft| {
            let mut jwk = EC.public_jwk();
            change(&mut jwk);
            draft.publish([jwk]);
        }))
    })
}

fn unsafe_rsa() -> Row {
    type Change = Box<dyn Fn(&mut Value) + Send + Sync>;
    let modulus = |bits: usize| -> Change {
        Box::new(member("n", move || {
            let mut n = vec![0xa5; bits / 8];
            n[bits / 8 - 1] = 1;
            base64url(&n).into()
        }))
    };
    let exponent =
        |e: &'static [u8]| -> Change { Box::new(member("e", move || base64url(e).into())) };
    each(
        "JWK-013",
        Some("Jwks.BadKey"),
        [
            modulus(512),
            modulus(16_384),
            exponent(&[1]),
            exponent(&[1, 0, 0, 0, 0, 0, 0, 0, 0]),
        ],
    )
}

fn oddly_written() -> Row {
    let forms: [fn(&mut Value); 3] = [
        |jwk| {
            let n = make::rsa().n;
            jwk["n"] = base64url(&[&[0, 0], n.as_slice()].concat()).into();
        },
        |jwk| jwk["n"] = URL_SAFE.encode(make::rsa().n).into(),
        |jwk| jwk["n"] = STANDARD.encode(make::rsa().n).into(),
    ];
    each("JWK-014", None, forms)
}

/// A name is compared byte by byte, whatever it is.
fn names() -> Row {
    let named = |kid: &'static str| {
        move |draft: &mut Draft| {
            draft.header["kid"] = kid.into();
            let mut jwk = EC.public_jwk();
            jwk["kid"] = kid.into();
            let mut decoy = SigningKey::generate(Algorithm::ES256).unwrap().public_jwk();
            decoy["kid"] = format!("{kid} ").into();
            draft.publish([decoy, jwk]);
        }
    };
    let large = |draft: &mut Draft| {
        let mut decoy = SigningKey::generate(Algorithm::ES256).unwrap().public_jwk();
        decoy["kid"] = "k".repeat(1_000_000).into();
        draft.publish([decoy, EC.public_jwk()]);
    };
    row("JWK-016")
        .own(login(None, 2, large))
        .own(login(None, 2, named("'; DROP TABLE keys; --")))
        .own(login(None, 2, named("../../etc/passwd")))
        .own(login(None, 2, named("http://169.254.169.254/")))
        .own(login(None, 2, named("\u{0}")))
}

/// Another look, and the new key is found.
fn a_key_that_is_new() {
    let login = Login::new();
    login.ends(None, 2, |_| ()).unwrap();
    let by_another = |draft: &mut Draft| draft.by_rsa();
    login.ends(None, 2, by_another).unwrap();
    login.ends(None, 1, by_another).unwrap();
}

/// Keys that are ten minutes old are as good as any while there are no others.
fn keys_that_are_kept() {
    let login = Login::new();
    let short = |draft: &mut Draft| {
        draft.keys = draft.keys.clone().header("cache-control", "max-age=300");
    };
    login.ends(None, 2, short).unwrap();
    login
        .stand
        .clock
        .advance(std::time::Duration::from_secs(600));
    for (status, requests) in [(503, 4), (500, 4)] {
        let down = |draft: &mut Draft| draft.keys = Answer::status(status);
        login.ends(None, requests, down).unwrap();
        login
            .stand
            .clock
            .advance(std::time::Duration::from_secs(120));
    }
}
