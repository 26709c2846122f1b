//! What a server answers.

use std::fmt;

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::body::Bytes;
use serde_json::Value;

/// An HTTP answer: written by a test ([`Strict::answer`](crate::Strict::answer)), by a handler
/// ([`Strict::on`](crate::Strict::on)), or by the stage itself.
///
/// `Debug` prints the status and the names of the headers only, for a body may hold tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers in their order. `date` and `content-length` are added where they are missing.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body, sent as it is.
    pub body: Bytes,
}

impl Answer {
    /// An answer without headers and body.
    ///
    /// # Panics
    /// When there is no such status: a mistake in the test that wrote it.
    #[track_caller]
    #[expect(
        clippy::expect_used,
        reason = "a mistake in a test must be seen at its line"
    )]
    pub fn status(status: u16) -> Self {
        Self {
            status: StatusCode::from_u16(status).expect("a status from 100 to 999"),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// A JSON document with its content type.
    ///
    /// # Panics
    /// As [`Answer::status`].
    #[track_caller]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::status(status)
            .header("content-type", "application/json")
            .body(body.to_string())
    }

    /// Any body, with the content type that it claims to be.
    ///
    /// # Panics
    /// As [`Answer::status`] and [`Answer::header`].
    #[track_caller]
    pub fn text(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::status(status)
            .header(CONTENT_TYPE.as_str(), content_type)
            .body(body)
    }

    /// Adds a header beside those that are there.
    ///
    /// # Panics
    /// When no header can be written so: a mistake in the test that wrote it.
    #[must_use]
    #[track_caller]
    #[expect(
        clippy::expect_used,
        reason = "a mistake in a test must be seen at its line"
    )]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
        let value = HeaderValue::from_str(value).expect("a header's value");
        self.headers.push((name, value));
        self
    }

    /// Replaces the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds the header unless the answer has one of that name already.
    pub(crate) fn default_header(&mut self, name: HeaderName, value: impl FnOnce() -> HeaderValue) {
        if !self.headers.iter().any(|(present, _)| *present == name) {
            self.headers.push((name, value()));
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Answer")
            .field("status", &self.status.as_u16())
            .field("headers", &headers)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}
