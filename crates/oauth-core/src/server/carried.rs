//! Which of the facts that are carried on with a token are origins: by what is declared now.

use std::collections::BTreeMap;

use url::Url;

use crate::http::url::check;
use crate::secret::Secret;
use crate::server::departures::FactDeparture;
use crate::text::escape;
use crate::token::Facts;

/// The facts that were kept, for a token.
pub(crate) fn carried(
    values: &BTreeMap<String, Secret>,
    declared: &[FactDeparture],
    loopback_http: bool,
) -> Facts {
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
    Facts::new(values.clone(), origins)
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
