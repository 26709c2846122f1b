//! The calls of FHIR's RESTful API (FHIR R4, <https://hl7.org/fhir/R4/http.html>).

use http::header::ACCEPT;
use http::{HeaderValue, StatusCode};
use oauth_core::client::{ApiRequest, AuthorizedClient, Quote, retry_after};
use oauth_core::error::{Error, ErrorKind, ProtocolFault};
use oauth_core::http::read_limited;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::FhirError;
use crate::outcome::OperationOutcome;
use crate::resource::{another_form, into_resource};
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
            return Err(FhirError::refused(what, status, outcome, wait));
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
