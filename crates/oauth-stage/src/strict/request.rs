//! A request as the server and its handlers see it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use base64::Engine;
use http::header::HeaderMap;
use http::request::Parts;
use http::{Method, Version};
use hyper::body::Bytes;
use serde_json::Value;

use crate::form;
use crate::redact;
use crate::strict::binding::Unproven;

/// A request, read to its end. `Debug` prints no header, no query and no body.
pub struct Request {
    method: Method,
    path: String,
    query: Option<String>,
    version: Version,
    headers: HeaderMap,
    body: Bytes,
    connection: usize,
    certificate: Option<Arc<Vec<u8>>>,
    /// The key of its proof, once it was looked at.
    proven: OnceLock<Result<Option<String>, Unproven>>,
}

impl Request {
    pub(crate) fn new(
        parts: Parts,
        body: Bytes,
        connection: usize,
        certificate: Option<Arc<Vec<u8>>>,
    ) -> Self {
        Self {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(str::to_owned),
            version: parts.version,
            headers: parts.headers,
            body,
            connection,
            certificate,
            proven: OnceLock::new(),
        }
    }

    /// The certificate that the client showed over TLS, in DER.
    pub fn certificate(&self) -> Option<&[u8]> {
        self.certificate.as_ref().map(|der| der.as_slice())
    }

    /// The key of its proof, which is looked at once.
    pub(crate) fn proven(
        &self,
        look: impl FnOnce() -> Result<Option<String>, Unproven>,
    ) -> Result<Option<String>, Unproven> {
        self.proven.get_or_init(look).clone()
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path, as it was sent.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The query without its question mark, as it was sent.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// The version of HTTP that the request came over.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The headers, secrets included.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The header's first value, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body, as it was sent.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body as JSON; `None`: it is not.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The query's pairs, decoded.
    pub fn query_pairs(&self) -> Vec<(String, String)> {
        self.query
            .as_deref()
            .map(form::pairs_lossy)
            .unwrap_or_default()
    }

    /// The body's pairs, decoded as far as they can be, if it is a form.
    pub fn form(&self) -> Vec<(String, String)> {
        let is_form = self.header("content-type").is_some_and(|kind| {
            kind.to_ascii_lowercase()
                .starts_with("application/x-www-form-urlencoded")
        });
        match std::str::from_utf8(&self.body) {
            Ok(body) if is_form => form::pairs_lossy(body),
            _ => Vec::new(),
        }
    }

    /// Which connection it came over; the first that was accepted is number 1.
    pub fn connection(&self) -> usize {
        self.connection
    }

    /// The values of this request that must not be printed.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let mut secrets: Vec<String> = Vec::new();
        for (name, value) in &self.headers {
            let value = value.to_str().unwrap_or_default();
            if redact::is_secret_header(name.as_str()) {
                secrets.extend(
                    value
                        .split_once(' ')
                        .map(|(_, credentials)| credentials.to_owned()),
                );
                secrets.push(value.to_owned());
                secrets.extend(basic_secret(value));
            }
        }
        let pairs = self.form().into_iter().chain(self.query_pairs());
        secrets.extend(
            pairs
                .filter(|(name, _)| redact::is_secret_parameter(name))
                .map(|(_, value)| value),
        );
        if let Some(body) = self.json() {
            redact::collect(&body, &mut secrets);
        }
        secrets
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

fn basic_secret(authorization: &str) -> Option<String> {
    let (_, credentials) = authorization.split_once(' ')?;
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(credentials.trim())
        .ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    decoded.split_once(':').map(|(_, secret)| secret.to_owned())
}
