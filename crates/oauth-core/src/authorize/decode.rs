//! `application/x-www-form-urlencoded`, read so that nothing is guessed at.

use crate::secret::Secret;

/// The pairs of a query or a form, in order.
///
/// # Errors
/// A `%` without two hexadecimal digits, or bytes that are not UTF-8.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, Secret)>, &'static str> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, Secret::new(decode(value)?)))
        })
        .collect()
}

fn decode(text: &str) -> Result<String, &'static str> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = match (byte, tail) {
            (b'+', _) => {
                decoded.push(b' ');
                tail
            }
            (b'%', [high, low, tail @ ..]) => {
                let digit = |byte: u8| {
                    char::from(byte)
                        .to_digit(16)
                        .and_then(|d| u8::try_from(d).ok())
                };
                let (high, low) = digit(*high).zip(digit(*low)).ok_or(BROKEN)?;
                decoded.push(high << 4 | low);
                tail
            }
            (b'%', _) => return Err(BROKEN),
            _ => {
                decoded.push(*byte);
                tail
            }
        };
    }
    String::from_utf8(decoded).map_err(|_| "it is not UTF-8")
}

const BROKEN: &str = "it has a `%` without two hexadecimal digits";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_names_and_values_and_guesses_nothing() {
        let read = pairs("a=1&%62=x%26+y&c&&d=%C3%A9=").unwrap();
        let read: Vec<(&str, &str)> = read
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose()))
            .collect();
        assert_eq!(read, [("a", "1"), ("b", "x& y"), ("c", ""), ("d", "é=")]);
        for bad in ["a=%", "a=%4", "a=%zz", "a=%ff", "%+1=a", "%c3=1"] {
            pairs(bad).unwrap_err();
        }
    }
}
