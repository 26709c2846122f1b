//! What is made by chance.

use aws_lc_rs::rand;
use oauth_core::error::StoreFault;
use oauth_core::record::StoreError;
use zeroize::Zeroizing;

/// Bytes that nobody can guess.
pub fn random_bytes(length: usize) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let mut bytes = Zeroizing::new(vec![0; length]);
    rand::fill(&mut bytes)
        .map_err(|_| StoreError::new(StoreFault::Unavailable, "the system has no randomness"))?;
    Ok(bytes)
}

/// So many bytes as lower-case hexadecimal digits.
pub fn random_digits(bytes: usize) -> Result<String, StoreError> {
    let random = random_bytes(bytes)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
