//! What a server says about a token (RFC 7662).

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::client_auth::apply::Attempt;
use crate::endpoint::{Answered, EndpointRequest};
use crate::error::{Error, ErrorKind, ProtocolFault};
use crate::oauth_client::{OAuthClient, TokenHint};
use crate::parameters::Parameters;
use crate::retry::ReplayClass;
use crate::secret::Secret;
use crate::server::EndpointKind;
use crate::text::escape;
use crate::token::Scopes;

/// What a server says about a token that is active (RFC 7662 2.2). Text is as the server wrote it.
/// `Debug` prints nothing of the person, and of what else the server said the names.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct ActiveToken {
    /// The scopes it was granted.
    pub scopes: Scopes,
    /// The client it was issued to.
    pub client_id: Option<String>,
    /// A name of whoever granted it, for people.
    pub username: Option<String>,
    /// How it is borne (RFC 6749 5.1); a refresh token has none.
    pub token_type: Option<String>,
    /// From when on it is no longer active.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was issued.
    pub issued_at: Option<DateTime<Utc>>,
    /// Before when it is not to be used.
    pub not_before: Option<DateTime<Utc>>,
    /// Whose it is.
    pub subject: Option<String>,
    /// The APIs it is for.
    pub audience: Vec<String>,
    /// The server that issued it.
    pub issuer: Option<String>,
    /// All members, also those that only this server knows, `cnf` (RFC 8705 3.2, RFC 9449 6.2) and
    /// `authorization_details` (RFC 9396 9.2) among them.
    pub members: Map<String, Value>,
}

impl OAuthClient {
    /// Asks the server about a token (RFC 7662 2). `None`: it is not active, for whatever reason, which the
    /// server does not tell (2.2).
    ///
    /// # Errors
    /// The server has no such endpoint (`introspection_endpoint`), refuses, cannot be reached, or its answer
    /// cannot be used.
    pub async fn introspect(
        &self,
        token: &Secret,
        hint: Option<TokenHint>,
    ) -> Result<Option<ActiveToken>, Error> {
        let request = IntrospectionRequest { token, hint };
        let answer = self.endpoints.send(&request, Duration::MAX).await;
        answer.map_err(|failed| failed.error)
    }
}

/// RFC 7662 2.1.
struct IntrospectionRequest<'a> {
    token: &'a Secret,
    hint: Option<TokenHint>,
}

impl EndpointRequest for IntrospectionRequest<'_> {
    type Answer = Option<ActiveToken>;

    const WHAT: &'static str = "introspection request";

    fn endpoint(&self) -> EndpointKind {
        EndpointKind::Introspection
    }

    fn replay_class(&self) -> ReplayClass {
        ReplayClass::Safe
    }

    async fn parameters(&self, attempt: &Attempt<'_>) -> Result<Parameters, Error> {
        let mut parameters = Parameters::new(attempt.departures);
        parameters.push_secret("token", self.token.clone())?;
        parameters.push("token_type_hint", self.hint.map_or("", TokenHint::name))?;
        Ok(parameters)
    }

    fn read(&self, answered: &Answered<'_>) -> Result<Option<ActiveToken>, Error> {
        Members(answered.document(&[200])?)
            .read()
            .map_err(|(fault, problem)| {
                let from = answered.from;
                let problem =
                    format!("the introspection answer of {from} cannot be used: {problem}");
                Error::new(ErrorKind::Protocol(fault), problem).with_status(200)
            })
    }
}

impl fmt::Debug for ActiveToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActiveToken")
            .field("scopes", &self.scopes)
            .field("expires_at", &self.expires_at)
            .field("audience", &self.audience)
            .field("issuer", &self.issuer)
            .field("members", &self.members.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

type Fault = (ProtocolFault, String);

/// The members of an answer.
struct Members(Map<String, Value>);

impl Members {
    fn read(self) -> Result<Option<ActiveToken>, Fault> {
        match self.find("active") {
            Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => return Ok(None),
            Some(_) => return Err(wrong("active", "true or false")),
            None => {
                let problem = "`active` is missing (RFC 7662 2.2)".to_owned();
                return Err((ProtocolFault::MissingField, problem));
            }
        }
        Ok(Some(ActiveToken {
            scopes: Scopes::granted(&self.text("scope")?.unwrap_or_default(), ' '),
            client_id: self.text("client_id")?,
            username: self.text("username")?,
            token_type: self.text("token_type")?,
            expires_at: self.moment("exp")?,
            issued_at: self.moment("iat")?,
            not_before: self.moment("nbf")?,
            subject: self.text("sub")?,
            audience: self.audience()?,
            issuer: self.text("iss")?,
            members: self.0,
        }))
    }

    fn find(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|member| !member.is_null())
    }

    fn text(&self, name: &str) -> Result<Option<String>, Fault> {
        match self.find(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(wrong(name, "a string")),
        }
    }

    /// Whole seconds (RFC 7519 2 lets them be fractions, which are cut).
    fn moment(&self, name: &str) -> Result<Option<DateTime<Utc>>, Fault> {
        let Some(member) = self.find(name) else {
            return Ok(None);
        };
        let seconds = match (member.as_i64(), member.as_f64()) {
            (Some(seconds), _) => Some(seconds),
            (None, Some(fraction)) => format!("{:.0}", fraction.trunc()).parse().ok(),
            (None, None) => None,
        };
        let moment = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        moment
            .map(Some)
            .ok_or_else(|| wrong(name, "a number of seconds"))
    }

    /// One string or a list of them (RFC 7519 4.1.3).
    fn audience(&self) -> Result<Vec<String>, Fault> {
        let list = match self.find("aud") {
            None => return Ok(Vec::new()),
            Some(Value::String(one)) => return Ok(vec![one.clone()]),
            Some(Value::Array(list)) => list.iter().map(|one| one.as_str().map(str::to_owned)),
            Some(_) => return Err(wrong("aud", "a string or a list of strings")),
        };
        list.collect::<Option<_>>()
            .ok_or_else(|| wrong("aud", "a string or a list of strings"))
    }
}

fn wrong(name: &str, expected: &str) -> Fault {
    let problem = format!("`{}` is not {expected} (RFC 7662 2.2)", escape(name));
    (ProtocolFault::BadType, problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(document: Value) -> Result<Option<ActiveToken>, Fault> {
        let Value::Object(members) = document else {
            unreachable!("an object")
        };
        Members(members).read()
    }

    #[test]
    fn a_token_that_is_not_active_is_no_error() {
        assert_eq!(read(json!({"active": false})).unwrap(), None);
        assert_eq!(read(json!({"active": false, "scope": 7})).unwrap(), None);
    }

    #[test]
    fn what_is_said_is_typed_and_what_is_not_known_is_kept() {
        let token = read(json!({
            "active": true, "scope": "b a", "exp": 1_767_225_600, "iat": 1_767_225_600.5,
            "aud": "one", "sub": null, "cnf": {"jkt": "x"},
        }));
        let token = token.unwrap().unwrap();
        assert_eq!(token.scopes.to_string(), "a b");
        assert_eq!(token.expires_at.unwrap().timestamp(), 1_767_225_600);
        assert_eq!(token.issued_at.unwrap().timestamp(), 1_767_225_600);
        assert_eq!((token.audience, token.subject), (vec!["one".into()], None));
        assert_eq!(token.members["cnf"]["jkt"], "x");
    }

    #[test]
    fn what_has_another_type_is_refused() {
        for (bad, fault) in [
            (json!({}), ProtocolFault::MissingField),
            (json!({"active": null}), ProtocolFault::MissingField),
            (json!({"active": "true"}), ProtocolFault::BadType),
            (json!({"active": 1}), ProtocolFault::BadType),
            (
                json!({"active": true, "exp": "soon"}),
                ProtocolFault::BadType,
            ),
            (
                json!({"active": true, "exp": 1e300}),
                ProtocolFault::BadType,
            ),
            (
                json!({"active": true, "scope": ["a"]}),
                ProtocolFault::BadType,
            ),
            (json!({"active": true, "aud": [1]}), ProtocolFault::BadType),
        ] {
            assert_eq!(read(bad.clone()).unwrap_err().0, fault, "{bad}");
        }
    }

    #[test]
    fn prints_neither_a_person_nor_what_is_echoed() {
        let token = read(json!({
            "active": true, "scope": "a", "username": "canary", "sub": "canary", "token": "canary",
        }));
        let shown = format!("{:?}", token.unwrap().unwrap());
        assert!(!shown.contains("canary"), "{shown}");
        assert!(shown.contains("username"), "{shown}");
    }
}
