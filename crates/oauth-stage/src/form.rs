//! `application/x-www-form-urlencoded`, read strictly: what a lenient reader would guess at is an error here.

/// The pairs of a form or a query in their order, decoded.
///
/// # Errors
/// Names the fault without quoting a value: values may be secrets.
pub(crate) fn pairs(form: &str) -> Result<Vec<(String, String)>, String> {
    form.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name).map_err(|fault| format!("a parameter's name {fault}"))?;
            let value = decode(value).map_err(|fault| format!("the value of {name} {fault}"))?;
            Ok((name, value))
        })
        .collect()
}

/// The pairs as far as they can be read, for logs and for the search after leaks.
pub(crate) fn pairs_lossy(form: &str) -> Vec<(String, String)> {
    let readable = |part: &str| decode_lossy(part).unwrap_or_else(|| part.to_owned());
    form.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (readable(name), readable(value)))
        .collect()
}

/// One name or value, decoded (RFC 6749 appendix B).
///
/// # Errors
/// When it could not have been written by an encoder of forms: a reserved or non-ASCII
/// character that stands for itself, a `%` without two hex digits, bytes that are not UTF-8.
pub(crate) fn decode(encoded: &str) -> Result<String, &'static str> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = match byte {
            b'+' => {
                decoded.push(b' ');
                tail
            }
            b'%' => {
                let (value, tail) = hex_pair(tail).ok_or("has a % without two hex digits")?;
                decoded.push(value);
                tail
            }
            // `~` is left alone by encoders that follow RFC 3986, `*` by those that follow HTML
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'*' | b'~' => {
                decoded.push(byte);
                tail
            }
            _ => return Err("is not form-encoded: a reserved character stands for itself"),
        };
    }
    String::from_utf8(decoded).map_err(|_| "is not UTF-8")
}

/// One name or value, encoded (RFC 6749 appendix B).
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// One text, decoded as far as it can be; `None`: nothing in it is encoded.
fn decode_lossy(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let (value, tail) = match byte {
            b'+' => (b' ', tail),
            b'%' => hex_pair(tail).unwrap_or((byte, tail)),
            _ => (byte, tail),
        };
        decoded.push(value);
        rest = tail;
    }
    (decoded != text.as_bytes()).then(|| String::from_utf8_lossy(&decoded).into_owned())
}

/// A path, decoded as far as it can be; `None`: nothing in it is encoded. There `+` stands for itself.
pub(crate) fn decode_path(path: &str) -> Option<String> {
    decode_lossy(&path.replace('+', "%2B")).filter(|decoded| decoded != path)
}

fn hex_pair(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let [high, low, tail @ ..] = bytes else {
        return None;
    };
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    Some((digit(*high)? << 4 | digit(*low)?, tail))
}

#[cfg(test)]
mod tests {
    use super::{decode, pairs};

    #[test]
    fn decodes_what_an_encoder_writes() {
        assert_eq!(
            decode("a%3Ab%25%3f%2B+%C3%A9*-._~").unwrap(),
            "a:b%?+ é*-._~"
        );
        assert_eq!(
            pairs("a=1&b=&c=x%26y").unwrap(),
            [("a", "1"), ("b", ""), ("c", "x&y")].map(|(n, v)| (n.to_owned(), v.to_owned()))
        );
    }

    #[test]
    fn refuses_what_no_encoder_writes() {
        for raw in ["a:b", "a b", "é", "a/b", "100%", "%zz", "%4", "%ff", "a=b"] {
            assert!(decode(raw).is_err(), "{raw}");
        }
    }
}
