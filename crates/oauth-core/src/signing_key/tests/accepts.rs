//! Keys that load, in every form and through every accident that does no harm.

use super::make::{self, bits, int, octets, oid, pem, pkcs8_of, seq, tlv};
use super::{accepted, options, refused};
use crate::signing_key::{Algorithm, KeyErrorKind, KeyOptions};

const RS384: Option<Algorithm> = Some(Algorithm::RS384);

// KEY-001, KEY-034: PKCS#8 in PEM, DER
#[test]
fn loads_rsa_in_every_form() {
    let key = make::rsa();
    let thumbprint = accepted(pem("PRIVATE KEY", &key.pkcs8()), &options(RS384))
        .thumbprint()
        .to_owned();
    for bytes in [
        pem("RSA PRIVATE KEY", &key.pkcs1()).into_bytes(),
        key.pkcs8(),
        key.pkcs1(),
        key.jwk().to_string().into_bytes(),
    ] {
        assert_eq!(accepted(bytes, &options(RS384)).thumbprint(), thumbprint);
    }
}

#[test]
fn loads_rsa_of_every_usual_size() {
    use aws_lc_rs::rsa::KeySize;
    for (size, length) in [(KeySize::Rsa3072, 384), (KeySize::Rsa4096, 512)] {
        let key = accepted(make::rsa_of(size).pkcs8(), &options(RS384));
        assert_eq!(key.sign(b"message").unwrap().len(), length);
    }
}

// KEY-009, KEY-010, KEY-034: PKCS#8, SEC1, DER
#[test]
fn loads_ec_in_every_form() {
    for (key, algorithm) in [
        (make::p256(), Algorithm::ES256),
        (make::p384(), Algorithm::ES384),
    ] {
        for bytes in [
            pem("PRIVATE KEY", &key.pkcs8()).into_bytes(),
            pem("EC PRIVATE KEY", &key.sec1()).into_bytes(),
            key.pkcs8(),
            key.sec1(),
            key.jwk().to_string().into_bytes(),
        ] {
            for asked in [None, Some(algorithm)] {
                let loaded = accepted(&bytes, &options(asked));
                assert_eq!(loaded.algorithm(), algorithm);
                assert_eq!(loaded.public_jwk()["x"], key.jwk()["x"]);
            }
        }
    }
}

#[test]
fn loads_ed25519_in_every_form() {
    let key = make::ed25519();
    for bytes in [
        pem("PRIVATE KEY", &key.pkcs8()).into_bytes(),
        key.pkcs8(),
        key.pkcs8_v2(),
        key.jwk().to_string().into_bytes(),
    ] {
        for asked in [None, Some(Algorithm::EdDSA)] {
            let loaded = accepted(&bytes, &options(asked));
            assert_eq!(loaded.public_jwk()["x"], key.jwk()["x"]);
        }
    }
}

// KEY-011
#[test]
fn skips_the_parameters_before_an_ec_key() {
    let key = make::p384();
    let before = pem("EC PARAMETERS", &oid(make::P384));
    let text = format!("{before}{}", pem("EC PRIVATE KEY", &key.sec1()));
    assert_eq!(accepted(text, &options(None)).algorithm(), Algorithm::ES384);
    // A key that leaves them out has its curve from the block, and from nowhere else.
    let bare = pem("EC PRIVATE KEY", &key.sec1_with(&[]));
    assert_eq!(
        accepted(format!("{before}{bare}"), &options(None)).algorithm(),
        Algorithm::ES384
    );
    refused(
        &bare,
        &options(Some(Algorithm::ES384)),
        KeyErrorKind::Invalid,
    );
}

#[test]
fn computes_a_public_point_that_the_file_leaves_out_or_compresses() {
    let key = make::p256();
    let expected = accepted(key.sec1(), &options(None)).thumbprint().to_owned();
    let parameters = tlv(0xa0, &[&oid(make::P256)]);
    let without = seq(&[&int(&[1]), &octets(&key.scalar), &parameters]);
    let mut compressed = key.point[..33].to_vec();
    compressed[0] = 2 + (key.point[64] & 1);
    let point = tlv(0xa1, &[&bits(&compressed)]);
    let compressed = seq(&[&int(&[1]), &octets(&key.scalar), &parameters, &point]);
    for der in [without, compressed] {
        assert_eq!(accepted(der, &options(None)).thumbprint(), expected);
    }
}

#[test]
fn pads_an_ec_scalar_that_lost_its_leading_zeros() {
    let mut scalar = [0; 32];
    scalar[2..].copy_from_slice(&make::random::<30>());
    scalar[2] |= 1;
    for bytes in [&scalar[2..], &scalar, &[&[0][..], &scalar].concat()] {
        let key = seq(&[&int(&[1]), &octets(bytes), &tlv(0xa0, &[&oid(make::P256)])]);
        accepted(key, &options(None));
    }
}

#[test]
fn reads_past_line_ends_marks_and_indentation() {
    let text = pem("PRIVATE KEY", &make::p256().pkcs8());
    for variant in [
        text.replace('\n', "\r\n"), // KEY-028
        text.replace('\n', "\r"),
        format!("\u{feff}{text}"), // KEY-029
        format!("\u{feff}{}", text.replace('\n', "\r\n")),
        text.replace('\n', ""), // KEY-031
        text.replace('\n', " "),
        text.lines().map(|line| format!("    {line}  \n")).collect(),
        format!("\n\n{text}\n\n"),
        text.trim_end().to_owned(),
        format!("Bag Attributes\n    friendlyName: key\nKey Attributes: <No Attributes>\n{text}"),
        format!("\"{}\"", text.trim_end()),
    ] {
        accepted(variant, &options(None));
    }
}

// KEY-024
#[test]
fn takes_the_private_key_among_certificates() {
    let key = make::p256();
    let certificate = make::certificate(&key.spki());
    let authority = make::certificate(&make::p256().spki());
    let private = pem("PRIVATE KEY", &key.pkcs8());
    let thumbprint = crate::signing_key::public::sha256(&certificate);
    let [leaf, authority] = [certificate, authority].map(|der| pem("CERTIFICATE", &der));
    for text in [
        format!("{leaf}{private}"),
        format!("{private}{leaf}"),
        format!("{leaf}{authority}{private}"),
        format!("{authority}{private}{leaf}"),
    ] {
        assert_eq!(
            accepted(text, &options(None)).certificate_thumbprint(),
            Some(thumbprint.as_str())
        );
    }
    assert_eq!(
        accepted(&private, &options(None)).certificate_thumbprint(),
        None
    );
    let public = pem("PUBLIC KEY", &key.spki());
    accepted(format!("{public}{private}"), &options(None));
}

#[test]
fn takes_a_certificate_for_every_sort_of_key() {
    let [rsa, ec, ed] = [
        make::rsa().spki(),
        make::p384().spki(),
        make::ed25519().spki(),
    ];
    let (p384, ed25519) = (make::p384(), make::ed25519());
    for (key, spki, algorithm, others) in [
        (
            make::rsa().pkcs8(),
            make::rsa().spki(),
            Algorithm::PS256,
            [&ec, &ed],
        ),
        (p384.pkcs8(), p384.spki(), Algorithm::ES384, [&rsa, &ec]),
        (
            ed25519.pkcs8(),
            ed25519.spki(),
            Algorithm::EdDSA,
            [&rsa, &ed],
        ),
    ] {
        let der = make::certificate(&spki);
        for given in [der.clone(), pem("CERTIFICATE", &der).into_bytes()] {
            let options = KeyOptions {
                certificate: Some(given),
                ..options(Some(algorithm))
            };
            let loaded = accepted(&key, &options);
            let expected = crate::signing_key::public::sha256(&der);
            assert_eq!(loaded.certificate_thumbprint(), Some(expected.as_str()));
        }
        for other in others {
            let options = KeyOptions {
                certificate: Some(make::certificate(other)),
                ..options(Some(algorithm))
            };
            refused(&key, &options, KeyErrorKind::Certificate);
        }
    }
}

#[test]
fn r032_names_the_key_as_told_or_by_its_thumbprint() {
    let key = make::p256();
    let loaded = accepted(key.pkcs8(), &options(None));
    assert_eq!(loaded.key_id(), loaded.thumbprint());
    let told = KeyOptions {
        key_id: Some("2026-01".into()),
        ..options(None)
    };
    assert_eq!(accepted(key.pkcs8(), &told).key_id(), "2026-01");
    for bad in ["", "a\nb"] {
        let told = KeyOptions {
            key_id: Some(bad.into()),
            ..options(None)
        };
        refused(key.pkcs8(), &told, KeyErrorKind::Invalid);
    }
}

#[test]
fn signs_pss_with_a_key_marked_for_it() {
    let key = make::rsa();
    for algorithm in [Algorithm::PS256, Algorithm::PS384, Algorithm::PS512] {
        accepted(key.pss(&[]), &options(Some(algorithm)));
    }
    let hash = seq(&[&oid(make::SHA256), &[5, 0]]);
    let mask = seq(&[&oid("1.2.840.113549.1.1.8"), &hash]);
    let parameters = seq(&[
        &tlv(0xa0, &[&hash]),
        &tlv(0xa1, &[&mask]),
        &tlv(0xa2, &[&int(&[32])]),
    ]);
    for asked in [None, Some(Algorithm::PS256)] {
        assert_eq!(
            accepted(key.pss(&parameters), &options(asked)).algorithm(),
            Algorithm::PS256
        );
    }
    refused(
        key.pss(&parameters),
        &options(Some(Algorithm::PS512)),
        KeyErrorKind::AlgorithmMismatch,
    );
    refused(
        key.pss(&[]),
        &options(None),
        KeyErrorKind::AlgorithmRequired,
    );
    // SHA-1, which an empty SEQUENCE means, and a salt longer than JWS has.
    refused(
        key.pss(&seq(&[])),
        &options(Some(Algorithm::PS256)),
        KeyErrorKind::Unsupported,
    );
    let salted = seq(&[
        &tlv(0xa0, &[&hash]),
        &tlv(0xa1, &[&mask]),
        &tlv(0xa2, &[&int(&[64])]),
    ]);
    refused(
        key.pss(&salted),
        &options(Some(Algorithm::PS256)),
        KeyErrorKind::Unsupported,
    );
}

#[test]
fn takes_a_small_odd_public_exponent() {
    // Made for e = 3: d follows from the primes, which another key lends where they allow it.
    for _ in 0..200 {
        let key = make::rsa_of(aws_lc_rs::rsa::KeySize::Rsa2048);
        let prime = |bytes: &[u8]| rsa::BoxedUint::from_be_slice_vartime(bytes);
        let Ok(small) =
            rsa::PrivateKey::from_p_q(prime(&key.p), prime(&key.q), rsa::BoxedUint::from(3_u8))
        else {
            continue; // p - 1 or q - 1 is a multiple of 3
        };
        use rsa::pkcs1::EncodeRsaPrivateKey as _;
        accepted(small.to_pkcs1_der().unwrap().as_bytes(), &options(RS384));
        return;
    }
    panic!("no pair of primes allowed e = 3");
}

#[test]
fn takes_attributes_and_a_second_mention_of_the_curve() {
    let key = make::p256();
    let algorithm = seq(&[&oid(make::EC), &oid(make::P256)]);
    accepted(pkcs8_of(&algorithm, &key.sec1()), &options(None));
    let attributes = tlv(
        0xa0,
        &[&seq(&[&oid("2.5.29.15"), &tlv(0x31, &[&bits(&[0x80])])])],
    );
    let with_attributes = seq(&[
        &int(&[0]),
        &algorithm,
        &octets(&key.sec1_with(&[])),
        &attributes,
    ]);
    accepted(with_attributes, &options(None));
    let other = seq(&[&oid(make::EC), &oid(make::P384)]);
    refused(
        pkcs8_of(&other, &key.sec1()),
        &options(None),
        KeyErrorKind::Invalid,
    );
}
