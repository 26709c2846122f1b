//! What a client wants to be allowed, in detail (RFC 9396).

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::Value;

use crate::error::Error;

/// What a client wants to be allowed, in detail: objects, each with a `type` (RFC 9396 2). Empty: the
/// parameter is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorizationDetails(Vec<Value>);

impl AuthorizationDetails {
    /// Takes over objects.
    ///
    /// # Errors
    /// One of them is no object, or has no `type` that is a string with something in it.
    pub fn new(details: Vec<Value>) -> Result<Self, Error> {
        match details.iter().position(|detail| !has_type(detail)) {
            None => Ok(Self(details)),
            Some(position) => Err(Error::config(
                &format!("authorization_details[{position}]"),
                "this is no object with a `type` (RFC 9396 2)",
            )),
        }
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Value> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As one parameter: a JSON array; nothing where there is none.
    pub(crate) fn parameter(&self) -> String {
        match self.0.is_empty() {
            true => String::new(),
            false => Value::from(self.0.clone()).to_string(),
        }
    }
}

fn has_type(detail: &Value) -> bool {
    let kind = detail.get("type").and_then(Value::as_str);
    kind.is_some_and(|kind| !kind.is_empty())
}

impl<'de> Deserialize<'de> for AuthorizationDetails {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_detail_is_an_object_with_a_type() {
        let details = AuthorizationDetails::new(vec![json!({"type": "payment", "amount": 1})]);
        assert_eq!(
            details.unwrap().parameter(),
            r#"[{"amount":1,"type":"payment"}]"#
        );
        assert_eq!(AuthorizationDetails::default().parameter(), "");
        for bad in [
            json!("payment"),
            json!({}),
            json!({"type": 1}),
            json!({"type": ""}),
            json!([]),
        ] {
            let text = AuthorizationDetails::new(vec![json!({"type": "x"}), bad]).unwrap_err();
            assert!(
                text.to_string().starts_with("authorization_details[1]: "),
                "{text}"
            );
        }
        serde_json::from_value::<AuthorizationDetails>(json!([{}])).unwrap_err();
    }
}
