//! What else an answer said of the connection: carried on with the token, never printed.

use std::collections::BTreeMap;
use std::fmt;

use url::Url;

use crate::http::url::check;
use crate::secret::Secret;
use crate::server::FactDeparture;
use crate::text::escape;

/// Facts by name. `Debug` prints the names alone.
#[derive(Clone, Default)]
pub(crate) struct Facts {
    values: BTreeMap<String, Secret>,
    origins: BTreeMap<String, Url>,
}

impl Facts {
    /// Those that were kept; which of them are origins is what is declared now.
    pub fn new(
        values: &BTreeMap<String, Secret>,
        declared: &[FactDeparture],
        loopback_http: bool,
    ) -> Self {
        let mut origins = BTreeMap::new();
        for fact in declared
            .iter()
            .filter(|fact| !fact.host_suffixes.is_empty())
        {
            let Some(value) = values.get(&fact.name) else {
                continue;
            };
            match origin(value.expose(), &fact.host_suffixes, loopback_http) {
                Some(url) => drop(origins.insert(fact.name.clone(), url)),
                None => {
                    let fact = escape(&fact.name);
                    tracing::warn!(
                        fact,
                        "this names a host that is not declared: no token is sent there"
                    );
                }
            }
        }
        Self {
            values: values.clone(),
            origins,
        }
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

/// A URL, or a bare host, whose host is one of those or below one of them.
fn origin(value: &str, suffixes: &[String], loopback_http: bool) -> Option<Url> {
    let url = match value.contains("://") {
        true => Url::parse(value),
        false => Url::parse(&format!("https://{value}")),
    };
    let url = url.ok()?;
    check(&url, loopback_http).ok()?;
    if url.query().is_some() {
        return None;
    }
    let host = url.host_str()?;
    let is_below = |suffix: &String| {
        let suffix = suffix.to_ascii_lowercase();
        host == suffix
            || host
                .strip_suffix(&suffix)
                .is_some_and(|rest| rest.ends_with('.'))
    };
    suffixes.iter().any(is_below).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_declared_host_or_one_below_it() {
        let suffixes = ["Api.example".to_owned(), "127.0.0.1".to_owned()];
        for good in [
            "https://api.example",
            "https://eu.API.example/base",
            "eu.api.example",
            "http://127.0.0.1:8080",
        ] {
            origin(good, &suffixes, true).unwrap();
        }
        for bad in [
            "https://evil.example",
            "https://evilapi.example",
            "https://api.example.evil.example",
            "https://api.example@evil.example",
            "https://user@api.example",
            "http://api.example",
            "https://api.example/?next=1",
            "https://api.example#x",
            "api.example#@evil.example",
            "evil.example/api.example",
            "evil.example\\.api.example",
            "javascript://api.example",
            "",
        ] {
            assert_eq!(origin(bad, &suffixes, true), None, "{bad}");
        }
        assert_eq!(origin("http://127.0.0.1/", &suffixes, false), None);
    }
}
