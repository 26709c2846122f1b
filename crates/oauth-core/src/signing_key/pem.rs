//! The textual encoding of keys and certificates (RFC 7468).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::signing_key::error::{KeyError, KeyErrorKind};
use crate::text;

/// What begins every block.
pub(super) const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// What stands between one BEGIN line and its END line; not decoded yet.
pub(super) struct Block<'a> {
    pub label: &'a str,
    body: &'a str,
}

/// The blocks of a text in their order. What stands outside of them is explanatory (RFC 7468 5.2).
///
/// Line breaks count as any other white space: CRLF, indented lines, and a text that lost its
/// line breaks on the way through a variable are read alike.
pub(super) fn blocks(text: &str) -> Result<Vec<Block<'_>>, KeyError> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let (label, after) = label(after, "BEGIN")?;
        let (body, after) = after
            .split_once(END)
            .filter(|(body, _)| !body.contains(BEGIN))
            .ok_or_else(|| {
                damaged(format!(
                    "`{BEGIN}{label}{DASHES}` has no END line: the text is cut; copy the whole file again"
                ))
            })?;
        let (end, after) = self::label(after, "END")?;
        if end != label {
            return Err(damaged(format!(
                "the block begins as `{label}` and ends as `{end}`; copy the file again, it is two mixed up"
            )));
        }
        blocks.push(Block { label, body });
        rest = after;
    }
    Ok(blocks)
}

fn label<'a>(text: &'a str, line: &str) -> Result<(&'a str, &'a str), KeyError> {
    text.split_once(DASHES)
        .filter(|(label, _)| {
            !label.is_empty()
                && label.len() <= 64
                && label
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || " .#".contains(c))
                // a longer word could be a line of a key, and labels are shown
                && label.split(' ').all(|word| word.len() < 20)
        })
        .ok_or_else(|| {
            damaged(format!(
                "its {line} line is damaged or cut; copy the whole file again"
            ))
        })
}

impl Block<'_> {
    /// The bytes of the block.
    pub(super) fn decode(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        if self.body.contains("Proc-Type:") {
            return Err(KeyError::new(
                KeyErrorKind::Unsupported,
                "the key is encrypted in the way of old OpenSSL (`Proc-Type: 4,ENCRYPTED`), which is weak; \
                 convert it with `openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD -out NEW`",
            ));
        }
        if self.body.contains("\\n") {
            return Err(damaged(
                "its line breaks are the two characters `\\n`; put real line breaks, or none at all, into the \
                 variable, or give the key as a file"
                    .into(),
            ));
        }
        if self.body.contains(':') {
            return Err(damaged(format!(
                "the block `{}` holds headers, which RFC 7468 does not allow; remove them",
                self.label
            )));
        }
        let compact: Zeroizing<Vec<u8>> = Zeroizing::new(
            self.body
                .bytes()
                .filter(|byte| !byte.is_ascii_whitespace())
                .collect(),
        );
        STANDARD.decode(&compact).map(Zeroizing::new).map_err(|_| {
            damaged(format!(
                "the base64 of the block `{}` is damaged or cut; copy the whole file again",
                self.label
            ))
        })
    }

    /// The label, safe to print.
    pub(super) fn shown(&self) -> String {
        text::escape(self.label)
    }
}

fn damaged(what: String) -> KeyError {
    KeyError::new(
        KeyErrorKind::Encoding,
        format!("the PEM text is damaged: {what}"),
    )
}
