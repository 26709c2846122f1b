//! The calls of FHIR's RESTful API (FHIR R4, <https://hl7.org/fhir/R4/http.html>).

use std::time::Duration;

use http::header::ACCEPT;
use http::{HeaderValue, StatusCode};
use oauth_core::client::{ApiRequest, AuthorizedClient, Quote, retry_after};
use oauth_core::error::{Error, ErrorKind, ProtocolFault, Recovery};
use oauth_core::http::read_limited;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::FhirError;
use crate::outcome::OperationOutcome;
use crate::search::SearchPage;

/// A client of a FHIR server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FhirClient {
    client: AuthorizedClient,
}

/// The most bytes of an answer, counted after decoding.
const LIMIT: usize = 32 * 1024 * 1024;

impl FhirClient {
    pub(crate) fn new(client: AuthorizedClient) -> Self {
        Self { client }
    }

    /// The resource of that type and id, as JSON or as any type of yours.
    ///
    /// # Errors
    /// Type or id are none that FHIR knows; there is no such resource
    /// ([`FhirError::is_not_found`]) or the server refuses otherwise; the answer is no such resource; or
    /// as [`AuthorizedClient::execute`].
    pub async fn read<T: DeserializeOwned>(
        &self,
        resource_type: &str,
        id: &str,
    ) -> Result<T, FhirError> {
        let path = format!("{}/{}", known_type(resource_type)?, known_id(id)?);
        let what = format!("read of a {resource_type}");
        let (resource, _) = self
            .answer(self.client.get(&path), &what, resource_type)
            .await?;
        Ok(into_resource(resource)?)
    }

    /// The first page of the resources of that type that match, such as
    /// `&[("family", "Lin"), ("birthdate", "ge1970")]`.
    ///
    /// The parameters stand in the URL, which servers and gateways log.
    ///
    /// # Errors
    /// As [`FhirClient::read`].
    pub async fn search<T: DeserializeOwned>(
        &self,
        resource_type: &str,
        parameters: &(impl Serialize + ?Sized),
    ) -> Result<SearchPage<T>, FhirError> {
        let request = self
            .client
            .get(known_type(resource_type)?)
            .query(parameters);
        let what = format!("search for a {resource_type}");
        let (bundle, quote) = self.answer(request, &what, "Bundle").await?;
        Ok(SearchPage::read(bundle, &quote)?)
    }

    /// Sends a request and reads the resource of that type in its answer.
    async fn answer(
        &self,
        request: ApiRequest<'_>,
        what: &str,
        resource_type: &str,
    ) -> Result<(Value, Quote), FhirError> {
        let json = HeaderValue::from_static("application/fhir+json");
        let response = request.header(ACCEPT, json).send().await?;
        let quote = Quote::from(&response);
        let status = response.status();
        let wait = retry_after(self.client.env(), &response);
        let body = read_limited(response, LIMIT).await?;
        // some servers put a byte order mark before it (RFC 8259 8.1)
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&body);
        let resource: Option<Value> = serde_json::from_slice(body).ok();
        let outcome = resource
            .as_ref()
            .and_then(|resource| OperationOutcome::read(resource, &quote));
        if status != StatusCode::OK || outcome.is_some() {
            return Err(refused(what, status, outcome, wait));
        }
        match resource {
            Some(resource) if resource["resourceType"] == resource_type => Ok((resource, quote)),
            Some(_) => {
                let form = format!("JSON that is no `{resource_type}`");
                Err(another_form(&form).with_status(status.as_u16()).into())
            }
            None => {
                let problem = "the FHIR server answered success with something that is not JSON";
                let kind = ErrorKind::Protocol(ProtocolFault::NotJson);
                Err(Error::new(kind, problem)
                    .remedy("check `fhir_url`, and what stands between you and the server")
                    .with_status(status.as_u16())
                    .into())
            }
        }
    }
}

impl AsRef<AuthorizedClient> for FhirClient {
    fn as_ref(&self) -> &AuthorizedClient {
        &self.client
    }
}

/// A resource in the caller's own type.
pub(crate) fn into_resource<T: DeserializeOwned>(resource: Value) -> Result<T, Error> {
    serde_json::from_value(resource)
        .map_err(|_| another_form("a resource that does not fit into the type it is read as"))
}

pub(crate) fn another_form(form: &str) -> Error {
    let problem = format!("the FHIR server answered success with {form}");
    Error::new(ErrorKind::Protocol(ProtocolFault::BadType), problem)
        .remedy("check `fhir_url`, and that the server speaks the version of FHIR that you expect")
}

/// An answer that is no success (FHIR R4, RESTful API, "Summary").
fn refused(
    what: &str,
    status: StatusCode,
    outcome: Option<OperationOutcome>,
    wait: Option<Duration>,
) -> FhirError {
    let code = status.as_u16();
    let said = outcome.as_ref().and_then(OperationOutcome::gravest);
    let mut problem = format!("the FHIR server refused the {what} ({code})");
    match said {
        Some(issue) => problem.push_str(&format!(": {issue}")),
        None => problem.push_str(" and did not say why"),
    }
    let passes = [
        "transient",
        "lock-error",
        "timeout",
        "incomplete",
        "throttled",
    ];
    let passes = said.is_some_and(|issue| passes.contains(&issue.code.as_str()));
    let retry = Recovery::Retry { after: wait };
    let (kind, recovery, remedy) = match code {
        429 => (ErrorKind::Throttled, retry, "send fewer requests"),
        408 | 500..=599 => (
            ErrorKind::Http,
            retry,
            "it may pass; if it lasts, ask whoever runs the server",
        ),
        _ if passes => (ErrorKind::Http, retry, "it may pass"),
        401 | 403 => (
            ErrorKind::Http,
            Recovery::FixConfig,
            "have the client allowed to do this: its scopes, and at the vendor the user or the role it acts as",
        ),
        404 | 410 => (
            ErrorKind::Http,
            Recovery::FixConfig,
            "check the id; without an `OperationOutcome`, check `fhir_url`",
        ),
        405 | 406 | 415 => (
            ErrorKind::Http,
            Recovery::FixConfig,
            "the server does not offer this: look at its `metadata`",
        ),
        400..=499 => (
            ErrorKind::Http,
            Recovery::FixConfig,
            "mend the request as the server says",
        ),
        _ => (
            ErrorKind::Http,
            Recovery::Report,
            "FHIR knows no such answer to this request; report it to whoever runs the server",
        ),
    };
    let error = Error::new(kind, problem)
        .remedy(remedy)
        .with_recovery(recovery)
        .with_status(code);
    FhirError::refused(error, outcome)
}

/// A resource's type: letters, the first of them a capital.
fn known_type(text: &str) -> Result<&str, Error> {
    let letters = text.bytes().all(|byte| byte.is_ascii_alphabetic());
    if letters && text.starts_with(|first: char| first.is_ascii_uppercase()) {
        return Ok(text);
    }
    Err(
        Error::config("resource_type", "this is no type of a FHIR resource")
            .remedy("write it as FHIR does, such as `Patient`"),
    )
}

/// A resource's id (FHIR R4, datatypes, `id`). Some vendors' are longer than its 64 characters
/// (smart-fetch, on Epic).
fn known_id(text: &str) -> Result<&str, Error> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    // these two name another path (RFC 3986 5.2.4)
    if text.is_empty()
        || text.len() > 1024
        || matches!(text, "." | "..")
        || !text.bytes().all(known)
    {
        return Err(Error::config("id", "this is no id of a FHIR resource")
            .remedy("give the bare id: letters, digits, `-` and `.`, without the type before it"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_type_and_an_id_are_one_segment_each() {
        for good in ["Patient", "ExplanationOfBenefit"] {
            known_type(good).unwrap();
        }
        for bad in [
            "",
            "patient",
            "Patient/1",
            "Patient?x",
            "../Patient",
            "Päient",
        ] {
            known_type(bad).unwrap_err();
        }
        for good in ["1", "a-b.c", &"x".repeat(200)] {
            known_id(good).unwrap();
        }
        for bad in [
            "",
            ".",
            "..",
            "a/b",
            "Patient/1",
            "a?b",
            "a#b",
            "a%2fb",
            "a b",
            "é",
            "a_b",
        ] {
            known_id(bad).unwrap_err();
        }
    }

    #[test]
    fn what_passes_says_so_and_what_does_not_says_what_to_mend() {
        let outcome = |code: &str| {
            let issue = json!({"code": code, "severity": "error"});
            let outcome = json!({"resourceType": "OperationOutcome", "issue": [issue]});
            let bare = http::Response::new(Vec::new()).into();
            OperationOutcome::read(&outcome, &Quote::from(&bare))
        };
        let wait = Some(Duration::from_secs(7));
        for (status, code, kind, recovery) in [
            (429, "throttled", "Throttled", "Retry"),
            (503, "transient", "Http", "Retry"),
            (500, "exception", "Http", "Retry"),
            (409, "lock-error", "Http", "Retry"),
            (409, "conflict", "Http", "FixConfig"),
            (404, "not-found", "Http", "FixConfig"),
            (410, "deleted", "Http", "FixConfig"),
            (403, "forbidden", "Http", "FixConfig"),
            (422, "invalid", "Http", "FixConfig"),
            (200, "exception", "Http", "Report"),
            (302, "exception", "Http", "Report"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let error = refused("read of a Patient", status, outcome(code), wait);
            assert_eq!(error.error().kind().name(), kind, "{status}");
            assert_eq!(error.recovery().name(), recovery, "{status} {code}");
            assert_eq!(error.status(), Some(status.as_u16()));
            let text = error.to_string();
            assert!(text.contains(code) && text.contains("; "), "{text}");
        }
        let missing =
            |outcome| refused("read", StatusCode::NOT_FOUND, outcome, None).is_not_found();
        assert!(missing(outcome("not-found")) && !missing(None));
    }
}
