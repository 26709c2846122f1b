//! What data cannot say of a token endpoint: XML bodies, signed token calls, a token in a cookie.

use std::fmt;

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::Value;
use url::Url;

use crate::error::Error;
use crate::secret::Secret;

/// How a token endpoint speaks where [`Departures`](crate::server::Departures) cannot say it. An adapter
/// implements it, in few lines, for
/// [`AuthorizationServer::speaking`](crate::server::AuthorizationServer::speaking). Both functions are pure:
/// no IO, no waiting. One that panics fails the request.
///
/// ```
/// use oauth_core::Error;
/// use oauth_core::secret::Secret;
/// use oauth_core::server::{Dialect, TokenRequest};
///
/// /// The time of the call among the parameters.
/// #[derive(Debug)]
/// struct Timed;
///
/// impl Dialect for Timed {
///     fn write(&self, request: &mut TokenRequest) -> Result<(), Error> {
///         let timestamp = Secret::new(request.at.timestamp().to_string());
///         request.body.push(("timestamp".into(), timestamp));
///         Ok(())
///     }
/// }
/// ```
pub trait Dialect: fmt::Debug + Send + Sync {
    /// Rewrites a request before it is sent, after all that is declared of it was done. What it adds is
    /// struck out of what the server echoes.
    ///
    /// # Errors
    /// The request cannot be made; nothing is sent.
    fn write(&self, request: &mut TokenRequest) -> Result<(), Error> {
        let _ = request;
        Ok(())
    }

    /// Reads an answer into a JSON object, which is judged as if it had come so, by the RFCs and by what is
    /// declared; `None`: it is judged as it came. Of a refusal too.
    fn read(&self, answer: &TokenAnswer<'_>) -> Option<Value> {
        let _ = answer;
        None
    }
}

/// A token request before it is encoded. `Debug` prints names only.
#[non_exhaustive]
pub struct TokenRequest {
    /// The method.
    pub method: Method,
    /// Where it goes, without the parameters. It must stay at its origin.
    pub url: Url,
    /// The headers, authentication among them.
    pub headers: HeaderMap,
    /// The parameters in the query, in their order.
    pub query: Vec<(String, Secret)>,
    /// The parameters in the body, in their order.
    pub body: Vec<(String, Secret)>,
    /// A body in the stead of these, with its media type.
    pub raw_body: Option<(HeaderValue, Secret)>,
    /// Now, by the server's clock as far as it is known.
    pub at: DateTime<Utc>,
}

impl TokenRequest {
    /// The value of a parameter, wherever it stands.
    pub fn parameter(&self, name: &str) -> Option<&Secret> {
        let mut all = self.query.iter().chain(&self.body);
        all.find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |pairs: &[(String, Secret)]| -> Vec<String> {
            pairs.iter().map(|(name, _)| name.clone()).collect()
        };
        f.debug_struct("TokenRequest")
            .field("method", &self.method)
            .field("query", &names(&self.query))
            .field("body", &names(&self.body))
            .field("headers", &self.headers.keys())
            .finish_non_exhaustive()
    }
}

/// An answer of a token endpoint as it came. `Debug` prints its status alone.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct TokenAnswer<'a> {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

impl<'a> TokenAnswer<'a> {
    /// An answer.
    pub fn new(status: StatusCode, headers: &'a HeaderMap, body: &'a [u8]) -> Self {
        Self {
            status,
            headers,
            body,
        }
    }
}

impl fmt::Debug for TokenAnswer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAnswer")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
