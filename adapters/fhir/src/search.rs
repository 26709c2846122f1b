//! One page of a search (`Bundle`, FHIR R4).

use oauth_core::client::Quote;
use oauth_core::error::Error;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::outcome::OperationOutcome;
use crate::resource::{another_form, fit};

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
    /// Where the next page is, as the server wrote it; `None`: this is the last one.
    /// [`AuthorizedClient::get`](oauth_core::client::AuthorizedClient::get) takes it, and refuses one that
    /// leads to another server.
    pub next: Option<String>,
}

impl<T: DeserializeOwned> SearchPage<T> {
    /// Reads a bundle of a search for that type.
    pub(crate) fn read(
        mut bundle: Value,
        resource_type: &str,
        quote: &Quote,
    ) -> Result<Self, Error> {
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
            if let Some(outcome) = OperationOutcome::read(&resource, quote) {
                let said = page.outcome.get_or_insert_default();
                said.issues.extend(outcome.issues);
            } else if !resource["resourceType"].is_string() {
                return Err(another_form(
                    "a page that holds something that is no resource",
                ));
            } else if is_match(&entry) && resource["resourceType"] == resource_type {
                page.matches.push(fit(resource)?);
            } else {
                page.included.push(resource);
            }
        }
        Ok(page)
    }
}

/// Some servers name no mode where everything matches.
fn is_match(entry: &Value) -> bool {
    matches!(entry["search"]["mode"].as_str(), Some("match") | None)
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
        SearchPage::read(bundle, "Patient", &Quote::from(&bare))
    }

    fn patient(id: &str) -> Value {
        json!({"resourceType": "Patient", "id": id})
    }

    #[test]
    fn a_page_tells_matches_from_what_was_added() {
        let issue = json!({"code": "not-supported", "severity": "warning"});
        let outcome = json!({"resourceType": "OperationOutcome", "issue": [issue]});
        let group = json!({"resourceType": "Group", "id": "4"});
        let page = read(
            json!({"resourceType": "Bundle", "type": "searchset", "total": 2,
            "link": [{"relation": "self", "url": "a"}, {"relation": "next", "url": "b"}],
            "entry": [
                {"resource": patient("1"), "search": {"mode": "match"}},
                {"resource": patient("2")},
                {"resource": patient("3"), "search": {"mode": "include"}},
                {"resource": group},
                {"resource": outcome, "search": {"mode": "outcome"}},
                {"resource": outcome},
            ]}),
        )
        .unwrap();
        assert_eq!(page.matches, [patient("1"), patient("2")]);
        assert_eq!(page.included, [patient("3"), group]);
        assert_eq!(page.outcome.unwrap().issues.len(), 2);
        assert_eq!((page.total, page.next.as_deref()), (Some(2), Some("b")));
    }

    #[test]
    fn an_empty_page_has_no_entry_and_what_is_no_page_is_refused() {
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
        for resource in [json!(null), json!(7), json!({}), json!({"resourceType": 7})] {
            let page = json!({"type": "searchset", "entry": [{"resource": resource}]});
            assert!(read(page).is_err(), "{resource}");
        }
    }
}
