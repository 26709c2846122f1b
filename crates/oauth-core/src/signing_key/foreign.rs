//! Files of other programs, told by their magic bytes or PEM label.

use crate::signing_key::error::{KeyError, KeyErrorKind};

/// A container that is not read, and how to get the key out of it.
#[derive(Clone, Copy)]
pub(super) struct Foreign {
    name: &'static str,
    remedy: &'static str,
}

impl Foreign {
    pub(super) const PKCS12: Self = Self {
        name: "PKCS#12",
        remedy: "take the key out with `openssl pkcs12 -in FILE -nocerts -out key.pem`",
    };
    pub(super) const PKCS7: Self = Self {
        name: "PKCS#7, which holds no private key",
        remedy: "give the private key itself",
    };
    pub(super) const INDEFINITE: Self = Self {
        name: "BER of indefinite length (magic bytes 3080), as some programs write PKCS#12",
        ..Self::PKCS12
    };
    const JKS: Self = Self {
        name: "a Java key store (JKS, magic bytes FEEDFEED)",
        remedy: "run `keytool -importkeystore -srckeystore FILE -destkeystore key.p12 -deststoretype pkcs12` \
                 and then `openssl pkcs12 -in key.p12 -nocerts -out key.pem`",
    };
    const JCEKS: Self = Self {
        name: "a Java key store (JCEKS, magic bytes CECECECE)",
        ..Self::JKS
    };
    const OPENSSH: Self = Self {
        name: "an OpenSSH key (`openssh-key-v1`)",
        remedy: "convert a copy of it with `ssh-keygen -p -m PKCS8 -f COPY`",
    };
    const PUTTY: Self = Self {
        name: "a PuTTY key (`PuTTY-User-Key-File`)",
        remedy: "export it from PuTTYgen in the form of OpenSSH, then run `ssh-keygen -p -m PKCS8 -f COPY`",
    };
    const SSH: Self = Self {
        name: "a key of another SSH program",
        remedy: "export it in the form of OpenSSH, then run `ssh-keygen -p -m PKCS8 -f COPY`",
    };
    const AGE: Self = Self {
        name: "encrypted by age (`age-encryption.org`)",
        remedy: "decrypt it with `age -d`",
    };
    const AGE_IDENTITY: Self = Self {
        name: "an age identity (`AGE-SECRET-KEY`), which cannot sign",
        remedy: "give the private key itself",
    };
    const PGP: Self = Self {
        name: "an OpenPGP file",
        remedy: "give the private key as PEM, DER or JWK",
    };
    const ARCHIVE: Self = Self {
        name: "an archive (gzip or zip)",
        remedy: "unpack it",
    };

    /// By the first bytes of a file.
    pub(super) fn by_magic(bytes: &[u8]) -> Option<Self> {
        const MAGIC: [(&[u8], Foreign); 11] = [
            (&[0xfe, 0xed, 0xfe, 0xed], Foreign::JKS),
            (&[0xce, 0xce, 0xce, 0xce], Foreign::JCEKS),
            (&[0x30, 0x80], Foreign::INDEFINITE),
            (b"openssh-key-v1\0", Foreign::OPENSSH),
            (b"PuTTY-User-Key-File-", Foreign::PUTTY),
            (b"---- BEGIN SSH2", Foreign::SSH),
            (b"SSH PRIVATE KEY FILE FORMAT", Foreign::SSH),
            (b"age-encryption.org/", Foreign::AGE),
            (b"AGE-SECRET-KEY-", Foreign::AGE_IDENTITY),
            (&[0x1f, 0x8b], Foreign::ARCHIVE),
            (b"PK\x03\x04", Foreign::ARCHIVE),
        ];
        let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let start = start.trim_ascii_start();
        MAGIC
            .into_iter()
            .find_map(|(magic, foreign)| start.starts_with(magic).then_some(foreign))
    }

    /// By the label of a PEM block.
    pub(super) fn by_label(label: &str) -> Option<Self> {
        match label {
            "OPENSSH PRIVATE KEY" => Some(Self::OPENSSH),
            "AGE ENCRYPTED FILE" => Some(Self::AGE),
            "PGP PRIVATE KEY BLOCK" | "PGP MESSAGE" => Some(Self::PGP),
            "PKCS7" | "CMS" | "PKCS #7 SIGNED DATA" => Some(Self::PKCS7),
            "PKCS12" => Some(Self::PKCS12),
            _ => None,
        }
    }

    pub(super) fn refused(self) -> KeyError {
        KeyError::new(
            KeyErrorKind::WrongContainer,
            format!("the file is {}; {}", self.name, self.remedy),
        )
    }
}
