//! Keys that are refused for what they are.

use super::make::{self, int, octets, oid, pem, pkcs8_of, seq, tlv};
use super::{options, refused, says};
use crate::signing_key::Algorithm;
use crate::signing_key::KeyErrorKind::{
    AlgorithmMismatch, AlgorithmRequired, Encoding, Invalid, Size, Unsupported,
};

const RS384: Option<Algorithm> = Some(Algorithm::RS384);

// KEY-004
#[test]
fn r035_refuses_rsa_that_is_too_short_or_too_long() {
    let key = make::rsa();
    let mut short = key.clone();
    short.n[0] = 0x40 | (short.n[0] & 0x3f);
    says(short.pkcs8(), RS384, Size, "2047 bits");
    for (bytes, bits) in [
        (128, "1024 bits"),
        (2048, "16384 bits"),
        (1025, "8200 bits"),
    ] {
        let sized = make::Rsa {
            n: vec![0xff; bytes],
            ..key.clone()
        };
        says(sized.pkcs1(), RS384, Size, bits);
        says(sized.jwk().to_string(), RS384, Size, bits);
    }
    says(
        make::Rsa { n: vec![0], ..key }.pkcs1(),
        RS384,
        Size,
        "0 bits",
    );
}

// KEY-005
#[test]
fn refuses_rsa_whose_numbers_make_no_key() {
    let key = make::rsa();
    let other = make::rsa_of(aws_lc_rs::rsa::KeySize::Rsa2048);
    let bad = |change: &dyn Fn(&mut make::Rsa)| {
        let mut changed = key.clone();
        change(&mut changed);
        refused(changed.pkcs8(), &options(RS384), Invalid);
        refused(changed.pkcs1(), &options(RS384), Invalid);
        refused(changed.jwk().to_string(), &options(RS384), Invalid);
    };
    bad(&|key| key.e = vec![1]);
    bad(&|key| key.e = vec![0]);
    bad(&|key| key.e = vec![1, 0, 0]);
    bad(&|key| key.e = vec![3]);
    bad(&|key| key.e = vec![0xff; 9]);
    bad(&|key| key.n.clone_from(&other.n));
    bad(&|key| key.q.clone_from(&key.p));
    bad(&|key| key.q.clone_from(&other.q));
    bad(&|key| key.d.clone_from(&other.d));
    bad(&|key| key.dp.clone_from(&key.dq));
    bad(&|key| key.qi = vec![1]);
    bad(&|key| key.d = vec![0]);
    bad(&|key| key.p = vec![1]);
    bad(&|key| (key.p, key.q) = (vec![1], key.n.clone()));
    let last = key.n.len() - 1;
    bad(&|key| key.n[last] ^= 1);
}

#[test]
fn refuses_rsa_of_more_than_two_primes() {
    let key = make::rsa();
    let two = key.pkcs1();
    let numbers = &two[7..];
    let multi = seq(&[
        &int(&[1]),
        numbers,
        &seq(&[&seq(&[&int(&[3]), &int(&[3]), &int(&[3])])]),
    ]);
    says(&multi, RS384, Unsupported, "two primes");
    says(
        pkcs8_of(&seq(&[&oid(make::RSA), &[5, 0]]), &multi),
        RS384,
        Unsupported,
        "two primes",
    );
}

#[test]
fn refuses_an_rsa_key_without_an_algorithm() {
    says(make::rsa().pkcs8(), None, AlgorithmRequired, "RS384");
    says(
        make::rsa().jwk().to_string(),
        None,
        AlgorithmRequired,
        "RS384",
    );
}

#[test]
fn r036_refuses_an_algorithm_the_key_is_not_for() {
    let [rsa, p256, p384, ed] = [
        make::rsa().pkcs8(),
        make::p256().pkcs8(),
        make::p384().sec1(),
        make::ed25519().pkcs8(),
    ];
    for (key, algorithm, words) in [
        (&rsa, Algorithm::ES256, "an RSA key"),
        (&rsa, Algorithm::EdDSA, "an RSA key"),
        (&p256, Algorithm::ES384, "P-256"),
        (&p384, Algorithm::ES256, "P-384"),
        (&p256, Algorithm::RS256, "P-256"),
        (&p384, Algorithm::EdDSA, "P-384"),
        (&ed, Algorithm::RS384, "Ed25519"), // KEY-016
        (&ed, Algorithm::ES256, "Ed25519"),
    ] {
        says(key, Some(algorithm), AlgorithmMismatch, words);
    }
}

// KEY-008
#[test]
fn refuses_a_pss_key_for_pkcs1_signatures_and_names_its_oid() {
    for algorithm in [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512] {
        says(
            make::rsa().pss(&[]),
            Some(algorithm),
            AlgorithmMismatch,
            "1.2.840.113549.1.1.10",
        );
    }
}

// KEY-013
#[test]
fn r035_refuses_other_curves() {
    let key = make::p256();
    for (curve, name) in [
        ("1.3.132.0.35", "P-521"),
        ("1.3.132.0.33", "P-224"),
        ("1.2.840.10045.3.1.1", "P-192"),
        ("1.3.132.0.10", "secp256k1"),
        ("1.3.36.3.3.2.8.1.1.7", "brainpool"),
        ("1.3.36.3.3.2.8.1.1.11", "brainpool"),
        ("1.2.156.10197.1.301", "SM2"),
        ("1.2.3.4", "1.2.3.4"),
    ] {
        for asked in [None, Some(Algorithm::ES384)] {
            says(key.sec1_with(&oid(curve)), asked, AlgorithmMismatch, name);
            let der = pkcs8_of(&seq(&[&oid(make::EC), &oid(curve)]), &key.sec1_with(&[]));
            says(der, asked, AlgorithmMismatch, name);
        }
    }
}

// KEY-014
#[test]
fn refuses_a_curve_that_is_spelled_out() {
    let key = make::p256();
    let field = seq(&[&oid("1.2.840.10045.1.1"), &int(&[0xff; 32])]);
    let curve = seq(&[&octets(&[0; 32]), &octets(&[7; 32])]);
    let explicit = seq(&[
        &int(&[1]),
        &field,
        &curve,
        &octets(&key.point),
        &int(&[0xff; 32]),
    ]);
    let implicit: &[u8] = &[5, 0];
    for (parameters, words) in [
        (explicit.as_slice(), "spells out"),
        (implicit, "names no curve"),
    ] {
        says(key.sec1_with(parameters), None, Unsupported, words);
        let der = pkcs8_of(&seq(&[&oid(make::EC), parameters]), &key.sec1_with(&[]));
        says(der, Some(Algorithm::ES256), Unsupported, words);
    }
    says(
        pkcs8_of(&seq(&[&oid(make::EC)]), &key.sec1_with(&[])),
        None,
        Invalid,
        "names no curve",
    );
}

// KEY-015
#[test]
fn refuses_a_scalar_or_a_point_that_is_not_of_the_curve() {
    let order = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let bare = |scalar: &[u8]| seq(&[&int(&[1]), &octets(scalar), &tlv(0xa0, &[&oid(make::P256)])]);
    for scalar in [
        &[][..],
        &[0],
        &[0; 32],
        &order,
        &[0xff; 32],
        &[1; 33],
        &[1; 48],
    ] {
        refused(bare(scalar), &options(None), Invalid);
    }
    let mut below = order;
    below[31] -= 1;
    super::accepted(bare(&below), &options(None));

    let key = make::p256();
    let mut off = key.point.clone();
    off[64] ^= 1;
    let hybrid = [&[6 + (key.point[64] & 1)], &key.point[1..]].concat();
    let flipped = [&[2 + (1 - (key.point[64] & 1))], &key.point[1..33]].concat();
    for point in [
        make::p256().point,
        off,
        hybrid,
        flipped,
        vec![0],
        vec![],
        vec![4; 65],
        vec![2],
    ] {
        let wrong = make::Ec {
            point,
            scalar: key.scalar.clone(),
            ..key
        };
        refused(wrong.sec1(), &options(None), Invalid);
        refused(wrong.pkcs8(), &options(None), Invalid);
    }
}

#[test]
fn refuses_an_ed25519_key_whose_halves_differ() {
    let mixed = make::Ed {
        public: make::ed25519().public,
        ..make::ed25519()
    };
    refused(mixed.pkcs8_v2(), &options(None), Invalid);
    refused(mixed.jwk().to_string(), &options(None), Invalid);
    let short = make::Ed {
        seed: vec![1; 31],
        ..make::ed25519()
    };
    refused(short.pkcs8(), &options(None), Encoding);
}

// KEY-017
#[test]
fn refuses_keys_of_other_kinds() {
    let dsa = [
        &int(&[0])[..],
        &int(&[7]),
        &int(&[7]),
        &int(&[7]),
        &int(&[7]),
        &int(&[7]),
    ]
    .concat();
    says(seq(&[&dsa]), None, Unsupported, "DSA");
    says(
        pem("DSA PRIVATE KEY", &seq(&[&dsa])),
        RS384,
        Unsupported,
        "DSA",
    );
    for (kind, words) in [
        ("1.2.840.10040.4.1", "DSA"),
        ("1.2.840.113549.1.3.1", "Diffie-Hellman"),
        ("1.2.840.10046.2.1", "Diffie-Hellman"),
        ("1.3.101.110", "X25519"),
        ("1.3.101.111", "X448"),
        ("1.3.101.113", "Ed448"),
        ("1.2.840.113549.1.1.7", "id-RSAES-OAEP"),
        ("2.16.840.1.101.3.4.3.18", "post-quantum"),
        ("1.2.3.4", "1.2.3.4"),
    ] {
        for asked in [None, RS384] {
            let der = pkcs8_of(&seq(&[&oid(kind)]), &octets(&[7; 32]));
            says(&der, asked, Unsupported, words);
            says(pem("PRIVATE KEY", &der), asked, Unsupported, words);
        }
    }
    says(
        pem("TSS2 PRIVATE KEY", &seq(&[])),
        None,
        Unsupported,
        "TSS2",
    );
    let version_5 = seq(&[
        &int(&[5]),
        &seq(&[&oid(make::ED25519)]),
        &octets(&octets(&[7; 32])),
    ]);
    says(version_5, None, Unsupported, "version");
}

#[test]
fn a_line_of_a_key_in_the_place_of_a_name_is_not_shown() {
    let line = "A1b2".repeat(10);
    let pem = format!("-----BEGIN {line}-----\nMAA=\n-----END {line}-----\n");
    refused(pem, &options(None), Encoding);
    for (member, kind) in [
        ("kty", Unsupported),
        ("crv", AlgorithmMismatch),
        ("alg", AlgorithmMismatch),
    ] {
        let mut jwk = make::p256().jwk();
        jwk[member] = line.as_str().into();
        refused(jwk.to_string(), &options(None), kind);
    }
}
