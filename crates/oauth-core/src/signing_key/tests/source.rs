//! Keys by reference, and their rotation.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::make::{self, pem};
use super::options;
use crate::secret::{SecretRef, Secrets};
use crate::signing_key::{KeyErrorKind, KeyOptions, KeySource};

/// A folder with one key file that only its owner reads.
struct Place {
    folder: tempfile::TempDir,
    path: PathBuf,
}

impl Place {
    fn with(content: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let place = Self { folder, path };
        place.replace(content);
        place
    }

    /// As a careful rotation does it: a new file under the old name.
    fn replace(&self, content: &str) {
        let next = self.folder.path().join("next");
        write_private(&next, content);
        fs::rename(next, &self.path).unwrap();
    }

    fn source(&self) -> KeySource {
        KeySource::new(SecretRef::file(&self.path), None, options(None))
    }
}

fn write_private(path: &Path, content: &str) {
    fs::write(path, content).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

fn key() -> String {
    pem("PRIVATE KEY", &make::p256().pkcs8())
}

/// What was logged while a piece of code ran.
fn logged<T>(run: impl FnOnce() -> T) -> (T, String) {
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let result = tracing::subscriber::with_default(subscriber, run);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    (result, text)
}

#[test]
fn parses_a_key_once_while_it_stays_the_same() {
    let place = Place::with(&key());
    let source = place.source();
    let first = source.current(&Secrets::default()).unwrap();
    place.replace(&fs::read_to_string(&place.path).unwrap());
    let second = source.current(&Secrets::default()).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
}

#[test]
fn uses_a_rotated_key_at_once_and_under_its_own_kid() {
    let place = Place::with(&key());
    let source = place.source();
    let old = source.current(&Secrets::default()).unwrap();
    place.replace(&key());
    let new = source.current(&Secrets::default()).unwrap();
    assert_ne!(old.key_id(), new.key_id());
    assert_eq!(new.key_id(), new.thumbprint());
    // A request that began with the old key ends with it.
    old.sign(b"message").unwrap();
}

#[test]
fn signs_on_with_the_last_good_key_while_the_new_one_is_half_written() {
    let place = Place::with(&key());
    let source = place.source();
    let old = source.current(&Secrets::default()).unwrap();
    let next = key();
    for length in 0..next.trim_end().len() {
        place.replace(&next[..length]);
        let (now, log) = logged(|| source.current(&Secrets::default()).unwrap());
        assert!(Arc::ptr_eq(&old, &now), "{length}");
        assert!(log.contains("WARN") && log.contains("last good"), "{log}");
        assert!(!log.contains(&next[40..60]), "{log}");
    }
    place.replace(&next);
    let (now, log) = logged(|| source.current(&Secrets::default()).unwrap());
    assert_ne!(old.key_id(), now.key_id());
    assert!(log.contains("INFO") && !log.contains("WARN"), "{log}");
}

// KEY-042
#[test]
fn signs_on_with_the_last_good_key_when_the_file_cannot_be_read() {
    let place = Place::with(&key());
    let source = place.source();
    let old = source.current(&Secrets::default()).unwrap();
    fs::remove_file(&place.path).unwrap();
    for _ in 0..2 {
        let (now, log) = logged(|| source.current(&Secrets::default()).unwrap());
        assert!(Arc::ptr_eq(&old, &now));
        assert!(log.contains("does not exist"), "{log}");
    }
    place.replace(&key());
    assert_ne!(
        source.current(&Secrets::default()).unwrap().key_id(),
        old.key_id()
    );
}

#[test]
fn fails_only_when_no_key_was_ever_loaded() {
    let place = Place::with("garbage");
    let source = place.source();
    for _ in 0..2 {
        let fault = source.current(&Secrets::default()).unwrap_err();
        assert_eq!(fault.kind(), KeyErrorKind::Encoding);
    }
    place.replace(&key());
    source.current(&Secrets::default()).unwrap();
    let nowhere = KeySource::new(
        SecretRef::file(place.folder.path().join("none")),
        None,
        options(None),
    );
    let fault = nowhere.current(&Secrets::default()).unwrap_err();
    assert_eq!(fault.kind(), KeyErrorKind::Unreadable);
    assert!(fault.to_string().contains("does not exist"), "{fault}");
}

// KEY-041
#[test]
fn reads_old_or_new_but_never_half_while_the_file_is_replaced() {
    let [one, two] = [key(), key()];
    let place = Place::with(&one);
    let kids = [&one, &two].map(|text| {
        place.replace(text);
        place
            .source()
            .current(&Secrets::default())
            .unwrap()
            .key_id()
            .to_owned()
    });
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..300 {
                place.replace(if round % 2 == 0 { &one } else { &two });
            }
            done.store(true, Ordering::Release);
        });
        loop {
            let last = done.load(Ordering::Acquire);
            // A new source each time has no earlier key to hide behind.
            let key = place.source().current(&Secrets::default()).unwrap();
            assert!(kids.iter().any(|kid| kid == key.key_id()));
            if last {
                break;
            }
        }
    });
}

#[test]
fn reads_the_passphrase_with_the_key_and_rotates_both() {
    use pkcs8::der::Encode as _;
    use pkcs8::pkcs5::pbes2::Parameters;
    let encrypted = |passphrase: &str| {
        let parameters = Parameters::generate_pbkdf2_sha256_aes256cbc(
            2048,
            &make::random::<16>(),
            make::random(),
        )
        .unwrap();
        let data = parameters
            .encrypt(passphrase, &make::p256().pkcs8())
            .unwrap();
        let scheme = pkcs8::pkcs5::EncryptionScheme::from(parameters)
            .to_der()
            .unwrap();
        pem(
            "ENCRYPTED PRIVATE KEY",
            &make::seq(&[&scheme, &make::octets(&data)]),
        )
    };
    let place = Place::with(&encrypted("one"));
    let words = place.folder.path().join("passphrase");
    write_private(&words, "one\n");
    let source = KeySource::new(
        SecretRef::file(&place.path),
        Some(SecretRef::file(&words)),
        options(None),
    );
    let old = source.current(&Secrets::default()).unwrap();
    place.replace(&encrypted("two"));
    assert!(Arc::ptr_eq(
        &old,
        &source.current(&Secrets::default()).unwrap()
    ));
    write_private(&words, "two\n");
    assert_ne!(
        source.current(&Secrets::default()).unwrap().key_id(),
        old.key_id()
    );
}

#[test]
fn waits_for_the_certificate_of_a_rotated_key() {
    let [one, two] = [make::p256(), make::p256()];
    let certificate = |key: &make::Ec| pem("CERTIFICATE", &make::certificate(&key.spki()));
    let place = Place::with(&pem("PRIVATE KEY", &one.pkcs8()));
    let beside = place.folder.path().join("certificate.pem");
    write_private(&beside, &certificate(&one));
    let source = place.source().with_certificate(SecretRef::file(&beside));
    let old = source.current(&Secrets::default()).unwrap();
    place.replace(&pem("PRIVATE KEY", &two.pkcs8()));
    assert!(Arc::ptr_eq(
        &old,
        &source.current(&Secrets::default()).unwrap()
    ));
    write_private(&beside, &certificate(&two));
    let new = source.current(&Secrets::default()).unwrap();
    assert_ne!(new.key_id(), old.key_id());
    assert_ne!(new.certificate_thumbprint(), old.certificate_thumbprint());
}

#[test]
fn prints_where_a_key_is_and_nothing_of_it() {
    let place = Place::with(&key());
    let source = KeySource::new(
        SecretRef::file(&place.path),
        None,
        KeyOptions {
            key_id: Some("hidden".into()),
            ..options(None)
        },
    );
    source.current(&Secrets::default()).unwrap();
    let printed = format!("{source:?}");
    assert!(
        printed.contains("key.pem") && !printed.contains("BEGIN"),
        "{printed}"
    );
}

// KEY-038: mode and link; the owner is judged at `crate::files`
#[cfg(unix)]
#[test]
fn refuses_a_key_that_others_may_write_and_warns_of_one_they_may_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let strict = Secrets {
        strict_permissions: true,
        ..Secrets::default()
    };
    let place = Place::with(&key());
    let chmod = |mode| fs::set_permissions(&place.path, fs::Permissions::from_mode(mode)).unwrap();
    for mode in [0o620, 0o602, 0o666] {
        chmod(mode);
        let fault = place.source().current(&Secrets::default()).unwrap_err();
        assert_eq!(fault.kind(), KeyErrorKind::Unreadable);
        assert!(fault.to_string().contains("chmod go-w"), "{fault}");
    }
    chmod(0o644);
    let (loaded, log) = logged(|| place.source().current(&Secrets::default()));
    loaded.unwrap();
    assert!(
        log.contains("WARN") && log.contains("may be read by others"),
        "{log}"
    );
    let (again, log) = logged(|| place.source().current(&Secrets::default()));
    again.unwrap();
    assert!(!log.contains("WARN"), "said once: {log}");
    assert_eq!(
        place.source().current(&strict).unwrap_err().kind(),
        KeyErrorKind::Unreadable
    );
    chmod(0o600);
    place.source().current(&strict).unwrap();

    let link = place.folder.path().join("link");
    std::os::unix::fs::symlink(&place.path, &link).unwrap();
    let linked = KeySource::new(SecretRef::file(&link), None, options(None));
    let (loaded, log) = logged(|| linked.current(&Secrets::default()));
    loaded.unwrap();
    assert!(
        log.contains("WARN") && log.contains("symbolic link"),
        "{log}"
    );
    let linked = KeySource::new(SecretRef::file(&link), None, options(None));
    linked.current(&strict).unwrap_err();
}
