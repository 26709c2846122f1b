//! The form of a request to the authorization server.

use http::header::{CONTENT_TYPE, HeaderMap};

use crate::form;
use crate::strict::leaks;
use crate::strict::refusal::{INVALID_REQUEST, Refusal};
use crate::strict::request::Request;

/// The parameters of a POST, each of them once and none of them empty.
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads the body (RFC 6749 3.2 and appendix B).
    pub(crate) fn read(request: &Request) -> Result<Self, Refusal> {
        if request.method() != http::Method::POST {
            return Err(Refusal::with_status(
                405,
                "the method is not POST (RFC 6749 3.2)",
            ));
        }
        if let Some(name) = leaks::in_query(request) {
            let rule = format!("{name} is in the query (OAuth 2.1 2.4.1)");
            return Err(Refusal::violation(INVALID_REQUEST, rule));
        }
        if !is_form(request.headers()) {
            return Err(Refusal::violation(
                INVALID_REQUEST,
                "the content type is not application/x-www-form-urlencoded (RFC 6749 3.2)",
            ));
        }
        let body = std::str::from_utf8(request.body())
            .map_err(|_| Refusal::violation(INVALID_REQUEST, "the form is not UTF-8"))?;
        Self::parse(body)
    }

    /// Reads a form or a query.
    pub(crate) fn parse(form: &str) -> Result<Self, Refusal> {
        let pairs =
            form::pairs(form).map_err(|fault| Refusal::violation(INVALID_REQUEST, fault))?;
        Self::of(pairs)
    }

    /// Checks what was read already.
    pub(crate) fn of(pairs: Vec<(String, String)>) -> Result<Self, Refusal> {
        for (position, (name, value)) in pairs.iter().enumerate() {
            if value.is_empty() {
                let rule = format!("parameter {name} is empty: leave it out (RFC 6749 3.2)");
                return Err(Refusal::violation(INVALID_REQUEST, rule));
            }
            let again = pairs
                .iter()
                .skip(position + 1)
                .any(|(other, _)| other == name);
            if again && !MAY_REPEAT.contains(&name.as_str()) {
                let rule = format!("parameter {name} is there more than once (RFC 6749 3.2)");
                return Err(Refusal::violation(INVALID_REQUEST, rule));
            }
        }
        Ok(Self(pairs))
    }

    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// Those that are no client's authentication.
    pub(crate) fn without_credentials(mut self) -> Self {
        let is_proof = |name: &str| name.starts_with("client_assertion") || name == "client_secret";
        self.0.retain(|(name, _)| !is_proof(name));
        self
    }

    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        let mut pairs = self.0.iter();
        pairs
            .find(|(present, _)| present == name)
            .map(|(_, value)| value.as_str())
    }

    /// The parameter, which the RFC says must be there.
    pub(crate) fn require(&self, name: &str) -> Result<&str, Refusal> {
        self.find(name).ok_or_else(|| {
            Refusal::violation(INVALID_REQUEST, format!("parameter {name} is missing"))
        })
    }
}

/// RFC 8707 2 and RFC 8693 2.1.
const MAY_REPEAT: [&str; 2] = ["resource", "audience"];

/// Exactly one content type, that of a form, at most with a charset of UTF-8.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let mut parts = value.to_str().unwrap_or_default().split(';').map(str::trim);
    parts
        .next()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("application/x-www-form-urlencoded"))
        && parts.all(|parameter| {
            parameter.split_once('=').is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("charset")
                    && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            })
        })
}
