//! Keys that load, and sign what a server takes.

use std::time::Duration;

use base64::Engine as _;
use oauth_core::signing_key::{Algorithm, KeyOptions, SigningKey};

use super::{ES384, Lock, RS384, other, write};
use crate::make::{self, oid, pem};
use crate::support::Wanted;
use crate::table::{Row, row};

/// The key in that file signs what a server takes that knows the public half.
fn signs(
    algorithm: Option<Algorithm>,
    file: impl Fn() -> Vec<u8> + Send + Sync + 'static,
) -> impl Fn() + Send + Sync + 'static {
    move || {
        let file = file();
        let options = KeyOptions {
            algorithm,
            ..KeyOptions::default()
        };
        let known = SigningKey::load(&file, &options).unwrap();
        let lock = Lock::new(&known, &file, algorithm);
        lock.ends(None, 1).unwrap();
        assert!(lock.stand.stage.violations().is_empty());
    }
}

fn text(change: fn(String) -> String) -> impl Fn() -> Vec<u8> + Send + Sync {
    move || change(pem("PRIVATE KEY", &make::rsa().pkcs8())).into_bytes()
}

pub fn rows() -> Vec<Row> {
    let ec_der = || make::p384().pkcs8();
    vec![
        row("KEY-001").own(signs(RS384, text(|text| text))),
        row("KEY-009").own(signs(ES384, || {
            pem("PRIVATE KEY", &make::p384().pkcs8()).into_bytes()
        })),
        row("KEY-010").own(signs(ES384, || {
            pem("EC PRIVATE KEY", &make::p384().sec1()).into_bytes()
        })),
        row("KEY-011").own(signs(ES384, || {
            let parameters = pem("EC PARAMETERS", &oid(make::P384));
            let key = pem("EC PRIVATE KEY", &make::p384().sec1());
            format!("{parameters}{key}").into_bytes()
        })),
        row("KEY-024")
            .own(signs(RS384, || {
                beside(|certificate, key| format!("{certificate}{key}"))
            }))
            .own(signs(RS384, || {
                beside(|certificate, key| format!("{key}{certificate}"))
            })),
        row("KEY-028").own(signs(RS384, text(|text| text.replace('\n', "\r\n")))),
        row("KEY-029").own(signs(RS384, text(|text| format!("\u{feff}{text}")))),
        row("KEY-031").own(signs(RS384, text(|text| text.replace('\n', "")))),
        row("KEY-034")
            .own(signs(RS384, || make::rsa().pkcs8()))
            .own(signs(RS384, || make::rsa().pkcs1()))
            .own(signs(ES384, ec_der))
            .own(signs(ES384, || make::p384().sec1())),
        row("KEY-038")
            .own(|| with_mode(0o644, None, 1))
            .own(|| with_mode(0o666, Some("Config"), 0))
            .own(|| with_mode(0o620, Some("Config"), 0))
            .own(by_a_link)
            .elsewhere("lib refuses_a_key_that_others_may_write_and_warns_of_one_they_may_read"),
        row("KEY-041").elsewhere("lib reads_old_or_new_but_never_half_while_the_file_is_replaced"),
        row("KEY-042").own(a_key_that_cannot_be_read_any_more),
    ]
}

fn beside(join: fn(String, String) -> String) -> Vec<u8> {
    let key = make::rsa();
    let certificate = pem("CERTIFICATE", &make::certificate(&key.spki()));
    join(certificate, pem("PRIVATE KEY", &key.pkcs8())).into_bytes()
}

fn in_a_file() -> Lock {
    let known = other();
    let text = known.to_pkcs8_pem().unwrap();
    Lock::new(&known, text.expose().as_bytes(), None)
}

fn with_mode(mode: u32, kind: Option<&str>, requests: usize) {
    use std::os::unix::fs::PermissionsExt as _;
    let lock = in_a_file();
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(lock.folder.path().join("key"), permissions).unwrap();
    let _ = lock.ends(kind, requests);
}

fn by_a_link() {
    let lock = in_a_file();
    let path = lock.folder.path().join("key");
    let target = lock.folder.path().join("target");
    std::fs::rename(&path, &target).unwrap();
    std::os::unix::fs::symlink(&target, &path).unwrap();
    lock.ends(None, 1).unwrap();
}

/// The last good key signs on, whatever became of its file.
fn a_key_that_cannot_be_read_any_more() {
    let lock = in_a_file();
    let (stand, path) = (&lock.stand, lock.folder.path().join("key"));
    let client = lock.client(&stand.env, "key").unwrap();
    let source = Wanted::of(&stand.env, &stand.stage).client(client).build();
    use oauth_core::source::TokenSource as _;
    stand.run(source.token()).unwrap();
    for spoil in [
        (|path| std::fs::remove_file(path).unwrap()) as fn(&std::path::Path),
        |path| write(path, b"garbage"),
        |path| {
            write(
                path,
                base64::engine::general_purpose::STANDARD
                    .encode("x")
                    .as_bytes(),
            )
        },
    ] {
        spoil(&path);
        stand.clock.advance(Duration::from_secs(24 * 3600));
        stand.look(None, 1, source.token()).unwrap();
    }
}
