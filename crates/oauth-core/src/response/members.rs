//! The members of an answer that mean something, each at most once.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::error::ProtocolFault;
use crate::json;
use crate::secret::Secret;
use crate::server::{BodyFormat, Departures, JsonPointer, SuccessRule, Word};

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
    /// What is declared to be carried on, by name.
    pub facts: Vec<(String, Secret)>,
    /// What the declared rule says of the answer: whether it is a success.
    pub verdict: Option<bool>,
    /// Whether all members are text by the format.
    pub is_text: bool,
    /// The name of a member that stands twice.
    duplicate: Option<&'static str>,
}

/// What is wrong with a body, and the member that stands twice where that is known.
pub(super) type Fault = (ProtocolFault, Option<&'static str>);

/// A fact that is longer is not carried on.
const LONGEST_FACT: usize = 4096;

impl Members {
    /// Reads a body of the declared format.
    ///
    /// # Errors
    /// As [`Members::parse`].
    pub fn read(text: &str, departures: &Departures) -> Result<Self, Fault> {
        let trimmed = text.trim_matches([' ', '\t', '\r', '\n']);
        match departures.response.format {
            BodyFormat::Json => {}
            // refusals often come as JSON all the same
            BodyFormat::Form | BodyFormat::Token if trimmed.starts_with('{') => {}
            BodyFormat::Form => return Self::of_form(trimmed, departures),
            BodyFormat::Token => return Self::of_token(trimmed),
        }
        let errors = &departures.errors;
        if departures.response.is_plain() && errors.code.is_none() && errors.description.is_none() {
            return Self::parse(text);
        }
        let document = json::unique(text.as_bytes()).map_err(|error| match error.is_data() {
            true => (ProtocolFault::DuplicateKey, None),
            false => (ProtocolFault::NotJson, None),
        })?;
        match document {
            Value::Object(_) | Value::Array(_) => Ok(Self::of(&document, departures)),
            _ => Err((ProtocolFault::NotObject, None)),
        }
    }

    /// The members of a document, from where they are declared to stand.
    pub fn of(document: &Value, departures: &Departures) -> Self {
        let member = |declared: &Option<JsonPointer>, name: &str| match declared {
            Some(pointer) => pointer.find(document).cloned(),
            None => document.get(name).filter(|found| !found.is_null()).cloned(),
        };
        let response = &departures.response;
        let at = &response.members;
        let errors = &departures.errors;
        let word = |value: Value| Word::text_of(&value).map_or(value, Value::from);
        let error = member(&errors.code, "error");
        let facts = response.facts.iter().filter_map(|fact| {
            let value = Word::text_of(fact.pointer.find(document)?)?;
            (value.len() <= LONGEST_FACT).then(|| (fact.name.clone(), Secret::new(value)))
        });
        Self {
            access_token: member(&at.access_token, "access_token"),
            token_type: member(&at.token_type, "token_type"),
            expires_in: member(&at.expires_in, "expires_in"),
            refresh_token: member(&at.refresh_token, "refresh_token"),
            scope: member(&at.scope, "scope"),
            id_token: member(&None, "id_token"),
            issued_token_type: member(&None, "issued_token_type"),
            authorization_details: member(&None, "authorization_details"),
            error: match errors.code {
                Some(_) => error.map(word),
                None => error,
            },
            error_description: member(&errors.description, "error_description"),
            error_uri: member(&None, "error_uri"),
            facts: facts.collect(),
            verdict: response
                .success
                .as_ref()
                .map(|rule| is_success(rule, document)),
            ..Self::default()
        }
    }

    fn of_form(text: &str, departures: &Departures) -> Result<Self, Fault> {
        let mut pairs = Map::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            if pairs
                .insert(name.into_owned(), value.into_owned().into())
                .is_some()
            {
                return Err((ProtocolFault::DuplicateKey, None));
            }
        }
        Ok(Self {
            is_text: true,
            ..Self::of(&Value::Object(pairs), departures)
        })
    }

    fn of_token(text: &str) -> Result<Self, Fault> {
        let token = match text.strip_prefix('"') {
            Some(_) => serde_json::from_str(text).map_err(|_| (ProtocolFault::NotJson, None))?,
            None => text.to_owned(),
        };
        Ok(Self {
            access_token: Some(token.into()),
            ..Self::default()
        })
    }

    /// Reads one JSON object; `null` counts as absent.
    ///
    /// # Errors
    /// It is not JSON, not one object, or a known member stands twice (with its name).
    pub fn parse(text: &str) -> Result<Self, Fault> {
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

fn is_success(rule: &SuccessRule, document: &Value) -> bool {
    let said = rule.pointer.find(document).and_then(Word::text_of);
    let is_among = |words: &[Word]| {
        let said = said.as_deref();
        words.iter().any(|word| Some(word.as_str()) == said)
    };
    (rule.success.is_empty() || is_among(&rule.success)) && !is_among(&rule.failure)
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
