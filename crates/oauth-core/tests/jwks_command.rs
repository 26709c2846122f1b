//! The command `jwks`, as it is called.

#![allow(missing_docs, clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "../examples/jwks.rs"]
mod jwks;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use oauth_core::signing_key::{Algorithm, SigningKey};
use serde_json::Value;

/// Calls the command: what it printed, or its exit code and its one line.
fn call(arguments: &[&str]) -> Result<Value, (u8, String)> {
    let mut out = Vec::new();
    match jwks::run(arguments.iter().map(OsString::from), &mut out) {
        Ok(()) => Ok(serde_json::from_slice(&out).unwrap()),
        Err(failure) => {
            assert!(out.is_empty(), "a failure printed a key set");
            let line = failure.to_string();
            assert!(!line.contains('\n'), "{line}");
            Err((failure.exit_code(), line))
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn kept(folder: &Path, name: &str, algorithm: &str) -> PathBuf {
    let path = folder.join(name);
    call(&["generate", algorithm, text(&path)]).unwrap();
    path
}

#[test]
fn generates_a_key_that_only_its_owner_reads_and_prints_the_public_half() {
    let folder = tempfile::tempdir().unwrap();
    for algorithm in ["ES256", "ES384", "EdDSA", "PS256"] {
        let path = folder.path().join(algorithm);
        let set = call(&["generate", algorithm, text(&path)]).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
        let again = call(&["public", "--alg", algorithm, text(&path)]).unwrap();
        assert_eq!(set, again);
        let key = &set["keys"][0];
        assert_eq!(key["alg"], algorithm);
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert_eq!(key[private], Value::Null);
        }
    }
}

#[test]
fn never_overwrites_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = kept(folder.path(), "key.pem", "ES256");
    let before = fs::read(&path).unwrap();
    let (code, line) = call(&["generate", "ES256", text(&path)]).unwrap_err();
    assert_eq!(code, 1);
    assert!(line.contains("not overwritten"), "{line}");
    assert_eq!(fs::read(&path).unwrap(), before);
    let (code, line) = call(&[
        "generate",
        "ES256",
        text(&folder.path().join("none/key.pem")),
    ])
    .unwrap_err();
    assert!(code == 1 && line.contains("was not written"), "{line}");
}

#[test]
fn prints_several_keys_each_with_its_own_options() {
    let folder = tempfile::tempdir().unwrap();
    let ec = kept(folder.path(), "ec.pem", "ES384");
    let other = kept(folder.path(), "other.pem", "ES256");
    let rsa = folder.path().join("rsa.pem");
    fs::copy(&ec, &rsa).unwrap(); // for its mode
    let key = SigningKey::generate_rsa(Algorithm::RS384, 2048).unwrap();
    fs::write(&rsa, key.to_pkcs8_pem().unwrap().expose()).unwrap();
    let set = call(&[
        "public",
        "--kid",
        "one",
        text(&ec),
        text(&other),
        "--alg",
        "RS384",
        text(&rsa),
    ])
    .unwrap();
    let named = |member: &str| -> Vec<&str> {
        set["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key[member].as_str().unwrap())
            .collect()
    };
    assert_eq!(named("alg"), ["ES384", "ES256", "RS384"]);
    assert_eq!(named("kid")[0], "one");
    assert_eq!(named("kid")[2], key.thumbprint());

    let (code, line) = call(&[
        "public",
        "--kid",
        "one",
        text(&ec),
        "--kid",
        "one",
        text(&other),
    ])
    .unwrap_err();
    assert!(code == 1 && line.contains("`one`"), "{line}");
}

#[test]
fn says_in_one_line_which_file_is_wrong_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let ec = kept(folder.path(), "ec.pem", "ES384");
    let missing = folder.path().join("missing.pem");
    for (arguments, says) in [
        (vec!["public", text(&missing)], "does not exist"),
        (vec!["public", "--alg", "RS384", text(&ec)], "RS384"),
        (vec!["public", text(folder.path())], "folder"),
        (
            vec!["public", "--passphrase", "env:NOT_SET_ANYWHERE", text(&ec)],
            "NOT_SET_ANYWHERE",
        ),
    ] {
        let (code, line) = call(&arguments).unwrap_err();
        assert!(code == 1 && line.contains(says), "{line}");
    }
}

#[test]
fn says_how_it_is_used_when_it_is_called_wrongly() {
    let folder = tempfile::tempdir().unwrap();
    let ec = kept(folder.path(), "ec.pem", "ES384");
    for arguments in [
        &[][..],
        &["help"],
        &["public"],
        &["public", "--alg"],
        &["public", "--alg", "HS256", text(&ec)],
        &["public", "--unknown", "x", text(&ec)],
        &["public", "--passphrase", "hunter2", text(&ec)],
        &["public", text(&ec), "--alg", "ES384"],
        &["generate"],
        &["generate", "ES256"],
        &["generate", "none", "file"],
        &["generate", "ES256", "file", "more"],
    ] {
        let (code, line) = call(arguments).unwrap_err();
        assert!(code == 2 && line.contains("usage: jwks public"), "{line}");
        assert!(!line.contains("hunter2"), "{line}");
    }
}
