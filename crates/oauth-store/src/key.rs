//! One key: AES-256-GCM-SIV (RFC 8452), which stays safe where a random nonce comes twice.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;

/// A key that is ready for use.
pub struct Key(RandomizedNonceKey);

/// How many bytes a nonce has.
pub const NONCE: usize = 12;

impl Key {
    /// How many bytes a key has.
    pub const LENGTH: usize = 32;

    /// Takes bytes, of which there must be [`Key::LENGTH`].
    pub fn new(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != Self::LENGTH {
            return None;
        }
        RandomizedNonceKey::new(&AES_256_GCM_SIV, bytes)
            .ok()
            .map(Self)
    }

    /// Puts ciphertext and tag in the text's place; the nonce, by chance. Fails where the system has no
    /// randomness.
    pub fn seal(
        &self,
        associated: Vec<u8>,
        text: &mut Vec<u8>,
    ) -> Result<[u8; NONCE], Unspecified> {
        let aad = Aad::from(associated);
        let nonce = self.0.seal_in_place_append_tag(aad, text)?;
        Ok(*nonce.as_ref())
    }

    /// Puts the text in the place of ciphertext and tag. Fails where anything is not as it was sealed.
    pub fn open(
        &self,
        nonce: &[u8],
        associated: Vec<u8>,
        text: &mut Vec<u8>,
    ) -> Result<(), Unspecified> {
        let nonce = Nonce::try_assume_unique_for_key(nonce)?;
        let length = self
            .0
            .open_in_place(nonce, Aad::from(associated), text)?
            .len();
        text.truncate(length);
        Ok(())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}
