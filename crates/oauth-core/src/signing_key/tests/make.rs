//! Keys made for the tests, in every form and in many wrong ones. None is kept.

use std::sync::OnceLock;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use p256::elliptic_curve::sec1::ToSec1Point as _;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};
use serde_json::{Value, json};

pub const RSA: &str = "1.2.840.113549.1.1.1";
pub const PSS: &str = "1.2.840.113549.1.1.10";
pub const EC: &str = "1.2.840.10045.2.1";
pub const P256: &str = "1.2.840.10045.3.1.7";
pub const P384: &str = "1.3.132.0.34";
pub const ED25519: &str = "1.3.101.112";
pub const SHA256: &str = "2.16.840.1.101.3.4.2.1";

// DER

pub fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut der = vec![tag];
    match content.len() {
        short @ 0..0x80 => der.push(short as u8),
        middle @ 0x80..0x100 => der.extend([0x81, middle as u8]),
        long => der.extend([0x82, (long >> 8) as u8, long as u8]),
    }
    der.extend(content);
    der
}

pub fn seq(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, parts)
}

pub fn octets(bytes: &[u8]) -> Vec<u8> {
    tlv(4, &[bytes])
}

pub fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(3, &[&[0], bytes])
}

pub fn int(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes
        .iter()
        .take_while(|byte| **byte == 0)
        .count()
        .min(bytes.len() - 1);
    let bytes = &bytes[zeros..];
    let sign: &[u8] = if bytes[0] & 0x80 != 0 { &[0] } else { &[] };
    tlv(2, &[sign, bytes])
}

pub fn oid(dotted: &str) -> Vec<u8> {
    tlv(
        6,
        &[pkcs8::ObjectIdentifier::new(dotted).unwrap().as_bytes()],
    )
}

pub fn pkcs8_of(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    seq(&[&int(&[0]), algorithm, &octets(key)])
}

// text

pub fn pem(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let lines: Vec<&str> = base64
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    bytes
}

// keys

#[derive(Clone)]
pub struct Rsa {
    pub n: Vec<u8>,
    pub e: Vec<u8>,
    pub d: Vec<u8>,
    pub p: Vec<u8>,
    pub q: Vec<u8>,
    pub dp: Vec<u8>,
    pub dq: Vec<u8>,
    pub qi: Vec<u8>,
}

/// One RSA key of 2048 bits for the whole run.
pub fn rsa() -> Rsa {
    static KEY: OnceLock<Rsa> = OnceLock::new();
    KEY.get_or_init(|| rsa_of(KeySize::Rsa2048)).clone()
}

pub fn rsa_of(size: KeySize) -> Rsa {
    let pair = KeyPair::generate(size).unwrap();
    let key = rsa::PrivateKey::from_pkcs8_der(pair.as_der().unwrap().as_ref()).unwrap();
    let bytes = |number: &rsa::BoxedUint| number.to_be_bytes_trimmed_vartime().to_vec();
    Rsa {
        n: bytes(key.n()),
        e: bytes(key.e()),
        d: bytes(key.d()),
        p: bytes(&key.primes()[0]),
        q: bytes(&key.primes()[1]),
        dp: bytes(key.dp().unwrap()),
        dq: bytes(key.dq().unwrap()),
        qi: bytes(&key.crt_coefficient().unwrap()),
    }
}

impl Rsa {
    pub fn pkcs1(&self) -> Vec<u8> {
        let numbers = [
            &self.n, &self.e, &self.d, &self.p, &self.q, &self.dp, &self.dq, &self.qi,
        ];
        let numbers: Vec<u8> = numbers.into_iter().flat_map(|number| int(number)).collect();
        seq(&[&int(&[0]), &numbers])
    }

    pub fn pkcs8(&self) -> Vec<u8> {
        pkcs8_of(&seq(&[&oid(RSA), &[5, 0]]), &self.pkcs1())
    }

    /// As `pkcs8`, but marked for RSASSA-PSS.
    pub fn pss(&self, parameters: &[u8]) -> Vec<u8> {
        pkcs8_of(&seq(&[&oid(PSS), parameters]), &self.pkcs1())
    }

    pub fn spki(&self) -> Vec<u8> {
        let key = seq(&[&int(&self.n), &int(&self.e)]);
        seq(&[&seq(&[&oid(RSA), &[5, 0]]), &bits(&key)])
    }

    pub fn jwk(&self) -> Value {
        json!({
            "kty": "RSA", "n": base64url(&self.n), "e": base64url(&self.e), "d": base64url(&self.d),
            "p": base64url(&self.p), "q": base64url(&self.q), "dp": base64url(&self.dp),
            "dq": base64url(&self.dq), "qi": base64url(&self.qi),
        })
    }
}

pub struct Ec {
    pub curve: &'static str,
    pub scalar: Vec<u8>,
    pub point: Vec<u8>,
}

pub fn p256() -> Ec {
    let mut scalar = random::<32>();
    scalar[0] = 0x7f;
    let point = p256::SecretKey::from_slice(&scalar).unwrap().public_key();
    Ec {
        curve: P256,
        scalar: scalar.to_vec(),
        point: point.to_sec1_point(false).as_bytes().to_vec(),
    }
}

pub fn p384() -> Ec {
    let mut scalar = random::<48>();
    scalar[0] = 0x7f;
    let point = p384::SecretKey::from_slice(&scalar).unwrap().public_key();
    Ec {
        curve: P384,
        scalar: scalar.to_vec(),
        point: point.to_sec1_point(false).as_bytes().to_vec(),
    }
}

impl Ec {
    /// ECPrivateKey, with the parameters given as DER and with the point.
    pub fn sec1_with(&self, parameters: &[u8]) -> Vec<u8> {
        let parameters = if parameters.is_empty() {
            vec![]
        } else {
            tlv(0xa0, &[parameters])
        };
        seq(&[
            &int(&[1]),
            &octets(&self.scalar),
            &parameters,
            &tlv(0xa1, &[&bits(&self.point)]),
        ])
    }

    pub fn sec1(&self) -> Vec<u8> {
        self.sec1_with(&oid(self.curve))
    }

    pub fn pkcs8(&self) -> Vec<u8> {
        pkcs8_of(&seq(&[&oid(EC), &oid(self.curve)]), &self.sec1_with(&[]))
    }

    pub fn spki(&self) -> Vec<u8> {
        seq(&[&seq(&[&oid(EC), &oid(self.curve)]), &bits(&self.point)])
    }

    pub fn jwk(&self) -> Value {
        let (x, y) = self.point[1..].split_at(self.scalar.len());
        let curve = if self.curve == P256 { "P-256" } else { "P-384" };
        json!({"kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y), "d": base64url(&self.scalar)})
    }
}

pub struct Ed {
    pub seed: Vec<u8>,
    pub public: Vec<u8>,
}

pub fn ed25519() -> Ed {
    let seed = random::<32>();
    let public = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key();
    Ed {
        seed: seed.to_vec(),
        public: public.to_bytes().to_vec(),
    }
}

impl Ed {
    pub fn pkcs8(&self) -> Vec<u8> {
        pkcs8_of(&seq(&[&oid(ED25519)]), &octets(&self.seed))
    }

    /// Version 2, with the public key (RFC 8410 10.3).
    pub fn pkcs8_v2(&self) -> Vec<u8> {
        let public = tlv(0x81, &[&[0], &self.public]);
        seq(&[
            &int(&[1]),
            &seq(&[&oid(ED25519)]),
            &octets(&octets(&self.seed)),
            &public,
        ])
    }

    pub fn spki(&self) -> Vec<u8> {
        seq(&[&seq(&[&oid(ED25519)]), &bits(&self.public)])
    }

    pub fn jwk(&self) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(&self.public), "d": base64url(&self.seed)})
    }
}

/// A certificate for a public key. Nobody signed it: only its key is looked at.
pub fn certificate(spki: &[u8]) -> Vec<u8> {
    let algorithm = seq(&[&oid("1.2.840.10045.4.3.2")]);
    let name = seq(&[]);
    let validity = seq(&[
        &tlv(0x17, &[b"250101000000Z"]),
        &tlv(0x17, &[b"350101000000Z"]),
    ]);
    let version = tlv(0xa0, &[&int(&[2])]);
    let signed = seq(&[
        &version,
        &int(&random::<8>()),
        &algorithm,
        &name,
        &validity,
        &name,
        spki,
    ]);
    seq(&[&signed, &algorithm, &bits(&[1, 2, 3])])
}

/// A request for a certificate (RFC 2986 4).
pub fn request(spki: &[u8]) -> Vec<u8> {
    let signed = seq(&[&int(&[0]), &seq(&[]), spki, &tlv(0xa0, &[])]);
    seq(&[
        &signed,
        &seq(&[&oid("1.2.840.10045.4.3.2")]),
        &bits(&[1, 2, 3]),
    ])
}
