//! Encrypted PKCS#8 (RFC 5958 3, RFC 8018).

use pkcs8::der::{Tag, Tagged as _};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::Kdf;
use zeroize::{Zeroize as _, Zeroizing};

use crate::secret::Secret;
use crate::signing_key::container::{self, Form};
use crate::signing_key::der;
use crate::signing_key::error::{KeyError, KeyErrorKind};

/// The most rounds of PBKDF2: a few seconds of work. OpenSSL takes 2,048 and OWASP wants 600,000; a
/// file that asks for more than this is made to keep the process busy.
const ROUNDS: u32 = 10_000_000;
/// The most memory for scrypt, in bytes; OpenSSL takes 16 MiB.
const MEMORY: u64 = 256 * 1024 * 1024;
/// The most lanes of scrypt, which cost time one after the other.
const LANES: u16 = 16;

/// Decrypts to the DER of a PKCS#8 key.
pub(super) fn decrypt(
    der: &[u8],
    passphrase: Option<&Secret>,
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let elements = der::sequence(der).map_err(|_| damaged())?;
    let [scheme, data] = elements.as_slice() else {
        return Err(damaged());
    };
    let parameters = scheme_of(*scheme)?;
    let Some(passphrase) = passphrase else {
        return Err(KeyError::new(
            KeyErrorKind::NeedsPassphrase,
            "the key is encrypted and no passphrase is configured; give the passphrase by reference (`env:NAME` or \
             `file:PATH`)",
        ));
    };
    if data.tag() != Tag::OctetString {
        return Err(damaged());
    }
    let mut buffer = Zeroizing::new(data.value().to_vec());
    let length = parameters
        .decrypt_in_place(passphrase.expose(), &mut buffer)
        .map_err(|_| wrong_passphrase())?
        .len();
    buffer[length..].zeroize();
    buffer.truncate(length);
    // One wrong passphrase in 256 leaves a padding that looks right, and garbage before it.
    match container::sniff(&buffer) {
        Ok(Form::Pkcs8) => Ok(buffer),
        _ => Err(wrong_passphrase()),
    }
}

/// The encryption, if it is one that is supported and affordable.
fn scheme_of(
    scheme: pkcs8::der::asn1::AnyRef<'_>,
) -> Result<pkcs8::pkcs5::pbes2::Parameters, KeyError> {
    let (oid, _) = der::algorithm(scheme).ok_or_else(damaged)?;
    if oid != pkcs8::pkcs5::pbes2::PBES2_OID {
        return Err(unsupported(&format!(
            "by an old scheme (PBES1 or PKCS#12, OID {oid})"
        )));
    }
    let parsed = scheme.decode_as::<pkcs8::spki::AlgorithmIdentifierRef<'_>>();
    let parameters = match parsed.map(EncryptionScheme::try_from) {
        Ok(Ok(EncryptionScheme::Pbes2(parameters))) => parameters,
        _ => {
            return Err(unsupported(
                "by PBES2 with a key derivation or cipher that is not supported",
            ));
        }
    };
    match &parameters.kdf {
        Kdf::Pbkdf2(kdf) if !(1..=ROUNDS).contains(&kdf.iteration_count) => {
            Err(unsupported(&format!(
                "with {} rounds of PBKDF2, which is not between 1 and {ROUNDS}",
                kdf.iteration_count
            )))
        }
        Kdf::Scrypt(kdf)
            if !kdf.cost_parameter.is_power_of_two()
                || kdf.cost_parameter < 2
                || kdf.block_size == 0
                || !(1..=LANES).contains(&kdf.parallelization)
                || kdf
                    .cost_parameter
                    .checked_mul(128 * u64::from(kdf.block_size))
                    .is_none_or(|memory| memory > MEMORY) =>
        {
            Err(unsupported(
                "by scrypt at a cost that is impossible or beyond 256 MiB",
            ))
        }
        _ => Ok(parameters),
    }
}

fn unsupported(how: &str) -> KeyError {
    KeyError::new(
        KeyErrorKind::Unsupported,
        format!(
            "the key is encrypted {how}; encrypt it anew with \
             `openssl pkcs8 -in OLD -out PLAIN && openssl pkcs8 -topk8 -v2 aes-256-cbc -in PLAIN -out NEW`, and delete PLAIN"
        ),
    )
}

fn damaged() -> KeyError {
    KeyError::new(
        KeyErrorKind::Encoding,
        "the encrypted key is damaged; copy the whole file again",
    )
}

/// Always the same words, so that nobody learns from them how far a guess came.
fn wrong_passphrase() -> KeyError {
    KeyError::new(
        KeyErrorKind::WrongPassphrase,
        "the key is not decrypted by this passphrase; check the passphrase and that the file is whole",
    )
}
