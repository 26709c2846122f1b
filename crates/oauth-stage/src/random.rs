//! Values nobody can guess.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

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
