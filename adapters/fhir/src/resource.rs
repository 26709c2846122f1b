//! Resources, as they come and as a caller wants them.

use oauth_core::error::{Error, ErrorKind, ProtocolFault};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What tells one resource from another (FHIR R4, resource): read without the rest of it.
#[derive(Deserialize)]
pub(crate) struct Head {
    #[serde(rename = "resourceType", default)]
    resource_type: Value,
    #[serde(default)]
    id: Value,
}

impl Head {
    /// The head of a resource; `None`: this is not JSON. Of JSON that is no resource it is empty.
    pub fn read(body: &[u8]) -> Option<Self> {
        let empty = Self {
            resource_type: Value::Null,
            id: Value::Null,
        };
        match serde_json::from_slice(body) {
            Ok(head) => Some(head),
            Err(error) => error.is_data().then_some(empty),
        }
    }

    pub fn is(&self, resource_type: &str) -> bool {
        self.resource_type == resource_type
    }

    pub fn id(&self) -> Option<&str> {
        self.id.as_str()
    }
}

/// A resource in the caller's own type.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|_| unfit())
}

/// Likewise, where it was read already.
pub(crate) fn fit<T: DeserializeOwned>(resource: Value) -> Result<T, Error> {
    serde_json::from_value(resource).map_err(|_| unfit())
}

fn unfit() -> Error {
    another_form("a resource that does not fit into the type it is read as")
}

pub(crate) fn another_form(form: &str) -> Error {
    let problem = format!("the FHIR server answered success with {form}");
    Error::new(ErrorKind::Protocol(ProtocolFault::BadType), problem)
        .remedy("check `fhir_url`, and that the server speaks the version of FHIR that you expect")
        .with_status(200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_of_whatever_is_json() {
        let head = |text: &str| Head::read(text.as_bytes());
        let patient = head(r#"{"id": "1", "resourceType": "Patient", "name": [{}]}"#).unwrap();
        assert!(patient.is("Patient") && !patient.is("Group"));
        assert_eq!(patient.id(), Some("1"));
        for other in [
            r#"{"resourceType": 7, "id": []}"#,
            "[]",
            "7",
            "null",
            "\"Patient\"",
        ] {
            let head = head(other).unwrap();
            assert!(!head.is("Patient") && head.id().is_none(), "{other}");
        }
        for none in ["", "<html>", "{", "{}x", "\u{feff}{}"] {
            assert!(head(none).is_none(), "{none}");
        }
    }
}
