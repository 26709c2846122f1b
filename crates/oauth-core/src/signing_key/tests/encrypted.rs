//! Encrypted PKCS#8.

use pkcs8::der::{Decode as _, Encode as _};
use pkcs8::pkcs5::pbes2::{
    EncryptionScheme, Kdf, Parameters, Pbkdf2Params, Pbkdf2Prf, Salt, ScryptParams,
};

use super::make::{self, int, octets, oid, pem, seq, tlv};
use super::{accepted, options, refused, with_passphrase};
use crate::signing_key::KeyErrorKind::{Encoding, NeedsPassphrase, Unsupported, WrongPassphrase};

const PASSPHRASE: &str = "correct horse";

fn pbkdf2(prf: Pbkdf2Prf) -> Kdf {
    let mut parameters = Pbkdf2Params::hmac_sha256(2048, &make::random::<16>()).unwrap();
    parameters.prf = prf;
    parameters.into()
}

fn scrypt() -> Kdf {
    ScryptParams {
        salt: Salt::new(make::random::<16>()).unwrap(),
        cost_parameter: 1024,
        block_size: 8,
        parallelization: 1,
        key_length: None,
    }
    .into()
}

fn encrypt(kdf: Kdf, encryption: EncryptionScheme, der: &[u8]) -> Vec<u8> {
    let parameters = Parameters { kdf, encryption };
    let data = parameters.encrypt(PASSPHRASE, der).unwrap();
    let scheme = pkcs8::pkcs5::EncryptionScheme::from(parameters)
        .to_der()
        .unwrap();
    seq(&[&scheme, &octets(&data)])
}

fn aes(kdf: Kdf) -> Vec<u8> {
    encrypt(
        kdf,
        EncryptionScheme::Aes256Cbc { iv: make::random() },
        &make::p256().pkcs8(),
    )
}

#[test]
fn decrypts_what_openssl_writes_now_and_wrote_before() {
    let key = make::p256();
    let thumbprint = accepted(key.pkcs8(), &options(None))
        .thumbprint()
        .to_owned();
    let ciphers = [
        EncryptionScheme::Aes128Cbc { iv: make::random() },
        EncryptionScheme::Aes192Cbc { iv: make::random() },
        EncryptionScheme::Aes256Cbc { iv: make::random() },
        EncryptionScheme::DesEde3Cbc { iv: make::random() },
        EncryptionScheme::Aes256Gcm {
            nonce: make::random(),
        },
    ];
    let derivations = [
        pbkdf2(Pbkdf2Prf::HmacWithSha1),
        pbkdf2(Pbkdf2Prf::HmacWithSha256),
        pbkdf2(Pbkdf2Prf::HmacWithSha512),
        scrypt(),
    ];
    for cipher in ciphers {
        for kdf in derivations.clone() {
            let der = encrypt(kdf, cipher, &key.pkcs8());
            let options = with_passphrase(None, PASSPHRASE);
            assert_eq!(accepted(&der, &options).thumbprint(), thumbprint);
            assert_eq!(
                accepted(pem("ENCRYPTED PRIVATE KEY", &der), &options).thumbprint(),
                thumbprint
            );
        }
    }
}

#[test]
fn ignores_a_passphrase_that_is_not_needed() {
    accepted(make::p256().pkcs8(), &with_passphrase(None, PASSPHRASE));
}

// KEY-018
#[test]
fn asks_for_the_passphrase() {
    let der = aes(scrypt());
    for bytes in [der.clone(), pem("ENCRYPTED PRIVATE KEY", &der).into_bytes()] {
        let message = refused(bytes, &options(None), NeedsPassphrase);
        assert!(message.contains("passphrase"), "{message}");
    }
}

// KEY-019
#[test]
fn refuses_every_wrong_passphrase_in_the_same_words() {
    let der = aes(pbkdf2(Pbkdf2Prf::HmacWithSha256));
    let mut messages = std::collections::BTreeSet::new();
    // Among 2,000 guesses about eight leave a padding that looks right.
    for guess in 0..2_000 {
        messages.insert(refused(
            &der,
            &with_passphrase(None, &format!("guess {guess}")),
            WrongPassphrase,
        ));
    }
    for guess in ["", "correct horse ", "Correct horse"] {
        messages.insert(refused(
            &der,
            &with_passphrase(None, guess),
            WrongPassphrase,
        ));
    }
    assert_eq!(messages.len(), 1, "{messages:?}");
}

#[test]
fn refuses_a_passphrase_for_what_is_no_key_inside() {
    let inside = encrypt(
        scrypt(),
        EncryptionScheme::Aes256Cbc { iv: make::random() },
        b"not a key",
    );
    refused(inside, &with_passphrase(None, PASSPHRASE), WrongPassphrase);
}

#[test]
fn refuses_old_schemes_and_says_how_to_convert() {
    let parameters = seq(&[&octets(&[7; 8]), &int(&[8, 0])]);
    for scheme in [
        "1.2.840.113549.1.5.3",
        "1.2.840.113549.1.5.10",
        "1.2.840.113549.1.12.1.3",
        "1.2.840.113549.1.12.1.6",
    ] {
        let der = seq(&[&seq(&[&oid(scheme), &parameters]), &octets(&[7; 64])]);
        for options in [options(None), with_passphrase(None, PASSPHRASE)] {
            let message = refused(&der, &options, Unsupported);
            assert!(
                message.contains("openssl pkcs8") && message.contains(scheme),
                "{message}"
            );
        }
    }
}

/// PBES2 around a key derivation and a cipher, both as DER.
fn pbes2(kdf: &[u8], cipher: &[u8]) -> Vec<u8> {
    let scheme = seq(&[&oid("1.2.840.113549.1.5.13"), &seq(&[kdf, cipher])]);
    seq(&[&scheme, &octets(&[7; 64])])
}

#[test]
fn refuses_ciphers_and_derivations_it_does_not_know() {
    let sound = seq(&[
        &oid("1.2.840.113549.1.5.12"),
        &seq(&[&octets(&[7; 16]), &int(&[8, 0])]),
    ]);
    let aes = seq(&[&oid("2.16.840.1.101.3.4.1.42"), &octets(&[7; 16])]);
    let md5 = seq(&[
        &octets(&[7; 16]),
        &int(&[8, 0]),
        &seq(&[&oid("1.2.840.113549.2.6"), &[5, 0]]),
    ]);
    let salt = seq(&[&octets(&[7; 33]), &int(&[8, 0])]);
    for (kdf, cipher) in [
        (
            sound.clone(),
            seq(&[&oid("1.2.840.113549.3.2"), &octets(&[7; 8])]),
        ),
        (
            sound.clone(),
            seq(&[&oid("2.16.840.1.101.3.4.1.42"), &octets(&[7; 15])]),
        ),
        (seq(&[&oid("1.2.840.113549.1.5.12"), &md5]), aes.clone()),
        (seq(&[&oid("1.2.840.113549.1.5.12"), &salt]), aes.clone()),
        (seq(&[&oid("1.2.3.4"), &seq(&[])]), aes),
    ] {
        refused(
            pbes2(&kdf, &cipher),
            &with_passphrase(None, PASSPHRASE),
            Unsupported,
        );
    }
}

#[test]
fn refuses_a_file_made_to_keep_the_process_busy() {
    let aes = seq(&[&oid("2.16.840.1.101.3.4.1.42"), &octets(&[7; 16])]);
    let pbkdf2 = |rounds: &[u8]| {
        seq(&[
            &oid("1.2.840.113549.1.5.12"),
            &seq(&[&octets(&[7; 16]), &int(rounds)]),
        ])
    };
    let scrypt = |n: &[u8], r: &[u8], p: &[u8]| {
        seq(&[
            &oid("1.3.6.1.4.1.11591.4.11"),
            &seq(&[&octets(&[7; 16]), &int(n), &int(r), &int(p)]),
        ])
    };
    for kdf in [
        pbkdf2(&[0]),
        pbkdf2(&[0x7f, 0xff, 0xff, 0xff]),
        pbkdf2(&[0xff, 0xff, 0xff, 0xff]),
        pbkdf2(&[1, 0xff, 0xff, 0xff, 0xff]),
        pbkdf2(&[0x00, 0x98, 0x96, 0x81]),
        scrypt(&[0], &[8], &[1]),
        scrypt(&[1], &[8], &[1]),
        scrypt(&[3], &[8], &[1]),
        scrypt(&[1, 0, 0], &[0], &[1]),
        scrypt(&[1, 0, 0], &[8], &[0]),
        scrypt(&[1, 0, 0], &[8], &[17]),
        scrypt(&[8, 0, 0], &[8], &[1]),
        scrypt(&[0x80, 0, 0, 0, 0, 0, 0, 0], &[8], &[1]),
        scrypt(&[1, 0, 0], &[0xff, 0xff], &[1]),
    ] {
        refused(
            pbes2(&kdf, &aes),
            &with_passphrase(None, PASSPHRASE),
            Unsupported,
        );
    }
}

#[test]
fn refuses_an_encrypted_key_that_is_damaged() {
    let der = aes(pbkdf2(Pbkdf2Prf::HmacWithSha256));
    let text = pem("ENCRYPTED PRIVATE KEY", &der);
    for bytes in [&der[..der.len() - 1], &text.as_bytes()[..text.len() / 2]] {
        refused(bytes, &with_passphrase(None, PASSPHRASE), Encoding);
    }
    // Half a block of ciphertext, and none: nothing tells them from a wrong passphrase.
    let parsed = pkcs8::EncryptedPrivateKeyInfoRef::from_der(&der).unwrap();
    let scheme = parsed.encryption_algorithm.to_der().unwrap();
    for data in [&[7; 8][..], &[]] {
        refused(
            seq(&[&scheme, &octets(data)]),
            &with_passphrase(None, PASSPHRASE),
            WrongPassphrase,
        );
    }
    let no_scheme = seq(&[&tlv(0x30, &[&int(&[1])]), &octets(&[7; 16])]);
    refused(no_scheme, &with_passphrase(None, PASSPHRASE), Encoding);
}
