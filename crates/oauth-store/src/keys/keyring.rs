//! Keys in the keyring of the operating system: the Secret Service over D-Bus, Keychain Services, the
//! Credential Manager; or what the program has set as the default store of `keyring_core`.
//!
//! These calls wait for the keyring, and perhaps for a person who opens it: not for an async task.

use ::keyring::v1;
use keyring_core::{Entry, Error, get_default_store};
use oauth_core::Secret;
use oauth_core::error::StoreFault;
use oauth_core::record::StoreError;
use zeroize::Zeroizing;

use crate::keys::SealingKeys;
use crate::keys::text::KeyText;

impl SealingKeys {
    /// The keys that the keyring holds for a service and a user.
    ///
    /// # Errors
    /// [`StoreFault::KeyUnavailable`]: there is no keyring, it is locked, it holds none, or they are not
    /// what they should be. No other place is tried.
    pub fn from_keyring(service: &str, user: &str) -> Result<Self, StoreError> {
        Self::build(&read(&entry(service, user)?)?)
    }

    /// Makes new keys in the keyring. What is there is never overwritten.
    ///
    /// # Errors
    /// As [`SealingKeys::from_keyring`]; [`StoreFault::Locked`]: there are keys already;
    /// [`StoreFault::Full`]: the entry is too large for this keyring.
    pub fn generate_in_keyring(service: &str, user: &str) -> Result<Self, StoreError> {
        let entry = entry(service, user)?;
        match entry.get_password() {
            Err(Error::NoEntry) => {}
            Err(error) => return Err(failed(&error)),
            Ok(text) => {
                drop(Zeroizing::new(text));
                let text = "the keyring holds keys of that name already; they are left as they are";
                return Err(StoreError::new(StoreFault::Locked, text));
            }
        }
        write(&entry, &KeyText::new()?)?;
        // where two make one at once, both go on with the one that is there
        Self::build(&read(&entry)?)
    }

    /// As [`SealingKeys::add`], in the keyring.
    ///
    /// # Errors
    /// As [`SealingKeys::generate_in_keyring`]; the entry is then as it was.
    pub fn add_in_keyring(service: &str, user: &str) -> Result<String, StoreError> {
        let entry = entry(service, user)?;
        let mut text = read(&entry)?;
        let id = text.add()?;
        write(&entry, &text)?;
        Ok(id)
    }

    /// As [`SealingKeys::make_current`], in the keyring.
    ///
    /// # Errors
    /// As [`SealingKeys::add_in_keyring`], or there is no key of that id.
    pub fn make_current_in_keyring(
        service: &str,
        user: &str,
        id: &str,
    ) -> Result<Self, StoreError> {
        let entry = entry(service, user)?;
        let mut text = read(&entry)?;
        text.make_current(id)?;
        write(&entry, &text)?;
        Self::build(&text)
    }

    /// Puts a text of keys into the keyring, over what is there: a copy that was kept elsewhere, or one
    /// from which old keys were taken.
    ///
    /// # Errors
    /// As [`SealingKeys::generate_in_keyring`], or it is no text of keys.
    pub fn restore_to_keyring(
        service: &str,
        user: &str,
        text: &Secret,
    ) -> Result<Self, StoreError> {
        let text = KeyText::parse(text.expose(), "the text of keys")?;
        write(&entry(service, user)?, &text)?;
        Self::build(&text)
    }
}

fn entry(service: &str, user: &str) -> Result<Entry, StoreError> {
    if get_default_store().is_none()
        && let Err(error) = v1::Entry::store_status()
    {
        return Err(failed(error));
    }
    Entry::new(service, user).map_err(|error| failed(&error))
}

fn read(entry: &Entry) -> Result<KeyText, StoreError> {
    let text = entry.get_password().map_err(|error| failed(&error))?;
    KeyText::parse(&Zeroizing::new(text), "the keyring")
}

fn write(entry: &Entry, text: &KeyText) -> Result<(), StoreError> {
    let written = entry.set_password(&text.to_text());
    written.map_err(|error| failed(&error))
}

/// What the keyring says; never what it holds, which some of its errors carry.
fn failed(error: &Error) -> StoreError {
    let (fault, text) = match error {
        Error::NoEntry => (
            StoreFault::KeyUnavailable,
            "the keyring holds no keys of that name; make them with `generate_in_keyring`"
                .to_owned(),
        ),
        Error::NoStorageAccess(_) => (
            StoreFault::KeyUnavailable,
            "the keyring is locked or cannot be reached; unlock it".to_owned(),
        ),
        Error::TooLong(what, most) => (
            StoreFault::Full,
            format!(
                "the keyring takes no more than {most} for {what}; remove old keys, or keep them in \
                 a file"
            ),
        ),
        Error::BadEncoding(_) | Error::BadDataFormat(..) => (
            StoreFault::KeyUnavailable,
            "the keyring holds something else under that name".to_owned(),
        ),
        _ => (
            StoreFault::KeyUnavailable,
            "there is no keyring here; keep the keys in a file or a variable".to_owned(),
        ),
    };
    StoreError::new(fault, text)
}
