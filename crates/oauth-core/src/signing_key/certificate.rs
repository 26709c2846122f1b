//! Which certificate belongs to a key.

use pkcs8::der::{Tag, Tagged as _};

use crate::signing_key::der;
use crate::signing_key::error::{KeyError, KeyErrorKind};
use crate::signing_key::pair::{self, Pair};
use crate::signing_key::parts::{Curve, EC_PUBLIC_KEY, ED25519, RSA_ENCRYPTION, RSASSA_PSS};
use crate::signing_key::public;

/// The `x5t#S256` (RFC 7515 4.1.8) of the first of the certificates whose public key is the pair's.
///
/// # Errors
/// There are certificates, and none is of this key: then one of the two files is the wrong one.
pub(super) fn thumbprint(
    certificates: &[Vec<u8>],
    pair: &Pair,
) -> Result<Option<String>, KeyError> {
    let mut others = false;
    for certificate in certificates {
        if certifies(certificate, pair)? {
            return Ok(Some(public::sha256(certificate)));
        }
        others = true;
    }
    if others {
        return Err(refused(
            "is of another key; give the one that was issued for this key",
        ));
    }
    Ok(None)
}

/// Whether a certificate's subject key (RFC 5280 4.1.2.7) is the pair's public key.
fn certifies(certificate: &[u8], pair: &Pair) -> Result<bool, KeyError> {
    let damaged = || refused("is not an X.509 certificate, or is damaged");
    let outer = der::sequence(certificate).map_err(|_| damaged())?;
    let [signed, _, _] = outer.as_slice() else {
        return Err(damaged());
    };
    let fields = der::elements(*signed).map_err(|_| damaged())?;
    // The version stands before the serial number, or is left out and means 1.
    let serial = usize::from(
        fields
            .first()
            .is_some_and(|field| der::context(*field) == Some(0)),
    );
    if fields.get(serial).map(|field| field.tag()) != Some(Tag::Integer) {
        return Err(damaged());
    }
    let key = fields.get(serial + 5).ok_or_else(damaged)?;
    let key = der::elements(*key).map_err(|_| damaged())?;
    let [algorithm, bits] = key.as_slice() else {
        return Err(damaged());
    };
    let (oid, parameters) = der::algorithm(*algorithm).ok_or_else(damaged)?;
    let bits = der::bits(bits.value()).ok_or_else(damaged)?;
    Ok(match pair {
        Pair::Rsa(_) => (oid == RSA_ENCRYPTION || oid == RSASSA_PSS) && bits == pair.public(),
        Pair::Ec(curve, _) => {
            let named = parameters.and_then(|parameters| Curve::named(parameters).ok());
            oid == EC_PUBLIC_KEY && named == Some(*curve) && pair::same_point(bits, pair.public())
        }
        Pair::Ed25519(_) => oid == ED25519 && bits == pair.public(),
    })
}

fn refused(what: &str) -> KeyError {
    KeyError::new(KeyErrorKind::Certificate, format!("the certificate {what}"))
}
