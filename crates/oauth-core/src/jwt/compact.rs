//! The form of a signed token (RFC 7515 7.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::error::{Error, JwtFault};
use crate::json;
use crate::jwt::TokenType;
use crate::jwt::fault::{of_issuer, refused};

/// The most bytes of a token.
const LIMIT: usize = 64 * 1024;

/// A token taken apart. Its claims are not read before its signature is checked.
pub(super) struct Compact<'a> {
    signed: &'a str,
    signature: Vec<u8>,
    payload: Vec<u8>,
    algorithm: String,
    key_id: Option<String>,
    kind: Option<String>,
}

impl<'a> Compact<'a> {
    pub fn parse(token: &'a str) -> Result<Self, Error> {
        if token.len() > LIMIT {
            return Err(malformed("is longer than 64 KiB"));
        }
        let parts: Vec<&str> = token.split('.').take(6).collect();
        let [header, payload, signature] = match *parts.as_slice() {
            [header, payload, signature] => [header, payload, signature],
            [_, _, _, _, _] => {
                return Err(refused(
                    JwtFault::Malformed,
                    "the token is encrypted (JWE)",
                    "have the client registered for tokens that are signed and not encrypted",
                ));
            }
            _ => return Err(malformed("has not three parts (RFC 7515 7.1)")),
        };
        let signed = token
            .get(..header.len() + 1 + payload.len())
            .unwrap_or_default();
        let header = object(&decoded(header, "header")?, "header")?;
        check_critical(&header)?;
        Ok(Self {
            signed,
            signature: decoded(signature, "signature")?,
            payload: decoded(payload, "payload")?,
            algorithm: text(&header, "alg")?
                .ok_or_else(|| malformed("has no `alg` in its header (RFC 7515 4.1.1)"))?,
            key_id: text(&header, "kid")?,
            kind: text(&header, "typ")?,
        })
    }

    /// What was signed (RFC 7515 5.2 step 8).
    pub fn signed(&self) -> &[u8] {
        self.signed.as_bytes()
    }

    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// As its header has it.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// RFC 8725 3.11; `application/` may be left out, and case does not count (RFC 7515 4.1.9).
    pub fn check_type(&self, wanted: TokenType<'_>) -> Result<(), Error> {
        let kind = self.kind.as_deref().map(|kind| {
            let short = kind.get(.."application/".len());
            match short.is_some_and(|start| start.eq_ignore_ascii_case("application/")) {
                true => kind.split_at("application/".len()).1,
                false => kind,
            }
        });
        let is_wanted = match (wanted, kind) {
            (TokenType::Jwt, None) => true,
            (TokenType::Jwt, Some(kind)) => kind.eq_ignore_ascii_case("JWT"),
            (TokenType::Named(name), kind) => {
                kind.is_some_and(|kind| kind.eq_ignore_ascii_case(name))
            }
        };
        match is_wanted {
            true => Ok(()),
            false => Err(of_issuer(
                JwtFault::Type,
                "the token is of another type (`typ`) than is expected here (RFC 8725 3.11)",
            )),
        }
    }

    /// The claims; call it when the signature was checked.
    pub fn claims(&self) -> Result<Map<String, Value>, Error> {
        object(&self.payload, "payload")
    }
}

/// No extension is understood here, so none may be critical (RFC 7515 4.1.11); a payload that is not encoded
/// is one (RFC 7797 6).
fn check_critical(header: &Map<String, Value>) -> Result<(), Error> {
    let is_plain = header
        .get("b64")
        .is_none_or(|b64| *b64 == Value::Bool(true));
    match is_plain && !header.contains_key("crit") {
        true => Ok(()),
        false => Err(of_issuer(
            JwtFault::Critical,
            "the token's header demands what is not understood here (`crit`, or `b64` of RFC 7797)",
        )),
    }
}

fn decoded(part: &str, name: &str) -> Result<Vec<u8>, Error> {
    match URL_SAFE_NO_PAD.decode(part) {
        Ok(bytes) if !bytes.is_empty() => Ok(bytes),
        Ok(_) => Err(malformed(&format!("has an empty {name}"))),
        Err(_) => Err(malformed(&format!(
            "has a {name} that is not base64url without padding (RFC 7515 2)"
        ))),
    }
}

fn object(bytes: &[u8], name: &str) -> Result<Map<String, Value>, Error> {
    match json::unique(bytes) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(malformed(&format!("has a {name} that is no JSON object"))),
        Err(error) if error.is_data() => Err(malformed(&format!(
            "has a {name} that holds a member twice (RFC 7519 4)"
        ))),
        Err(_) => Err(malformed(&format!("has a {name} that is not JSON"))),
    }
}

fn text(header: &Map<String, Value>, name: &str) -> Result<Option<String>, Error> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(malformed(&format!(
            "has a `{name}` in its header that is no string"
        ))),
    }
}

fn malformed(problem: &str) -> Error {
    of_issuer(JwtFault::Malformed, format!("the token {problem}"))
}
