//! A request to an API, before it is sent.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Request, RequestBuilder, Response};
use serde::Serialize;

use crate::client::AuthorizedClient;
use crate::client::attempts::class_of;
use crate::client::quote::Quote;
use crate::error::{Error, ErrorKind};
use crate::retry::ReplayClass;

/// A request to the API, which bears the token when it is sent.
#[must_use = "a request is nothing until it is sent"]
pub struct ApiRequest<'a> {
    client: &'a AuthorizedClient,
    request: Result<Request, Error>,
    repeatable: bool,
    look: Option<Box<Look<'a>>>,
}

/// Looks into an answer that refuses the token for good.
pub(super) type Look<'a> = dyn Fn(&[u8], &Quote) + Send + Sync + 'a;

impl<'a> ApiRequest<'a> {
    pub(super) fn new(client: &'a AuthorizedClient, request: Result<Request, Error>) -> Self {
        Self {
            client,
            request,
            repeatable: false,
            look: None,
        }
    }

    fn with(mut self, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        self.request = self.request.and_then(|request| {
            let http = self.client.api.env.http().api().clone();
            let built = change(RequestBuilder::from_parts(http, request)).build();
            built.map_err(|error| {
                let problem = format!("this request cannot be built: {}", error.without_url());
                Error::new(ErrorKind::Config, problem)
                    .remedy("check its headers and its body; a query is pairs of names and values")
            })
        });
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        if let Ok(request) = &mut self.request {
            request.headers_mut().append(name, value);
        }
        self
    }

    /// Adds headers.
    pub fn headers(self, headers: HeaderMap) -> Self {
        self.with(|builder| builder.headers(headers))
    }

    /// Adds query parameters. No secrets: URLs end in logs.
    pub fn query(self, query: &(impl Serialize + ?Sized)) -> Self {
        self.with(|builder| builder.query(query))
    }

    /// Sets a JSON body.
    pub fn json(self, body: &(impl Serialize + ?Sized)) -> Self {
        self.with(|builder| builder.json(body))
    }

    /// Sets a form as body.
    pub fn form(self, body: &(impl Serialize + ?Sized)) -> Self {
        self.with(|builder| builder.form(body))
    }

    /// Sets a body; one that is a stream cannot be sent again after a refusal of the token.
    pub fn body(self, body: impl Into<reqwest::Body>) -> Self {
        self.with(|builder| builder.body(body))
    }

    /// Declares that it changes nothing, whatever its method: APIs of procedures read by `POST` too. A
    /// lost answer is then no loss, and it is sent again as a `GET` is.
    pub fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// Shows the body of the answer that refuses the token for good, at most 64 KiB of it, before the
    /// error is returned: what the API says of the refusal in a form that only its adapter knows. What
    /// is kept of it goes through the [`Quote`].
    pub fn on_refusal(mut self, look: impl Fn(&[u8], &Quote) + Send + Sync + 'a) -> Self {
        self.look = Some(Box::new(look));
        self
    }

    /// Sends it, and again where [`AuthorizedClient::execute`] says so.
    ///
    /// # Errors
    /// As [`AuthorizedClient::execute`], or the request cannot be built.
    pub async fn send(self) -> Result<Response, Error> {
        let request = self.request?;
        let class = match self.repeatable {
            true => ReplayClass::Safe,
            false => class_of(request.method()),
        };
        self.client
            .attempt(request, class, self.look.as_deref())
            .await
    }
}

impl fmt::Debug for ApiRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiRequest")
            .field("client", &self.client)
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}
