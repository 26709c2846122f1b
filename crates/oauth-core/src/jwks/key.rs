//! One public key of somebody else (RFC 7517 4).

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use crate::signing_key::Algorithm;

/// The bits of the shortest RSA key that is safe (RFC 7518 3.3), and of the longest that is verified with.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A key that verifies, with what its set says of it. It holds no private member.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// Compared byte by byte, whatever stands in it (RFC 8725 3.10).
    pub key_id: Option<String>,
    /// The one algorithm it is for, where its set says so (RFC 7517 4.4).
    pub algorithm: Option<Algorithm>,
    pub material: Material,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Material {
    /// Without leading zeros.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point on P-256 (SEC 1 2.3.3).
    P256(Vec<u8>),
    /// Likewise on P-384.
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
    /// Of a kind that is known, and not usable.
    Bad(Kind, &'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Kind {
    fn of(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::ES256 => Self::P256,
            Algorithm::ES384 => Self::P384,
            Algorithm::EdDSA => Self::Ed25519,
            _ => Self::Rsa,
        }
    }
}

impl Key {
    /// The key in a member of `keys`; `None`: it is for another use, or of a kind that is not known here, and
    /// is passed over (RFC 7517 5).
    pub(super) fn read(jwk: &Map<String, Value>) -> Option<Self> {
        if !is_for_signatures(jwk) {
            return None;
        }
        let key_id = match jwk.get("kid") {
            None | Some(Value::Null) => None,
            Some(kid) => Some(kid.as_str()?.to_owned()),
        };
        let kind = kind(jwk)?;
        let algorithm = match jwk.get("alg") {
            None | Some(Value::Null) => None,
            Some(name) => Some(algorithm(name.as_str()?)?),
        };
        if algorithm.is_some_and(|algorithm| Kind::of(algorithm) != kind) {
            return None;
        }
        Some(Self {
            key_id,
            algorithm,
            material: material(kind, jwk).unwrap_or_else(|fault| Material::Bad(kind, fault)),
        })
    }

    /// Whether a signature by this algorithm can be by this key.
    pub(super) fn fits(&self, wanted: Algorithm) -> bool {
        self.kind() == Kind::of(wanted) && self.algorithm.is_none_or(|own| own == wanted)
    }

    fn kind(&self) -> Kind {
        match self.material {
            Material::Rsa { .. } => Kind::Rsa,
            Material::P256(_) => Kind::P256,
            Material::P384(_) => Kind::P384,
            Material::Ed25519(_) => Kind::Ed25519,
            Material::Bad(kind, _) => kind,
        }
    }

    /// Why it cannot be used.
    pub(super) fn fault(&self) -> Option<&'static str> {
        match self.material {
            Material::Bad(_, fault) => Some(fault),
            _ => None,
        }
    }

    /// Whether the signature over the message is this key's, in the form of JWS (RFC 7518 3).
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let by = |form: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(form, key)
                .verify(message, signature)
                .is_ok()
        };
        match (&self.material, algorithm) {
            (Material::P256(point), Algorithm::ES256) => by(&ECDSA_P256_SHA256_FIXED, point),
            (Material::P384(point), Algorithm::ES384) => by(&ECDSA_P384_SHA384_FIXED, point),
            (Material::Ed25519(key), Algorithm::EdDSA) => by(&ED25519, key),
            (Material::Rsa { n, e }, _) => rsa(algorithm).is_some_and(|form| {
                PublicKeyComponents { n, e }
                    .verify(form, message, signature)
                    .is_ok()
            }),
            _ => false,
        }
    }
}

/// The algorithm of that name; `Ed25519` is the fully specified name of what is done by `EdDSA` with an
/// Ed25519 key (RFC 9864 2.2).
pub(crate) fn algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "Ed25519" => Some(Algorithm::EdDSA),
        name => name.parse().ok(),
    }
}

fn rsa(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::RS256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

/// RFC 7517 4.2 and 4.3: both may be left out; where they stand, they bind.
fn is_for_signatures(jwk: &Map<String, Value>) -> bool {
    let is_use = match jwk.get("use") {
        None | Some(Value::Null) => true,
        Some(purpose) => purpose == "sig",
    };
    let is_operation = match jwk.get("key_ops") {
        None | Some(Value::Null) => true,
        Some(Value::Array(operations)) => operations.iter().any(|one| one == "verify"),
        Some(_) => false,
    };
    is_use && is_operation
}

fn kind(jwk: &Map<String, Value>) -> Option<Kind> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    match (text("kty")?, text("crv")) {
        ("RSA", _) => Some(Kind::Rsa),
        ("EC", Some("P-256")) => Some(Kind::P256),
        ("EC", Some("P-384")) => Some(Kind::P384),
        ("OKP", Some("Ed25519")) => Some(Kind::Ed25519),
        _ => None,
    }
}

fn material(kind: Kind, jwk: &Map<String, Value>) -> Result<Material, &'static str> {
    match kind {
        Kind::Rsa => {
            let [n, e] = [number(jwk, "n")?, number(jwk, "e")?];
            check_rsa(&n, &e)?;
            Ok(Material::Rsa { n, e })
        }
        Kind::P256 => point(jwk, 32, &ECDSA_P256_SHA256_FIXED).map(Material::P256),
        Kind::P384 => point(jwk, 48, &ECDSA_P384_SHA384_FIXED).map(Material::P384),
        Kind::Ed25519 => exactly(jwk, "x", 32).map(Material::Ed25519),
    }
}

fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), &'static str> {
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    let bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
    if !RSA_BITS.contains(&bits) {
        return Err("its modulus is not of 2048 to 8192 bits (RFC 7518 3.3)");
    }
    // aws-lc takes no exponent above 33 bits
    let is_exponent = match e {
        [] | [0..=2] => false,
        [first, _, _, _, _] => *first == 1,
        few => few.len() < 5,
    };
    if !is_exponent || !is_odd(e) || !is_odd(n) {
        return Err("its numbers make no RSA key");
    }
    Ok(())
}

fn point(
    jwk: &Map<String, Value>,
    width: usize,
    curve: &'static dyn VerificationAlgorithm,
) -> Result<Vec<u8>, &'static str> {
    let mut point = vec![4];
    for name in ["x", "y"] {
        point.append(&mut exactly(jwk, name, width)?);
    }
    match ParsedPublicKey::new(curve, &point) {
        Ok(_) => Ok(point),
        Err(_) => Err("its point is not on its curve (RFC 8725 3.4)"),
    }
}

/// A number, without the leading zeros that some write against RFC 7518 2.
fn number(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, &'static str> {
    let mut bytes = bytes(jwk, name)?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    Ok(bytes)
}

fn exactly(jwk: &Map<String, Value>, name: &str, width: usize) -> Result<Vec<u8>, &'static str> {
    let bytes = bytes(jwk, name)?;
    match bytes.len() == width {
        true => Ok(bytes),
        false => Err("a member has not the length that its curve wants (RFC 7518 6.2.1.2)"),
    }
}

/// A member in base64url; padding and the plain alphabet are taken too, since they change nothing of the
/// number and some servers write them against RFC 7518 2.
fn bytes(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, &'static str> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);
    const PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
    let text = jwk
        .get(name)
        .and_then(Value::as_str)
        .ok_or("a member is missing, or no string")?;
    URL.decode(text)
        .or_else(|_| PLAIN.decode(text))
        .map_err(|_| "a member is not base64url (RFC 7515 2)")
}
