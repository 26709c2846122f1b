//! What else an answer said of the connection: carried on with the token, never printed.

use std::collections::BTreeMap;
use std::fmt;

use url::Url;

use crate::secret::Secret;

/// Facts by name. `Debug` prints the names alone.
#[derive(Clone, Default)]
pub(crate) struct Facts {
    values: BTreeMap<String, Secret>,
    origins: BTreeMap<String, Url>,
}

impl Facts {
    /// These, and which of them are origins.
    pub fn new(values: BTreeMap<String, Secret>, origins: BTreeMap<String, Url>) -> Self {
        Self { values, origins }
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(Secret::expose)
    }

    pub fn origin(&self, name: &str) -> Option<&Url> {
        self.origins.get(name)
    }
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}
