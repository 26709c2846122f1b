//! The calls of FHIR's RESTful API (FHIR R4, <https://hl7.org/fhir/R4/http.html>).

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::ACCEPT;
use http::{HeaderValue, StatusCode};
use oauth_core::client::{ApiRequest, AuthorizedClient, Quote, retry_after};
use oauth_core::error::{Error, ErrorKind, ProtocolFault};
use oauth_core::http::read_limited;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::FhirError;
use crate::outcome::OperationOutcome;
use crate::resource::{self, Head, another_form};
use crate::search::SearchPage;

/// A client of a FHIR server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FhirClient {
    client: AuthorizedClient,
    limit: usize,
}

/// The most bytes of an answer, counted after decoding. What JSON becomes in memory is many times that.
const LIMIT: usize = 8 * 1024 * 1024;

/// A whole answer.
struct Answer {
    status: StatusCode,
    wait: Option<Duration>,
    quote: Quote,
    body: Vec<u8>,
}

impl FhirClient {
    pub(crate) fn new(client: AuthorizedClient) -> Self {
        let limit = LIMIT;
        Self { client, limit }
    }

    /// With another limit to the bytes of an answer, counted after decoding. Default: 8 MiB.
    #[must_use]
    pub fn with_limit(self, bytes: usize) -> Self {
        Self {
            limit: bytes,
            ..self
        }
    }

    /// The resource of that type and id, as JSON or as any type of yours.
    ///
    /// # Errors
    /// Type or id are none that FHIR knows; there is no such resource
    /// ([`FhirError::is_not_found`]) or the server refuses otherwise; the answer is no such resource, or
    /// larger than the limit; or as [`AuthorizedClient::execute`].
    pub async fn read<T: DeserializeOwned>(
        &self,
        resource_type: &str,
        id: &str,
    ) -> Result<T, FhirError> {
        let path = format!("{}/{}", known_type(resource_type)?, known_id(id)?);
        let what = format!("read of a {resource_type}");
        let (answer, head) = self.answer(self.client.get(&path), &what).await?;
        // FHIR R4, RESTful API, read: the resource has the id that was asked for
        if !head.is(resource_type) || head.id() != Some(id) {
            let form = format!("another resource than the {resource_type} that was asked for");
            return Err(another_form(&form).into());
        }
        Ok(resource::read(&answer.body)?)
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
        let request = self.client.get(known_type(resource_type)?);
        let what = format!("search for a {resource_type}");
        let (answer, head) = self.answer(request.query(parameters), &what).await?;
        if !head.is("Bundle") {
            return Err(another_form("another resource than a `Bundle`").into());
        }
        let bundle = resource::read(&answer.body)?;
        Ok(SearchPage::read(bundle, resource_type, &answer.quote)?)
    }

    /// Sends a request; its answer, which is a resource of whatever type but `OperationOutcome`.
    async fn answer(
        &self,
        request: ApiRequest<'_>,
        what: &str,
    ) -> Result<(Answer, Head), FhirError> {
        let answer = self.send(request).await?;
        let head = Head::read(&answer.body);
        let outcome = match &head {
            Some(head) if head.is("OperationOutcome") => {
                OperationOutcome::parse(&answer.body, &answer.quote)
            }
            _ => None,
        };
        if answer.status != StatusCode::OK || outcome.is_some() {
            return Err(FhirError::refused(
                what,
                answer.status,
                outcome,
                answer.wait,
            ));
        }
        let head = head.ok_or_else(|| {
            let problem = "the FHIR server answered success with something that is not JSON";
            Error::new(ErrorKind::Protocol(ProtocolFault::NotJson), problem)
                .remedy("check `fhir_url`, and what stands between you and the server")
                .with_status(answer.status.as_u16())
        })?;
        Ok((answer, head))
    }

    async fn send(&self, request: ApiRequest<'_>) -> Result<Answer, FhirError> {
        let json = HeaderValue::from_static("application/fhir+json");
        let said = Mutex::new(None);
        let look = |body: &[u8], quote: &Quote| {
            *lock(&said) = OperationOutcome::parse(body, quote);
        };
        let sent = request.header(ACCEPT, json).on_refusal(look).send().await;
        let response = sent.map_err(|error| match lock(&said).take() {
            Some(outcome) => FhirError::token_refused(error, outcome),
            None => error.into(),
        })?;
        let (status, quote) = (response.status(), Quote::from(&response));
        let wait = retry_after(self.client.env(), &response);
        let body = read_limited(response, self.limit).await?;
        // some servers put a byte order mark before it (RFC 8259 8.1)
        let body = match body.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) => rest.to_vec(),
            None => body,
        };
        Ok(Answer {
            status,
            wait,
            quote,
            body,
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AsRef<AuthorizedClient> for FhirClient {
    fn as_ref(&self) -> &AuthorizedClient {
        &self.client
    }
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
}
