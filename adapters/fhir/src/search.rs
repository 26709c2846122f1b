//! One page of a search (`Bundle`, FHIR R4).

use oauth_core::client::Quote;
use oauth_core::error::Error;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::outcome::OperationOutcome;
use crate::resource::{another_form, into_resource};

/// One page of what a search found: <https://hl7.org/fhir/R4/bundle.html#searchset>.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SearchPage<T> {
    /// How many match on all pages together, where the server says so.
    pub total: Option<u64>,
    /// What matches.
    pub matches: Vec<T>,
    /// What the server added because a match refers to it, of whatever type.
    pub included: Vec<Value>,
    /// What the server says of the search, such as that it ignored a parameter.
    pub outcome: Option<OperationOutcome>,
    /// Where the next page is; `None`: this is the last one.
    /// [`AuthorizedClient::get`](oauth_core::client::AuthorizedClient::get) takes it, and refuses one that
    /// leads to another server.
    pub next: Option<String>,
}

impl<T: DeserializeOwned> SearchPage<T> {
    /// Reads a bundle.
    pub(crate) fn read(mut bundle: Value, quote: &Quote) -> Result<Self, Error> {
        if bundle["type"] != "searchset" {
            return Err(another_form("a `Bundle` that is no `searchset`"));
        }
        let mut page = Self {
            total: bundle["total"].as_u64(),
            matches: Vec::new(),
            included: Vec::new(),
            outcome: None,
            next: next(&bundle["link"]),
        };
        let Some(Value::Array(entries)) = bundle.get_mut("entry").map(Value::take) else {
            return Ok(page);
        };
        for mut entry in entries {
            let Some(resource) = entry.get_mut("resource").map(Value::take) else {
                continue; // a link alone, which no search needs
            };
            match entry["search"]["mode"].as_str() {
                // some servers name no mode where everything matches
                Some("match") | None => page.matches.push(into_resource(resource)?),
                Some("outcome") => page.outcome = OperationOutcome::read(&resource, quote),
                Some(_) => page.included.push(resource),
            }
        }
        Ok(page)
    }
}

fn next(links: &Value) -> Option<String> {
    let link = links
        .as_array()?
        .iter()
        .find(|link| link["relation"] == "next")?;
    link["url"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(bundle: Value) -> Result<SearchPage<Value>, Error> {
        let bare = http::Response::new(Vec::new()).into();
        SearchPage::read(bundle, &Quote::from(&bare))
    }

    #[test]
    fn a_page_tells_matches_from_what_was_added() {
        let page = read(json!({"resourceType": "Bundle", "type": "searchset", "total": 2,
            "link": [{"relation": "self", "url": "a"}, {"relation": "next", "url": "b"}],
            "entry": [
                {"resource": {"id": "1"}, "search": {"mode": "match"}},
                {"resource": {"id": "2"}},
                {"resource": {"id": "3"}, "search": {"mode": "include"}},
                {"resource": {"resourceType": "OperationOutcome", "issue": [{"code": "not-supported", "severity": "warning"}]},
                 "search": {"mode": "outcome"}},
            ]}))
        .unwrap();
        assert_eq!(page.matches, [json!({"id": "1"}), json!({"id": "2"})]);
        assert_eq!(page.included, [json!({"id": "3"})]);
        assert!(page.outcome.unwrap().has("not-supported"));
        assert_eq!((page.total, page.next.as_deref()), (Some(2), Some("b")));
    }

    #[test]
    fn an_empty_page_has_no_entry_and_another_bundle_is_none() {
        let page = read(json!({"type": "searchset"})).unwrap();
        assert!(page.matches.is_empty() && page.total.is_none() && page.next.is_none());
        assert!(read(json!({"type": "batch-response"})).is_err());
        for entries in [
            json!(7),
            json!([7, [], null, {"search": {"mode": "match"}}]),
        ] {
            let page = read(json!({"type": "searchset", "entry": entries, "link": 7})).unwrap();
            assert!(page.matches.is_empty());
        }
    }
}
