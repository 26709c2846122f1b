//! Why a key was refused.

use std::fmt;

/// Why a key was refused or did not sign: one line that says what it is and what to do. It never
/// holds key material or a passphrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError {
    kind: KeyErrorKind,
    message: String,
}

impl KeyError {
    pub(crate) fn new(kind: KeyErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// What sort of fault it is, to tell them apart in code.
    pub fn kind(&self) -> KeyErrorKind {
        self.kind
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for KeyError {}

/// What sort of fault a [`KeyError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyErrorKind {
    /// An RSA key too short to be safe or too long to be handled.
    Size,
    /// The numbers of the key do not make a key.
    Invalid,
    /// The key cannot sign by the algorithm asked for, or by any that is supported.
    AlgorithmMismatch,
    /// An RSA key signs by any of six algorithms, and none was chosen.
    AlgorithmRequired,
    /// A sort of key, or an encryption of one, that is not supported.
    Unsupported,
    /// The key is encrypted and no passphrase was given.
    NeedsPassphrase,
    /// The key is encrypted under another passphrase.
    WrongPassphrase,
    /// A file of another program's: PKCS#12, JKS, OpenSSH and the like.
    WrongContainer,
    /// A public key, a certificate or a request for one.
    NotPrivate,
    /// More than one private key.
    Ambiguous,
    /// Damaged, cut, or encoded once too often.
    Encoding,
    /// The certificate is damaged or belongs to another key.
    Certificate,
    /// The file or variable could not be read.
    Unreadable,
    /// The signature is not of the form that JWS wants.
    Signer,
    /// The system gave no random bytes, or the signature failed for another reason of its own.
    Rng,
}

impl KeyErrorKind {
    /// Its name in logs and metrics, which does not change between versions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Size => "key_size",
            Self::Invalid => "key_invalid",
            Self::AlgorithmMismatch => "key_algorithm_mismatch",
            Self::AlgorithmRequired => "key_algorithm_required",
            Self::Unsupported => "key_unsupported",
            Self::NeedsPassphrase => "key_needs_passphrase",
            Self::WrongPassphrase => "key_wrong_passphrase",
            Self::WrongContainer => "key_wrong_container",
            Self::NotPrivate => "key_not_private",
            Self::Ambiguous => "key_ambiguous",
            Self::Encoding => "key_encoding",
            Self::Certificate => "key_certificate",
            Self::Unreadable => "key_unreadable",
            Self::Signer => "key_signer",
            Self::Rng => "key_rng",
        }
    }
}
