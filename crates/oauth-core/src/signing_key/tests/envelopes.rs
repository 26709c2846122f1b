//! Files that are refused for their envelope: another program's, public, cut, or encoded once too often.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::make::{self, bits, int, octets, oid, pem, pkcs8_of, seq, tlv};
use super::{options, refused, says};
use crate::signing_key::KeyErrorKind::{
    Ambiguous, Certificate, Encoding, NotPrivate, Unsupported, WrongContainer,
};
use crate::signing_key::{Algorithm, KeyOptions, SigningKey};

const RS384: Option<Algorithm> = Some(Algorithm::RS384);

// KEY-022
#[test]
fn refuses_files_of_other_programs_and_names_them() {
    let pfx = seq(&[
        &int(&[3]),
        &seq(&[&oid("1.2.840.113549.1.7.1"), &tlv(0xa0, &[&octets(&[1])])]),
    ]);
    let p7 = seq(&[&oid("1.2.840.113549.1.7.2"), &tlv(0xa0, &[&seq(&[])])]);
    for (bytes, words) in [
        (pfx.clone(), "PKCS#12"),
        (pem("PKCS12", &pfx).into_bytes(), "PKCS#12"),
        (vec![0x30, 0x80, 2, 1, 3, 0x30, 0x80, 0, 0, 0, 0], "3080"),
        (p7.clone(), "PKCS#7"),
        (pem("PKCS7", &p7).into_bytes(), "PKCS#7"),
        (vec![0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2], "FEEDFEED"),
        (vec![0xce, 0xce, 0xce, 0xce, 0, 0, 0, 2], "CECECECE"),
        (pem("OPENSSH PRIVATE KEY", b"openssh-key-v1\0none").into_bytes(), "ssh-keygen"),
        (b"openssh-key-v1\0none".to_vec(), "ssh-keygen"),
        (b"PuTTY-User-Key-File-3: ssh-rsa\r\nEncryption: none\r\n".to_vec(), "PuTTY"),
        (b"\xef\xbb\xbfPuTTY-User-Key-File-2: ssh-rsa\r\n".to_vec(), "PuTTY"),
        (b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n".to_vec(), "SSH"),
        (b"age-encryption.org/v1\n-> X25519 abc\n".to_vec(), "age -d"),
        (pem("AGE ENCRYPTED FILE", b"age-encryption.org/v1").into_bytes(), "age -d"),
        (b"AGE-SECRET-KEY-1QQQQ\n".to_vec(), "age identity"),
        (b"-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\nAAAA\n-----END PGP PRIVATE KEY BLOCK-----\n".to_vec(), "OpenPGP"),
        (vec![0x1f, 0x8b, 8, 0], "archive"),
        (b"PK\x03\x04\0\0".to_vec(), "archive"),
    ] {
        for asked in [None, RS384] {
            says(&bytes, asked, WrongContainer, words);
        }
    }
}

// KEY-025
#[test]
fn refuses_what_holds_no_private_key() {
    let key = make::rsa();
    let public = seq(&[&int(&key.n), &int(&key.e)]);
    let certificate = make::certificate(&key.spki());
    let request = make::request(&key.spki());
    for bytes in [
        pem("PUBLIC KEY", &key.spki()).into_bytes(),
        pem("RSA PUBLIC KEY", &public).into_bytes(),
        pem("CERTIFICATE", &certificate).into_bytes(),
        pem("CERTIFICATE REQUEST", &request).into_bytes(),
        pem("PRIVATE KEY", &key.spki()).into_bytes(),
        key.spki(),
        public,
        certificate,
        request,
        make::ed25519().spki(),
        b"ssh-rsa AAAAB3NzaC1yc2E= somebody\n".to_vec(),
        b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5= somebody\n".to_vec(),
    ] {
        says(bytes, RS384, NotPrivate, "private key");
    }
}

// KEY-027
#[test]
fn refuses_to_choose_between_two_private_keys() {
    let [one, two] = [make::p256(), make::p256()].map(|key| pem("PRIVATE KEY", &key.pkcs8()));
    says(format!("{one}{two}"), None, Ambiguous, "2 private keys");
    let other = pem("RSA PRIVATE KEY", &make::rsa().pkcs1());
    says(
        format!("{one}{other}"),
        Some(Algorithm::ES256),
        Ambiguous,
        "2 private keys",
    );
}

// KEY-032
#[test]
fn refuses_line_breaks_that_are_two_characters_and_repairs_nothing() {
    let text = pem("PRIVATE KEY", &make::rsa().pkcs8());
    says(text.replace('\n', "\\n"), RS384, Encoding, "`\\n`");
    says(text.replace('\n', "\\r\\n"), RS384, Encoding, "line breaks");
}

// KEY-033
#[test]
fn refuses_what_was_encoded_once_too_often_and_says_how_to_undo_it() {
    let text = pem("PRIVATE KEY", &make::rsa().pkcs8());
    let twice = STANDARD.encode(&text);
    says(&twice, RS384, Encoding, "base64 -d");
    let lines: String = twice
        .as_bytes()
        .chunks(76)
        .map(|line| format!("{}\n", String::from_utf8_lossy(line)))
        .collect();
    says(lines, RS384, Encoding, "base64 -d");
    says(
        STANDARD.encode(make::rsa().pkcs8()),
        RS384,
        Encoding,
        "base64 without BEGIN",
    );
    says(
        STANDARD.encode(make::rsa().jwk().to_string()),
        RS384,
        Encoding,
        "JSON",
    );
    let hexadecimal: String = make::p256()
        .pkcs8()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    says(hexadecimal, None, Encoding, "hexadecimal");
    let utf16: Vec<u8> = format!("\u{feff}{text}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    says(utf16, RS384, Encoding, "UTF-16");
    says("/run/secrets/key.pem", RS384, Encoding, "file:PATH");
    says("key.pem", RS384, Encoding, "file:PATH");
}

// KEY-035
#[test]
fn refuses_a_key_that_is_cut_at_any_byte() {
    for whole in [
        pem("PRIVATE KEY", &make::p256().pkcs8())
            .trim_end()
            .as_bytes()
            .to_vec(),
        make::p256().pkcs8(),
        make::p256().sec1(),
        make::ed25519().pkcs8(),
        make::ed25519().pkcs8_v2(),
        make::p256().jwk().to_string().into_bytes(),
    ] {
        super::accepted(&whole, &options(None));
        for length in 0..whole.len() {
            refused(&whole[..length], &options(None), Encoding);
        }
    }
    let rsa = make::rsa().pkcs8();
    for length in (0..rsa.len()).step_by(7) {
        refused(&rsa[..length], &options(RS384), Encoding);
    }
    refused([rsa.as_slice(), b"\n"].concat(), &options(RS384), Encoding);
}

#[test]
fn never_loads_a_damaged_key_as_another_one() {
    let key = make::p256();
    let whole = key.pkcs8();
    let point = super::accepted(&whole, &options(None)).public_jwk();
    for index in 0..whole.len() {
        for bit in [1, 0x80] {
            let mut damaged = whole.clone();
            damaged[index] ^= bit;
            if let Ok(loaded) = SigningKey::load(&damaged, &options(None)) {
                assert_eq!(loaded.public_jwk(), point, "byte {index}");
            }
        }
    }
}

// KEY-036
#[test]
fn refuses_pem_whose_lines_do_not_fit_together() {
    let text = pem("PRIVATE KEY", &make::rsa().pkcs8());
    let other = pem("RSA PRIVATE KEY", &make::rsa().pkcs1());
    let middle = text.len() / 2;
    for (bad, words) in [
        (text.replace("END PRIVATE", "END RSA PRIVATE"), "ends as"),
        (text.replace("-----END PRIVATE KEY-----", ""), "no END line"),
        (text[..middle].to_owned(), "no END line"),
        (format!("{}{text}", &text[..middle]), "no END line"),
        (text.replace("-----BEGIN", "----BEGIN"), "BEGIN line"),
        (text.replace("-----BEGIN", "\u{2014}-BEGIN"), "BEGIN line"),
        (text.replace("KEY-----\nMI", "KEY---\nMI"), "BEGIN line"),
        (text.replace("BEGIN PRIVATE KEY", "BEGIN "), "BEGIN line"),
        (
            text.replace("BEGIN PRIVATE", "BEGIN RSA PRIVATE")
                .replace("END PRIVATE", "END RSA PRIVATE"),
            "`PRIVATE KEY`",
        ),
        (other.replace("RSA PRIVATE", "PRIVATE"), "`RSA PRIVATE KEY`"),
        (text.replace("\nMI", "\nComment: x\n\nMI"), "headers"),
        (text.replace("\nMI", "\n!!"), "base64"),
        (text.replace("\nMI", "\n\u{200b}MI"), "base64"),
        (text.replace('=', ""), "base64"),
        (pem("PRIVATE KEY", &[]), "DER"),
        (pem("PRIVATE KEY", &[0; 3]), "DER"),
    ] {
        if bad != text {
            says(bad, RS384, Encoding, words);
        }
    }
}

// KEY-021
#[test]
fn refuses_the_old_encryption_of_openssl_and_says_how_to_convert() {
    let body = STANDARD.encode(make::random::<64>());
    for label in ["RSA PRIVATE KEY", "EC PRIVATE KEY"] {
        let text = format!(
            "-----BEGIN {label}-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n{body}\n-----END {label}-----\n"
        );
        says(&text, RS384, Unsupported, "openssl pkcs8 -topk8");
        says(text.replace('\n', "\r\n"), RS384, Unsupported, "Proc-Type");
    }
}

#[test]
fn refuses_nothing_and_garbage() {
    for bytes in [
        &b""[..],
        b" \r\n\t",
        b"\xef\xbb\xbf",
        b"\0",
        b"0",
        b"00",
        b"garbage",
        b"[]",
        b"null",
        b"\"x\"",
        &[0xff; 100],
    ] {
        refused(bytes, &options(RS384), Encoding);
    }
    refused(vec![b'A'; 300 * 1024], &options(RS384), Encoding);
    for _ in 0..2_000 {
        let mut bytes = make::random::<48>();
        bytes[0] = 0x30;
        bytes[1] = 46;
        SigningKey::load(&bytes, &options(RS384)).unwrap_err();
    }
    let dollars = "-----BEGIN PARAMETERS-----\nAAAA\n-----END PARAMETERS-----\n";
    says(dollars, RS384, Encoding, "PARAMETERS");
}

#[test]
fn refuses_a_certificate_of_another_key_or_a_damaged_one() {
    let key = make::p256();
    let other = make::certificate(&make::p256().spki());
    let private = pem("PRIVATE KEY", &key.pkcs8());
    says(
        format!("{}{private}", pem("CERTIFICATE", &other)),
        None,
        Certificate,
        "another key",
    );
    let own = make::certificate(&key.spki());
    for given in [
        other,
        own[..own.len() - 1].to_vec(),
        b"text".to_vec(),
        vec![],
        key.spki(),
        vec![0xff, 0x30],
    ] {
        let options = KeyOptions {
            certificate: Some(given),
            ..options(None)
        };
        refused(&private, &options, Certificate);
    }
    let cut = pem("CERTIFICATE", &own)
        .replace("-----END CERTIFICATE-----", "")
        .into_bytes();
    let options = KeyOptions {
        certificate: Some(cut),
        ..options(None)
    };
    let message = refused(&private, &options, Certificate);
    assert!(message.contains("damaged"), "{message}");
}

#[test]
fn refuses_trailing_bytes_inside_every_envelope() {
    let key = make::p256();
    let algorithm = seq(&[&oid(make::EC), &oid(make::P256)]);
    let inner = [key.sec1_with(&[]).as_slice(), &[5, 0]].concat();
    refused(pkcs8_of(&algorithm, &inner), &options(None), Encoding);
    let public = tlv(0xa1, &[&bits(&key.point), &[5, 0]]);
    let twice = seq(&[
        &int(&[1]),
        &octets(&key.scalar),
        &tlv(0xa0, &[&oid(make::P256)]),
        &public,
    ]);
    refused(twice, &options(None), Encoding);
}
