//! The numbers of a private key, from the forms DER gives them.

use pkcs8::ObjectIdentifier;
use pkcs8::der::asn1::AnyRef;
use pkcs8::der::{Decode as _, Tag, Tagged as _};
use zeroize::Zeroizing;

use crate::signing_key::algorithm::Algorithm;
use crate::signing_key::container::Form;
use crate::signing_key::der;
use crate::signing_key::error::{KeyError, KeyErrorKind};

/// Bytes that are wiped when they are let go.
pub(super) type Bytes = Zeroizing<Vec<u8>>;

/// A private key taken apart; nothing is checked yet but the form.
pub(super) enum Parts {
    Rsa {
        numbers: RsaNumbers,
        /// What the key's own identifier lets it sign by.
        allowed: &'static [Algorithm],
    },
    Ec {
        curve: Curve,
        scalar: Bytes,
        /// The public point, where the file has one.
        point: Option<Vec<u8>>,
    },
    Ed25519 {
        seed: Bytes,
        public: Option<Vec<u8>>,
    },
}

/// RFC 8017 3.2, each without leading zeros.
pub(super) struct RsaNumbers {
    pub n: Bytes,
    pub e: Bytes,
    pub d: Bytes,
    pub p: Bytes,
    pub q: Bytes,
    pub dp: Bytes,
    pub dq: Bytes,
    pub qi: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
}

pub(super) const RSA_ENCRYPTION: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
pub(super) const RSASSA_PSS: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
pub(super) const EC_PUBLIC_KEY: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
pub(super) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// What a key marked `rsaEncryption` may sign by.
pub(super) const ANY_RSA: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

impl Curve {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
        }
    }

    /// Bytes of a coordinate and of the scalar.
    pub(super) fn width(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }

    /// From the parameters of an EC key: the name of a curve (RFC 5480 2.1.1).
    pub(super) fn named(parameters: AnyRef<'_>) -> Result<Self, KeyError> {
        let unsupported = |what| Err(KeyError::new(KeyErrorKind::Unsupported, what));
        match parameters.tag() {
            Tag::ObjectIdentifier => {}
            Tag::Sequence => {
                return unsupported(
                    "the EC key spells out its curve instead of naming it, which lets a forger choose the curve; \
                     convert it with `openssl pkey -ec_param_enc named_curve -in OLD -out NEW`, or make a new one",
                );
            }
            _ => return unsupported("the EC key names no curve; make a new one on P-256 or P-384"),
        }
        match der::oid(parameters) {
            Some(P256) => Ok(Self::P256),
            Some(P384) => Ok(Self::P384),
            Some(other) => Err(other_curve(&curve_name(other))),
            None => Err(damaged("EC")),
        }
    }
}

/// Refuses a curve that none of the algorithms uses.
pub(super) fn other_curve(name: &str) -> KeyError {
    KeyError::new(
        KeyErrorKind::AlgorithmMismatch,
        format!(
            "the EC key is on {name}, which no supported algorithm uses; make one on P-256 (ES256) or P-384 (ES384) with \
             `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384`"
        ),
    )
}

fn curve_name(oid: ObjectIdentifier) -> String {
    let text = oid.to_string();
    let name = match text.as_str() {
        "1.3.132.0.35" => "P-521",
        "1.3.132.0.33" => "P-224",
        "1.2.840.10045.3.1.1" => "P-192",
        "1.3.132.0.10" => "secp256k1",
        "1.2.156.10197.1.301" => "SM2",
        brainpool if brainpool.starts_with("1.3.36.3.3.2.8.1.1.") => "a brainpool curve",
        _ => "another curve",
    };
    format!("{name} (OID {text})")
}

/// Takes a private key apart; `beside` is what an `EC PARAMETERS` block before it held.
pub(super) fn take_apart(form: Form, der: &[u8], beside: Option<&[u8]>) -> Result<Parts, KeyError> {
    match form {
        Form::Pkcs8 => pkcs8(der),
        Form::Pkcs1 => rsa(der, ANY_RSA),
        Form::Sec1 => ec(der, None, beside),
        _ => Err(damaged("private")),
    }
}

/// RFC 5958 2.
fn pkcs8(der: &[u8]) -> Result<Parts, KeyError> {
    let elements = der::sequence(der).map_err(|_| damaged("PKCS#8"))?;
    let [version, algorithm, key, rest @ ..] = elements.as_slice() else {
        return Err(damaged("PKCS#8"));
    };
    if !matches!(version.value(), [0 | 1]) {
        return Err(KeyError::new(
            KeyErrorKind::Unsupported,
            "the key is of a version of PKCS#8 that is not supported (0 and 1 are); convert it with `openssl pkey`",
        ));
    }
    let (oid, parameters) = der::algorithm(*algorithm).ok_or_else(|| damaged("PKCS#8"))?;
    match oid {
        // NULL for the one (RFC 8017 A.1), nothing for the other (RFC 8410 3)
        RSA_ENCRYPTION if parameters.is_some_and(|any| !any.is_null()) => Err(damaged("RSA")),
        ED25519 if parameters.is_some() => Err(damaged("Ed25519")),
        RSA_ENCRYPTION => rsa(key.value(), ANY_RSA),
        RSASSA_PSS => rsa(key.value(), pss_allows(parameters)?),
        EC_PUBLIC_KEY => ec(key.value(), parameters, None),
        ED25519 => ed25519(key.value(), rest),
        other => Err(other_algorithm(other)),
    }
}

fn other_algorithm(oid: ObjectIdentifier) -> KeyError {
    let text = oid.to_string();
    let name = match text.as_str() {
        "1.2.840.10040.4.1" => "a DSA key",
        "1.2.840.113549.1.3.1" | "1.2.840.10046.2.1" => "a Diffie-Hellman key",
        "1.3.101.110" => "an X25519 key",
        "1.3.101.111" => "an X448 key",
        "1.3.101.113" => "an Ed448 key",
        "1.2.840.113549.1.1.7" => "an RSA key for encryption (id-RSAES-OAEP)",
        ml_dsa if ml_dsa.starts_with("2.16.840.1.101.3.4.3.") => "a post-quantum key",
        _ => "of an unknown kind",
    };
    KeyError::new(
        KeyErrorKind::Unsupported,
        format!(
            "the key is {name} (OID {text}), which signs by no supported algorithm; make an RSA, EC (P-256, P-384) or Ed25519 key"
        ),
    )
}

/// Which algorithms an id-RSASSA-PSS key leaves open (RFC 4055 3.1): all of PSS without parameters, else one.
fn pss_allows(parameters: Option<AnyRef<'_>>) -> Result<&'static [Algorithm], KeyError> {
    const ANY_PSS: &[Algorithm] = &[Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];
    let Some(parameters) = parameters else {
        return Ok(ANY_PSS);
    };
    let unsupported = || {
        KeyError::new(
            KeyErrorKind::Unsupported,
            format!(
                "the key is bound to parameters of RSASSA-PSS (OID {RSASSA_PSS}) that no PS algorithm of JWS has; \
                 make a key with `openssl genpkey -algorithm RSA`"
            ),
        )
    };
    let elements = der::elements(parameters).map_err(|_| unsupported())?;
    let tagged = |number| {
        let found = elements
            .iter()
            .find(|any| der::context(**any) == Some(number))?;
        AnyRef::from_der(found.value()).ok()
    };
    let hash = tagged(0).and_then(der::algorithm).map(|(oid, _)| oid);
    let mask = tagged(1)
        .and_then(der::algorithm)
        .and_then(|(_, hash)| hash);
    if hash.is_none() || mask.and_then(der::algorithm).map(|(oid, _)| oid) != hash {
        return Err(unsupported());
    }
    let (allowed, digest): (&[Algorithm], u8) = match hash.map(|oid| oid.to_string()).as_deref() {
        Some("2.16.840.1.101.3.4.2.1") => (&[Algorithm::PS256], 32),
        Some("2.16.840.1.101.3.4.2.2") => (&[Algorithm::PS384], 48),
        Some("2.16.840.1.101.3.4.2.3") => (&[Algorithm::PS512], 64),
        _ => return Err(unsupported()),
    };
    // JWS salts with as many bytes as the digest has (RFC 7518 3.5); the key names its minimum.
    match tagged(2).and_then(der::unsigned) {
        Some([minimum]) if *minimum > digest => Err(unsupported()),
        None | Some([_]) => Ok(allowed),
        Some(_) => Err(unsupported()),
    }
}

/// PKCS#1 (RFC 8017 A.1.2).
fn rsa(der: &[u8], allowed: &'static [Algorithm]) -> Result<Parts, KeyError> {
    let elements = der::sequence(der).map_err(|_| damaged("RSA"))?;
    let (version, numbers) = elements.split_first().ok_or_else(|| damaged("RSA"))?;
    if version.value() != [0] || numbers.len() != 8 {
        return Err(KeyError::new(
            KeyErrorKind::Unsupported,
            "the RSA key has more than two primes or a form that is not supported; make one with \
             `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072`",
        ));
    }
    let number = |index: usize| {
        numbers
            .get(index)
            .and_then(|any| der::unsigned(*any))
            .map(|bytes| Zeroizing::new(bytes.to_vec()))
            .ok_or_else(|| damaged("RSA"))
    };
    let numbers = RsaNumbers {
        n: number(0)?,
        e: number(1)?,
        d: number(2)?,
        p: number(3)?,
        q: number(4)?,
        dp: number(5)?,
        dq: number(6)?,
        qi: number(7)?,
    };
    Ok(Parts::Rsa { numbers, allowed })
}

/// SEC1 (RFC 5915 3). `outer` are the parameters that PKCS#8 has outside of it; `beside` counts only
/// where there are none else.
fn ec(der: &[u8], outer: Option<AnyRef<'_>>, beside: Option<&[u8]>) -> Result<Parts, KeyError> {
    let elements = der::sequence(der).map_err(|_| damaged("EC"))?;
    let [version, scalar, rest @ ..] = elements.as_slice() else {
        return Err(damaged("EC"));
    };
    if version.value() != [1] || scalar.tag() != Tag::OctetString {
        return Err(damaged("EC"));
    }
    let tagged = |number| {
        rest.iter()
            .find(|any| der::context(**any) == Some(number))
            .map(|any| AnyRef::from_der(any.value()).map_err(|_| damaged("EC")))
            .transpose()
    };
    let inner = tagged(0)?;
    let beside = beside.and_then(|der| AnyRef::from_der(der).ok());
    let Some(parameters) = outer.or(inner).or(beside) else {
        return Err(KeyError::new(
            KeyErrorKind::Invalid,
            "the EC key names no curve (RFC 5915 3); convert it with `openssl pkcs8 -topk8 -nocrypt` where its \
             parameters are known",
        ));
    };
    let curve = Curve::named(parameters)?;
    if let Some(inner) = inner
        && Curve::named(inner)? != curve
    {
        return Err(KeyError::new(
            KeyErrorKind::Invalid,
            "the EC key names two different curves; make a new one",
        ));
    }
    let point = match tagged(1)? {
        Some(bits) if bits.tag() == Tag::BitString => Some(
            der::bits(bits.value())
                .ok_or_else(|| damaged("EC"))?
                .to_vec(),
        ),
        Some(_) => return Err(damaged("EC")),
        None => None,
    };
    Ok(Parts::Ec {
        curve,
        scalar: fit(scalar.value(), curve.width()),
        point,
    })
}

/// A big-endian number at the width wanted: padded, or its leading zeros dropped. One that is too
/// large stays too large, and is refused later.
fn fit(number: &[u8], width: usize) -> Bytes {
    let first = number
        .iter()
        .position(|byte| *byte != 0)
        .unwrap_or(number.len());
    let significant = number.get(first..).unwrap_or_default();
    let mut fitted = Zeroizing::new(vec![0; width.saturating_sub(significant.len())]);
    fitted.extend_from_slice(significant);
    fitted
}

/// RFC 8410 7: an OCTET STRING in the OCTET STRING of PKCS#8.
fn ed25519(key: &[u8], rest: &[AnyRef<'_>]) -> Result<Parts, KeyError> {
    let seed = AnyRef::from_der(key).map_err(|_| damaged("Ed25519"))?;
    if seed.tag() != Tag::OctetString || seed.value().len() != 32 {
        return Err(damaged("Ed25519"));
    }
    let public = rest
        .iter()
        .find(|any| der::context(**any) == Some(1))
        .map(|any| {
            der::bits(any.value())
                .map(<[u8]>::to_vec)
                .ok_or_else(|| damaged("Ed25519"))
        })
        .transpose()?;
    Ok(Parts::Ed25519 {
        seed: Zeroizing::new(seed.value().to_vec()),
        public,
    })
}

fn damaged(which: &str) -> KeyError {
    KeyError::new(
        KeyErrorKind::Encoding,
        format!("the {which} key is damaged inside its envelope; copy the whole file again"),
    )
}
