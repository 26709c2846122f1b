//! The keys that seal, and the id of the store they belong to.

mod file;
#[cfg(feature = "keyring")]
mod keyring;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use oauth_core::error::StoreFault;
use oauth_core::record::StoreError;
use oauth_core::secret::{Secret, SecretRef, Secrets};

use crate::key::Key;
use crate::keys::text::KeyText;

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

    /// The keys that a configuration names, `env:NAME` or `file:PATH`. Of the file's permissions this
    /// asks less than [`SealingKeys::from_file`], so that it can be one that a container is given:
    /// others must not be able to write it; that they can read it is a warning.
    ///
    /// # Errors
    /// [`StoreFault::KeyUnavailable`]: they are not there, or not what they should be.
    pub fn from_secret(reference: &SecretRef) -> Result<Self, StoreError> {
        let missing = |problem: String| StoreError::new(StoreFault::KeyUnavailable, problem);
        let bytes = reference
            .read_bytes(&Secrets::default())
            .map_err(|fault| missing(fault.to_string()))?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| missing(format!("{reference:?} is not UTF-8 text")))?;
        Self::build(&KeyText::parse(text, &format!("{reference:?}"))?)
    }

    /// The keys of a text that the program has from elsewhere.
    ///
    /// # Errors
    /// [`StoreFault::KeyUnavailable`]: it is not what it should be.
    pub fn from_text(text: &Secret) -> Result<Self, StoreError> {
        Self::build(&KeyText::parse(text.expose(), "the text of keys")?)
    }

    /// Adds a key to a file; its id. It opens and does not seal yet, so that every process can be given
    /// the file before [`SealingKeys::make_current`] makes one seal with it.
    ///
    /// # Errors
    /// As [`SealingKeys::from_file`], or the file cannot be replaced; it is then as it was.
    pub fn add(path: impl AsRef<Path>) -> Result<String, StoreError> {
        let path = path.as_ref();
        let mut text = KeyText::parse(&file::read(path)?, &path.display().to_string())?;
        let id = text.add()?;
        file::replace(path, &text.to_text())?;
        Ok(id)
    }

    /// Makes a key of a file the one that seals; the others stay. Then `reseal` the store, and only
    /// after that, and not before the last process has this file, remove the old key from it.
    ///
    /// # Errors
    /// As [`SealingKeys::add`], or the file has no key of that id.
    pub fn make_current(path: impl AsRef<Path>, id: &str) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let mut text = KeyText::parse(&file::read(path)?, &path.display().to_string())?;
        text.make_current(id)?;
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

    /// As [`SealingKeys::add`], in a text: the new text, and the new key's id.
    ///
    /// # Errors
    /// As [`SealingKeys::from_text`].
    pub fn add_to_text(text: &Secret) -> Result<(Secret, String), StoreError> {
        let mut text = KeyText::parse(text.expose(), "the text of keys")?;
        let id = text.add()?;
        Ok((Secret::new(text.to_text().as_str()), id))
    }

    /// As [`SealingKeys::make_current`], in a text.
    ///
    /// # Errors
    /// As [`SealingKeys::from_text`], or it has no key of that id.
    pub fn make_current_in_text(text: &Secret, id: &str) -> Result<Secret, StoreError> {
        let mut text = KeyText::parse(text.expose(), "the text of keys")?;
        text.make_current(id)?;
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

impl fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKeys")
            .field("store", &self.0.store)
            .field("current", &self.0.current)
            .field("keys", &self.0.keys.keys())
            .finish()
    }
}
