//! What a file is that should be a key: told by its content, never by its name.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use pkcs8::der::{Tag, Tagged as _};
use zeroize::Zeroizing;

use crate::signing_key::der;
use crate::signing_key::error::{KeyError, KeyErrorKind};
use crate::signing_key::foreign::Foreign;
use crate::signing_key::pem::{self, Block};

/// The most bytes a file with a key and its certificates may have.
const LIMIT: usize = 256 * 1024;

/// One private key, and the certificates beside it.
pub(super) struct Contents {
    pub key: Encoded,
    pub certificates: Vec<Vec<u8>>,
    /// The block `EC PARAMETERS` that OpenSSL writes before a key.
    pub parameters: Option<Vec<u8>>,
}

impl From<Encoded> for Contents {
    fn from(key: Encoded) -> Self {
        Self {
            key,
            certificates: Vec::new(),
            parameters: None,
        }
    }
}

pub(super) enum Encoded {
    /// DER of the form named.
    Der(Form, Zeroizing<Vec<u8>>),
    /// JSON text: a JWK or a JWK set.
    Json(Zeroizing<String>),
}

/// The structures of DER that a file can turn out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Pkcs8,
    EncryptedPkcs8,
    Pkcs1,
    Sec1,
    Dsa,
    PublicKey,
    CertificateOrRequest,
    Pkcs12,
    Pkcs7,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Self::Pkcs8 => "PKCS#8",
            Self::EncryptedPkcs8 => "encrypted PKCS#8",
            Self::Pkcs1 => "PKCS#1",
            Self::Sec1 => "SEC1",
            Self::Dsa => "a DSA key",
            Self::PublicKey => "a public key",
            Self::CertificateOrRequest => "a certificate or a request for one",
            Self::Pkcs12 => "PKCS#12",
            Self::Pkcs7 => "PKCS#7",
        }
    }

    /// The PEM label of a private key of this form.
    fn label(self) -> Option<&'static str> {
        match self {
            Self::Pkcs8 => Some("PRIVATE KEY"),
            Self::EncryptedPkcs8 => Some("ENCRYPTED PRIVATE KEY"),
            Self::Pkcs1 => Some("RSA PRIVATE KEY"),
            Self::Sec1 => Some("EC PRIVATE KEY"),
            _ => None,
        }
    }
}

/// Finds the one private key in a file.
pub(super) fn open(bytes: &[u8]) -> Result<Contents, KeyError> {
    if bytes.len() > LIMIT {
        return Err(encoding(
            "has more than 256 KiB: it is no key; check the path",
        ));
    }
    if bytes.trim_ascii().is_empty() {
        return Err(encoding("is empty; check the path or the variable"));
    }
    if let Some(foreign) = Foreign::by_magic(bytes) {
        return Err(foreign.refused());
    }
    if is_der(bytes) {
        let form = private(sniff(bytes)?)?;
        return Ok(Encoded::Der(form, Zeroizing::new(bytes.to_vec())).into());
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(encoding(
            "is UTF-16 text, as PowerShell's `>` writes it; save it as UTF-8 or ASCII",
        ));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| encoding("is neither PEM, nor DER, nor a JWK; check the path"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    if text.starts_with('{') {
        return Ok(Encoded::Json(Zeroizing::new(text.to_owned())).into());
    }
    if text.contains(pem::BEGIN) {
        return open_pem(text);
    }
    Err(explain_text(text))
}

/// The DER certificates of a file that holds nothing else of use: PEM, or one in DER.
pub(super) fn certificates(bytes: &[u8]) -> Result<Vec<Vec<u8>>, KeyError> {
    let refused = |what: &str| {
        KeyError::new(
            KeyErrorKind::Certificate,
            format!("the certificate {what}; give an X.509 certificate as PEM or DER"),
        )
    };
    if is_der(bytes) {
        return Ok(vec![bytes.to_vec()]);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| refused("is neither PEM nor DER"))?;
    let blocks = pem::blocks(text).map_err(|fault| refused(&format!("is damaged ({fault})")))?;
    let mut certificates = Vec::new();
    for block in blocks.iter().filter(|block| is_certificate(block.label)) {
        let der = block
            .decode()
            .map_err(|fault| refused(&format!("is damaged ({fault})")))?;
        certificates.push(der.to_vec());
    }
    if certificates.is_empty() {
        return Err(refused("is missing from the text that should hold it"));
    }
    Ok(certificates)
}

fn open_pem(text: &str) -> Result<Contents, KeyError> {
    let blocks = pem::blocks(text)?;
    let mut certificates = Vec::new();
    let mut parameters = None;
    let mut keys = Vec::new();
    for block in &blocks {
        if let Some(foreign) = Foreign::by_label(block.label) {
            return Err(foreign.refused());
        }
        if is_certificate(block.label) {
            certificates.push(block.decode()?.to_vec());
        } else if block.label == "EC PARAMETERS" {
            parameters = Some(block.decode()?.to_vec());
        } else if block.label.ends_with("PRIVATE KEY") {
            keys.push(block);
        }
    }
    match keys.as_slice() {
        [key] => Ok(Contents {
            key: private_block(key)?,
            certificates,
            parameters,
        }),
        [] => Err(without_key(&blocks)),
        _ => Err(KeyError::new(
            KeyErrorKind::Ambiguous,
            format!(
                "the file holds {} private keys; leave the one to sign with",
                keys.len()
            ),
        )),
    }
}

fn private_block(block: &Block<'_>) -> Result<Encoded, KeyError> {
    if ![
        "PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
    ]
    .contains(&block.label)
    {
        return Err(KeyError::new(
            KeyErrorKind::Unsupported,
            format!(
                "the key is a `{}`, which is not supported; RSA, EC (P-256, P-384) and Ed25519 are",
                block.shown()
            ),
        ));
    }
    let der = block.decode()?;
    let form = private(sniff(&der)?)?;
    if form.label() != Some(block.label) {
        return Err(encoding(&format!(
            "is labelled `{}` but holds {}; write `{}` in its BEGIN and END lines",
            block.shown(),
            form.name(),
            form.label().unwrap_or_default()
        )));
    }
    Ok(Encoded::Der(form, der))
}

fn without_key(blocks: &[Block<'_>]) -> KeyError {
    let labels: Vec<String> = blocks.iter().take(4).map(Block::shown).collect();
    let found = labels.join(", ");
    if blocks.iter().any(|block| {
        ["PUBLIC KEY", "CERTIFICATE", "REQUEST"]
            .iter()
            .any(|part| block.label.contains(part))
    }) {
        return not_private(&format!("the file holds no private key, only: {found}"));
    }
    encoding(&format!("holds no private key, only: {found}"))
}

fn is_certificate(label: &str) -> bool {
    matches!(label, "CERTIFICATE" | "X509 CERTIFICATE")
}

/// Tells by its elements what a DER structure is.
pub(super) fn sniff(bytes: &[u8]) -> Result<Form, KeyError> {
    if bytes.starts_with(&[0x30, 0x80]) {
        return Err(Foreign::INDEFINITE.refused());
    }
    let elements = der::sequence(bytes).map_err(|_| {
        encoding("is damaged or cut: its DER does not end where it says; copy the whole file again")
    })?;
    let tags: Vec<Tag> = elements.iter().map(|element| element.tag()).collect();
    match tags.as_slice() {
        [Tag::Integer, Tag::Sequence, Tag::OctetString, ..] => Ok(Form::Pkcs8),
        [Tag::Sequence, Tag::OctetString] => Ok(Form::EncryptedPkcs8),
        [Tag::Integer, Tag::OctetString, ..] => Ok(Form::Sec1),
        [Tag::Integer, Tag::Sequence, ..] => Ok(Form::Pkcs12),
        [Tag::Sequence, Tag::BitString] | [Tag::Integer, Tag::Integer] => Ok(Form::PublicKey),
        [Tag::Sequence, Tag::Sequence, Tag::BitString] => Ok(Form::CertificateOrRequest),
        [Tag::ObjectIdentifier, ..] => Ok(Form::Pkcs7),
        integers if integers.iter().filter(|tag| **tag == Tag::Integer).count() >= 9 => {
            Ok(Form::Pkcs1)
        }
        integers if integers.len() == 6 && integers.iter().all(|tag| *tag == Tag::Integer) => {
            Ok(Form::Dsa)
        }
        _ => Err(encoding(
            "is DER, but of no structure that holds a private key; check the path",
        )),
    }
}

/// Refuses the forms that are no private key, or none of use.
fn private(form: Form) -> Result<Form, KeyError> {
    match form {
        Form::Pkcs8 | Form::EncryptedPkcs8 | Form::Pkcs1 | Form::Sec1 => Ok(form),
        Form::Dsa => Err(KeyError::new(
            KeyErrorKind::Unsupported,
            "the key is a DSA key, which no algorithm of JWS uses; make an RSA or EC key",
        )),
        Form::PublicKey | Form::CertificateOrRequest => Err(not_private(&format!(
            "the file is {}, not a private key",
            form.name()
        ))),
        Form::Pkcs12 => Err(Foreign::PKCS12.refused()),
        Form::Pkcs7 => Err(Foreign::PKCS7.refused()),
    }
}

/// DER begins with the tag of a SEQUENCE, which is also the digit 0; but text holds no such bytes.
fn is_der(bytes: &[u8]) -> bool {
    let binary = |byte: &u8| !byte.is_ascii_graphic() && !byte.is_ascii_whitespace();
    bytes.starts_with(&[0x30]) && bytes.iter().any(binary)
}

/// What a text without any PEM block is likely to be.
fn explain_text(text: &str) -> KeyError {
    if ["ssh-rsa ", "ssh-ed25519 ", "ecdsa-sha2-"]
        .iter()
        .any(|start| text.starts_with(start))
    {
        return not_private("the file is an SSH public key, not a private key");
    }
    if text.contains("BEGIN ") {
        return encoding("has a damaged BEGIN line: it wants exactly five hyphens on each side");
    }
    let compact: Zeroizing<Vec<u8>> = Zeroizing::new(
        text.bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect(),
    );
    let decoded = STANDARD
        .decode(&compact)
        .or_else(|_| URL_SAFE_NO_PAD.decode(&compact))
        .map(Zeroizing::new);
    if compact.iter().all(u8::is_ascii_hexdigit) {
        return encoding("is hexadecimal text; decode it first (`xxd -r -p`)");
    }
    match decoded {
        Ok(inner) if inner.trim_ascii_start().starts_with(b"-----BEGIN ") => encoding(
            "is PEM encoded in base64 once more, as a Kubernetes secret is printed; decode it first (`base64 -d`)",
        ),
        Ok(inner) if inner.trim_ascii_start().starts_with(b"{") => {
            encoding("is JSON encoded in base64; decode it first (`base64 -d`)")
        }
        Ok(inner) if Foreign::by_magic(&inner).is_some() || is_der(&inner) => encoding(
            "is base64 without BEGIN and END lines; decode it to DER (`base64 -d`), or put the lines back",
        ),
        _ if !text.contains(char::is_whitespace)
            && (text.starts_with(['/', '.', '~'])
                || text.ends_with(".pem")
                || text.ends_with(".key")) =>
        {
            encoding("is a path where the key itself should be; refer to it as `file:PATH`")
        }
        _ => encoding("is neither PEM, nor DER, nor a JWK; check the path or the variable"),
    }
}

fn encoding(what: &str) -> KeyError {
    KeyError::new(KeyErrorKind::Encoding, format!("the key {what}"))
}

fn not_private(what: &str) -> KeyError {
    KeyError::new(
        KeyErrorKind::NotPrivate,
        format!("{what}; give the private key it belongs to"),
    )
}
