//! The keys that seal, and the id of the store they belong to.

mod file;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::rand;
use oauth_core::Secret;
use oauth_core::error::StoreFault;
use oauth_core::record::StoreError;
use zeroize::Zeroizing;

use crate::keys::text::KeyText;
use crate::seal::Key;

/// The keys a store is sealed with: one is current, the others open what was sealed before. Beside them
/// stands the id of the store, so that a database that was emptied or swapped is not taken for ours.
///
/// The text they are kept as is TOML:
///
/// ```toml
/// store = "5f0d…"                # 32 hexadecimal digits
/// current = "k3b1c9a52"
///
/// [keys]
/// k3b1c9a52 = "…"                # 32 bytes, Base64
/// ```
///
/// Cheap to clone. `Debug` prints ids alone.
#[derive(Clone)]
pub struct SealingKeys(Arc<Inner>);

struct Inner {
    store: String,
    current: String,
    keys: BTreeMap<String, Key>,
}

impl SealingKeys {
    /// Makes a file with one key, which only its owner can read. One that exists is never touched.
    ///
    /// # Errors
    /// It exists already, or the folder cannot be written, or may be written by others.
    pub fn generate(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let text = KeyText::new()?;
        file::create(path.as_ref(), &text.to_text())?;
        Self::build(&text)
    }

    /// The keys of a file, or a new file where there is none.
    ///
    /// # Errors
    /// As [`SealingKeys::from_file`] and [`SealingKeys::generate`].
    pub fn from_file_or_generate(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        if path.symlink_metadata().is_ok() {
            return Self::from_file(path);
        }
        match Self::generate(path) {
            // another process was faster
            Err(_) if path.symlink_metadata().is_ok() => Self::from_file(path),
            made => made,
        }
    }

    /// The keys of a file that only its owner can read.
    ///
    /// # Errors
    /// [`StoreFault::KeyUnavailable`]: it is missing or not what it should be.
    /// [`StoreFault::Permission`]: others can read or change it, or it is a link.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let text = file::read(path)?;
        Self::build(&KeyText::parse(&text, &path.display().to_string())?)
    }

    /// The keys of an environment variable.
    ///
    /// # Errors
    /// [`StoreFault::KeyUnavailable`]: it is not set, or not what it should be.
    pub fn from_variable(name: &str) -> Result<Self, StoreError> {
        let text = std::env::var(name).map_err(|_| {
            StoreError::new(
                StoreFault::KeyUnavailable,
                format!("the environment variable {name} holds no keys; set it"),
            )
        })?;
        Self::build(&KeyText::parse(&Zeroizing::new(text), name)?)
    }

    /// The keys of a text that the program has from elsewhere, such as
    /// [`Env::secret`](oauth_core::Env::secret).
    ///
    /// # Errors
    /// [`StoreFault::KeyUnavailable`]: it is not what it should be.
    pub fn from_text(text: &Secret) -> Result<Self, StoreError> {
        Self::build(&KeyText::parse(text.expose(), "the text of keys")?)
    }

    /// Adds a key to a file and makes it the current one; the former ones stay. Then
    /// `reseal` a store, and only after that remove the old key from the file.
    ///
    /// # Errors
    /// As [`SealingKeys::from_file`], or the file cannot be replaced; it is then as it was.
    pub fn add(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let mut text = KeyText::parse(&file::read(path)?, &path.display().to_string())?;
        text.add()?;
        file::replace(path, &text.to_text())?;
        Self::build(&text)
    }

    /// A new text of keys, to be put where the program keeps its secrets.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn new_text() -> Result<Secret, StoreError> {
        Ok(Secret::new(KeyText::new()?.to_text().as_str()))
    }

    /// A text of keys with one more, which is the current one.
    ///
    /// # Errors
    /// As [`SealingKeys::from_text`].
    pub fn add_to_text(text: &Secret) -> Result<Secret, StoreError> {
        let mut text = KeyText::parse(text.expose(), "the text of keys")?;
        text.add()?;
        Ok(Secret::new(text.to_text().as_str()))
    }

    /// The id of the store they belong to.
    pub fn store(&self) -> &str {
        &self.0.store
    }

    /// The id of the key that seals.
    pub fn current_id(&self) -> &str {
        &self.0.current
    }

    #[cfg(test)]
    pub(crate) fn new_random() -> Result<Self, StoreError> {
        Self::build(&KeyText::new()?)
    }

    pub(crate) fn current(&self) -> (&str, &Key) {
        // `build` proved that it is there
        (&self.0.current, &self.0.keys[&self.0.current])
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<&Key> {
        self.0.keys.get(id)
    }

    fn build(text: &KeyText) -> Result<Self, StoreError> {
        let keys = text.keys()?;
        Ok(Self(Arc::new(Inner {
            store: text.store.clone(),
            current: text.current.clone(),
            keys,
        })))
    }
}

/// Lower-case hexadecimal digits by chance.
pub(crate) fn random_digits(bytes: usize) -> Result<String, StoreError> {
    let random = random_bytes(bytes)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn random_bytes(length: usize) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let mut bytes = Zeroizing::new(vec![0; length]);
    rand::fill(&mut bytes)
        .map_err(|_| StoreError::new(StoreFault::Unavailable, "the system has no randomness"))?;
    Ok(bytes)
}

impl fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKeys")
            .field("store", &self.0.store)
            .field("current", &self.0.current)
            .field("keys", &self.0.keys.keys())
            .finish()
    }
}
