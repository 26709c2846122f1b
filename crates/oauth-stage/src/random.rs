//! Values nobody can guess.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Eight letters without vowels and a hyphen, as somebody types them (RFC 8628 6.1).
pub(crate) fn letters() -> String {
    const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
    let drawn = token("");
    let drawn = drawn.bytes().take(8).enumerate();
    let mut text = String::new();
    for (place, byte) in drawn {
        if place == 4 {
            text.push('-');
        }
        text.push(char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
    }
    text
}

/// `prefix` and 256 random bits in base64url.
#[expect(
    clippy::expect_used,
    reason = "without a random source no token may be made, and no input can cause it"
)]
pub(crate) fn token(prefix: &str) -> String {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has a random source");
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes))
}
