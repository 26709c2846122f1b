//! Proof that whoever redeems a code is whoever asked for it (RFC 7636), and what else nobody may guess.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{Error, ErrorKind, Recovery};
use crate::secret::Secret;

/// The one way of proof that is ever used (RFC 7636 4.2, RFC 9700 2.1.1): `plain` shows the verifier.
pub(super) const METHOD: &str = "S256";

/// What is sent for a verifier (RFC 7636 4.2).
pub(crate) fn challenge(verifier: &Secret) -> String {
    hash(&[verifier.expose().as_bytes()])
}

/// SHA-256 over the parts, in base64url.
pub(super) fn hash(parts: &[&[u8]]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, &parts.concat()).as_ref())
}

/// A fresh verifier, state or nonce: 256 random bits in base64url, which are 43 unreserved characters
/// (RFC 7636 4.1 and 7.1).
pub(crate) fn fresh() -> Result<Secret, Error> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| {
        let problem = "the system gives no random numbers, and nothing that can be guessed is sent";
        Error::new(ErrorKind::Credential, problem).with_recovery(Recovery::Retry { after: None })
    })?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}

/// Whether a verifier is one (RFC 7636 4.1).
pub(super) fn is_verifier(verifier: &Secret) -> bool {
    let is_unreserved =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let text = verifier.expose();
    (43..=128).contains(&text.len()) && text.bytes().all(is_unreserved)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn r100_the_challenge_is_that_of_the_rfc() {
        let verifier = Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"); // RFC 7636 B
        assert_eq!(
            challenge(&verifier),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn r100_a_verifier_has_256_bits_of_unreserved_characters() {
        let verifier = fresh().unwrap();
        assert!(is_verifier(&verifier));
        assert_eq!(
            URL_SAFE_NO_PAD.decode(verifier.expose()).unwrap().len(),
            256 / 8
        );
        for bad in [
            "x".repeat(42),
            "x".repeat(129),
            "é".repeat(43),
            " ".repeat(43),
        ] {
            assert!(!is_verifier(&Secret::new(bad)));
        }
    }

    #[test]
    fn r101_what_is_fresh_never_comes_twice() {
        let seen: HashSet<String> = (0..100_000)
            .map(|_| fresh().unwrap().expose().to_owned())
            .collect();
        assert_eq!(seen.len(), 100_000);
    }
}
