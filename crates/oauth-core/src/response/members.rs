//! The members of an answer that mean something, each at most once.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::error::ProtocolFault;

/// The members of an answer that mean something; all others are skipped, however deep or many.
#[derive(Default)]
pub(super) struct Members {
    pub access_token: Option<Value>,
    pub token_type: Option<Value>,
    pub expires_in: Option<Value>,
    pub refresh_token: Option<Value>,
    pub scope: Option<Value>,
    pub id_token: Option<Value>,
    pub issued_token_type: Option<Value>,
    pub authorization_details: Option<Value>,
    pub error: Option<Value>,
    pub error_description: Option<Value>,
    pub error_uri: Option<Value>,
    /// The name of a member that stands twice.
    duplicate: Option<&'static str>,
}

impl Members {
    /// Reads one JSON object; `null` counts as absent.
    ///
    /// # Errors
    /// It is not JSON, not one object, or a known member stands twice (with its name).
    pub fn parse(text: &str) -> Result<Self, (ProtocolFault, Option<&'static str>)> {
        if !text
            .trim_start_matches([' ', '\t', '\r', '\n'])
            .starts_with('{')
        {
            // serde would take an array for a struct
            let fault = match serde_json::from_str::<IgnoredAny>(text) {
                Ok(_) => ProtocolFault::NotObject,
                Err(_) => ProtocolFault::NotJson,
            };
            return Err((fault, None));
        }
        let members: Self =
            serde_json::from_str(text).map_err(|_| (ProtocolFault::NotJson, None))?;
        match members.duplicate {
            Some(name) => Err((ProtocolFault::DuplicateKey, Some(name))),
            None => Ok(members),
        }
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Members::default();
                let mut seen = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    let (name, member) = match key.as_str() {
                        "access_token" => ("access_token", &mut members.access_token),
                        "token_type" => ("token_type", &mut members.token_type),
                        "expires_in" => ("expires_in", &mut members.expires_in),
                        "refresh_token" => ("refresh_token", &mut members.refresh_token),
                        "scope" => ("scope", &mut members.scope),
                        "id_token" => ("id_token", &mut members.id_token),
                        "issued_token_type" => {
                            ("issued_token_type", &mut members.issued_token_type)
                        }
                        "authorization_details" => {
                            ("authorization_details", &mut members.authorization_details)
                        }
                        "error" => ("error", &mut members.error),
                        "error_description" => {
                            ("error_description", &mut members.error_description)
                        }
                        "error_uri" => ("error_uri", &mut members.error_uri),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    *member = map.next_value::<Option<Value>>()?;
                    if seen.contains(&name) {
                        members.duplicate = Some(name);
                    }
                    seen.push(name);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Object)
    }
}
