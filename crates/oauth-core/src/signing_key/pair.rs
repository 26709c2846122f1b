//! Key pairs that sign: made by aws-lc-rs from the parts, or from nothing.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPairComponents, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
    ECDSA_P384_SHA384_FIXED_SIGNING, ED25519, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
    KeyPair as _, RsaEncoding, RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm,
};
use zeroize::Zeroizing;

use crate::signing_key::algorithm::Algorithm;
use crate::signing_key::error::{KeyError, KeyErrorKind};
use crate::signing_key::parts::{ANY_RSA, Curve, Parts, RsaNumbers};

/// The bits of the shortest RSA key that is safe (RFC 7518 3.3, FAPI 2.0 5.4.1).
const SMALLEST_RSA: usize = 2048;
/// The bits of the longest that aws-lc-rs signs with.
const LARGEST_RSA: usize = 8192;

/// A private key ready to sign, with its public half.
pub(super) enum Pair {
    Rsa(RsaKeyPair),
    Ec(Curve, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Pair {
    /// The pair these parts make.
    pub(super) fn of(parts: &Parts) -> Result<Self, KeyError> {
        match parts {
            Parts::Rsa { numbers, .. } => rsa(numbers).map(Self::Rsa),
            Parts::Ec {
                curve,
                scalar,
                point,
            } => ec(*curve, scalar, point.as_deref()).map(|pair| Self::Ec(*curve, pair)),
            Parts::Ed25519 { seed, public } => ed25519(seed, public.as_deref()).map(Self::Ed25519),
        }
    }

    /// A new pair; `bits` counts for RSA only.
    pub(super) fn generate(algorithm: Algorithm, bits: KeySize) -> Result<Self, KeyError> {
        let pair =
            match algorithm {
                Algorithm::ES256 => EcdsaKeyPair::generate(ecdsa(Curve::P256))
                    .map(|pair| Self::Ec(Curve::P256, pair)),
                Algorithm::ES384 => EcdsaKeyPair::generate(ecdsa(Curve::P384))
                    .map(|pair| Self::Ec(Curve::P384, pair)),
                Algorithm::EdDSA => Ed25519KeyPair::generate().map(Self::Ed25519),
                _ => RsaKeyPair::generate(bits).map(Self::Rsa),
            };
        pair.map_err(no_random_bytes)
    }

    /// A signature in the form of JWS (RFC 7518 3, RFC 8037 3.1).
    pub(super) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding(algorithm), &random, message, &mut signature)
                    .map_err(no_random_bytes)?;
                Ok(signature)
            }
            Self::Ec(_, pair) => Ok(pair
                .sign(&random, message)
                .map_err(no_random_bytes)?
                .as_ref()
                .to_vec()),
            Self::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }

    /// Signs something and verifies it with the public half, so that a pair that does not fit together
    /// is found now and not at the first request.
    pub(super) fn try_out(&self, algorithm: Algorithm) -> Result<(), KeyError> {
        const MESSAGE: &[u8] = b"a key is tried before it is used";
        let signature = self.sign(algorithm, MESSAGE)?;
        UnparsedPublicKey::new(verification(algorithm), self.public())
            .verify(MESSAGE, &signature)
            .map_err(|_| invalid("its public half does not verify what its private half signs"))
    }

    /// The public key: RSAPublicKey (RFC 8017 A.1.1), an uncompressed point, or the 32 bytes of Ed25519.
    pub(super) fn public(&self) -> &[u8] {
        match self {
            Self::Rsa(pair) => pair.public_key().as_ref(),
            Self::Ec(_, pair) => pair.public_key().as_ref(),
            Self::Ed25519(pair) => pair.public_key().as_ref(),
        }
    }

    /// PKCS#8, version 1, which every program reads.
    pub(super) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let der = match self {
            Self::Rsa(pair) => pair
                .as_der()
                .map(|der| Zeroizing::new(der.as_ref().to_vec())),
            Self::Ec(_, pair) => pair
                .to_pkcs8v1()
                .map(|der| Zeroizing::new(der.as_ref().to_vec())),
            Self::Ed25519(pair) => pair
                .to_pkcs8v1()
                .map(|der| Zeroizing::new(der.as_ref().to_vec())),
        };
        der.map_err(|_| invalid("it cannot be written as PKCS#8"))
    }
}

/// Which algorithm the key signs by: the one asked for and the one the key declares must be the same, and must fit it.
pub(super) fn agree(
    parts: &Parts,
    asked: Option<Algorithm>,
    declared: Option<Algorithm>,
) -> Result<Algorithm, KeyError> {
    if let (Some(asked), Some(declared)) = (asked, declared)
        && asked != declared
    {
        return Err(mismatch(format!(
            "the algorithm {asked} is asked for, but the JWK's `alg` is {declared}; change one of them"
        )));
    }
    let (what, allowed): (&str, &[Algorithm]) = match parts {
        Parts::Rsa { allowed, .. } if *allowed == ANY_RSA => ("an RSA key", allowed),
        Parts::Rsa { allowed, .. } => (
            "an RSA key for RSASSA-PSS only (OID 1.2.840.113549.1.1.10, id-RSASSA-PSS)",
            allowed,
        ),
        Parts::Ec {
            curve: Curve::P256, ..
        } => ("an EC key on P-256", &[Algorithm::ES256]),
        Parts::Ec {
            curve: Curve::P384, ..
        } => ("an EC key on P-384", &[Algorithm::ES384]),
        Parts::Ed25519 { .. } => ("an Ed25519 key", &[Algorithm::EdDSA]),
    };
    let names = || {
        allowed
            .iter()
            .map(|algorithm| algorithm.name())
            .collect::<Vec<_>>()
            .join(", ")
    };
    match (asked.or(declared), allowed) {
        (Some(algorithm), _) if allowed.contains(&algorithm) => Ok(algorithm),
        (Some(algorithm), _) => Err(mismatch(format!(
            "the key is {what} and signs by {}; {algorithm} wants {}",
            names(),
            algorithm.wants()
        ))),
        (None, [only]) => Ok(*only),
        (None, _) => Err(KeyError::new(
            KeyErrorKind::AlgorithmRequired,
            format!(
                "the key is {what}, which can sign by {}; configure the one that the server expects",
                names()
            ),
        )),
    }
}

/// Refuses an RSA modulus that is too short to be safe or too long to be handled.
pub(super) fn check_size(n: &[u8]) -> Result<(), KeyError> {
    let bits = bit_length(n);
    if (SMALLEST_RSA..=LARGEST_RSA).contains(&bits) {
        return Ok(());
    }
    Err(KeyError::new(
        KeyErrorKind::Size,
        format!(
            "the RSA key has {bits} bits, which is not between {SMALLEST_RSA} and {LARGEST_RSA}; \
             make a new one with `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072`"
        ),
    ))
}

fn rsa(numbers: &RsaNumbers) -> Result<RsaKeyPair, KeyError> {
    check_size(&numbers.n)?;
    let exponent = numbers.e.iter().try_fold(0_u64, |value, byte| {
        value.checked_mul(256).map(|value| value | u64::from(*byte))
    });
    if !exponent.is_some_and(|e| e >= 3 && e % 2 == 1 && e < 1 << 33) {
        return Err(invalid(
            "its public exponent is not an odd number of 3 or more, below 2^33; 65537 is usual",
        ));
    }
    if numbers.p == numbers.q {
        return Err(invalid("its two primes are the same"));
    }
    RsaKeyPair::from_components(&KeyPairComponents {
        public_key: PublicKeyComponents {
            n: numbers.n.as_slice(),
            e: numbers.e.as_slice(),
        },
        d: numbers.d.as_slice(),
        p: numbers.p.as_slice(),
        q: numbers.q.as_slice(),
        dP: numbers.dp.as_slice(),
        dQ: numbers.dq.as_slice(),
        qInv: numbers.qi.as_slice(),
    })
    .map_err(|_| invalid("its numbers do not belong together (n, e, d, p, q, dp, dq, qi)"))
}

fn bit_length(number: &[u8]) -> usize {
    number
        .first()
        .map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

fn ec(curve: Curve, scalar: &[u8], point: Option<&[u8]>) -> Result<EcdsaKeyPair, KeyError> {
    if scalar.len() != curve.width() {
        return Err(invalid("its scalar is not below the order of its curve"));
    }
    // ECPrivateKey without the public point: that is computed, and then compared.
    let (head, tail): (&[u8], &[u8]) = match curve {
        Curve::P256 => (
            &[0x30, 0x31, 2, 1, 1, 4, 32],
            &[0xa0, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
        ),
        Curve::P384 => (
            &[0x30, 0x3e, 2, 1, 1, 4, 48],
            &[0xa0, 7, 6, 5, 0x2b, 0x81, 4, 0, 0x22],
        ),
    };
    let der = Zeroizing::new([head, scalar, tail].concat());
    let pair = EcdsaKeyPair::from_private_key_der(ecdsa(curve), &der)
        .map_err(|_| invalid("its scalar is not between 1 and the order of its curve"))?;
    match point {
        Some(point) if !same_point(point, pair.public_key().as_ref()) => Err(invalid(
            "its public point does not belong to its private scalar",
        )),
        _ => Ok(pair),
    }
}

/// Compares a point in either form of SEC1 2.3.3 with an uncompressed one.
pub(super) fn same_point(point: &[u8], uncompressed: &[u8]) -> bool {
    match point {
        [sign @ (2 | 3), x @ ..] => {
            let odd = uncompressed.last().is_some_and(|last| last & 1 == 1);
            uncompressed.get(1..=x.len()) == Some(x)
                && uncompressed.len() == 1 + 2 * x.len()
                && odd == (*sign == 3)
        }
        _ => point == uncompressed,
    }
}

fn ed25519(seed: &[u8], public: Option<&[u8]>) -> Result<Ed25519KeyPair, KeyError> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed)
        .map_err(|_| invalid("its seed is not 32 bytes"))?;
    match public {
        Some(public) if public != pair.public_key().as_ref() => Err(invalid(
            "its public half does not belong to its private half",
        )),
        _ => Ok(pair),
    }
}

fn ecdsa(curve: Curve) -> &'static EcdsaSigningAlgorithm {
    match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
    }
}

/// The padding of an RSA algorithm. PSS salts with as many bytes as the digest has (RFC 7518 3.5).
fn padding(algorithm: Algorithm) -> &'static dyn RsaEncoding {
    match algorithm {
        Algorithm::RS256 => &signature::RSA_PKCS1_SHA256,
        Algorithm::RS384 => &signature::RSA_PKCS1_SHA384,
        Algorithm::RS512 => &signature::RSA_PKCS1_SHA512,
        Algorithm::PS384 => &signature::RSA_PSS_SHA384,
        Algorithm::PS512 => &signature::RSA_PSS_SHA512,
        _ => &signature::RSA_PSS_SHA256,
    }
}

fn verification(algorithm: Algorithm) -> &'static dyn VerificationAlgorithm {
    match algorithm {
        Algorithm::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &signature::RSA_PSS_2048_8192_SHA512,
        Algorithm::ES256 => &ECDSA_P256_SHA256_FIXED,
        Algorithm::ES384 => &ECDSA_P384_SHA384_FIXED,
        Algorithm::EdDSA => &ED25519,
    }
}

fn mismatch(message: String) -> KeyError {
    KeyError::new(KeyErrorKind::AlgorithmMismatch, message)
}

fn invalid(what: &str) -> KeyError {
    KeyError::new(
        KeyErrorKind::Invalid,
        format!("the key is not valid: {what}; make a new one, or copy it again"),
    )
}

/// aws-lc-rs gives no reasons. A checked key fails to sign only where the system gives no random bytes (for
/// the nonce, the salt or the blinding); there is no weaker source to fall back on.
pub(super) fn no_random_bytes(_: Unspecified) -> KeyError {
    KeyError::new(
        KeyErrorKind::Rng,
        "no signature or key was made: the system's source of random bytes failed; check the machine, there is no \
         weaker substitute",
    )
}
