//! Values nobody can guess, made for the run.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// 256 random bits in base64url.
#[expect(
    clippy::expect_used,
    reason = "without a random source no secret may be made, and no input can cause it"
)]
pub(crate) fn text() -> String {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has a random source");
    URL_SAFE_NO_PAD.encode(bytes)
}
