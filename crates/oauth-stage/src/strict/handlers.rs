//! What a test answers in the server's stead.

use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};

use crate::answer::Answer;
use crate::strict::api::{self, Access};
use crate::strict::dpop;
use crate::strict::request::Request;
use crate::strict::state::State;
use crate::sync::lock;

/// A request in the hands of a handler ([`Strict::on`](crate::Strict::on)), with the stage's view of it.
#[derive(Clone)]
pub struct Call {
    request: Arc<Request>,
    state: Arc<State>,
}

impl Call {
    /// Now, by the stage's clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.state.clock.now()
    }

    /// Where the stage is: `scheme://host:port`, to write links with.
    pub fn origin(&self) -> &str {
        &self.state.urls.origin
    }

    /// Whose live access token the request bears.
    ///
    /// # Errors
    /// The refusal that the API itself would answer (RFC 6750 3).
    pub fn access(&self) -> Result<Access, Answer> {
        api::access(&self.state, &self.request)
    }

    /// The thumbprint of the key that the request's proof is signed with (RFC 9449 4.3, 6.1), which must be
    /// for that access token; `None`: it has no proof.
    ///
    /// # Errors
    /// The refusal that the API itself would answer (RFC 9449 7.1, 9).
    pub fn proof(&self, access_token: &str) -> Result<Option<String>, Answer> {
        api::proof(&self.state, &self.request, access_token)
    }

    /// The `x5t#S256` of the certificate that the client showed over TLS (RFC 8705 3.1).
    pub fn certificate_thumbprint(&self) -> Option<String> {
        self.request.certificate().map(dpop::certificate_thumbprint)
    }
}

impl Deref for Call {
    type Target = Request;

    fn deref(&self) -> &Request {
        &self.request
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Call").field(&self.request).finish()
    }
}

type HandlerFuture = Pin<Box<dyn Future<Output = Option<Answer>> + Send>>;
pub(crate) type Handler = Arc<dyn Fn(Call) -> HandlerFuture + Send + Sync>;

/// Every handler with the prefix of the paths that it answers.
#[derive(Default)]
pub(crate) struct Handlers(Mutex<Vec<(String, Handler)>>);

impl Handlers {
    pub(crate) fn add(&self, prefix: String, handler: Handler) {
        lock(&self.0).push((prefix, handler));
    }

    /// What the handler of the path answers; `None`: there is none, or it leaves the request to the server.
    pub(crate) async fn answer(
        &self,
        state: &Arc<State>,
        request: &Arc<Request>,
    ) -> Option<Answer> {
        let handler = self.find(request.path())?;
        let call = Call {
            request: Arc::clone(request),
            state: Arc::clone(state),
        };
        handler(call).await
    }

    /// The handler with the longest prefix of the path.
    fn find(&self, path: &str) -> Option<Handler> {
        lock(&self.0)
            .iter()
            .filter(|(prefix, _)| path.starts_with(prefix.as_str()))
            .max_by_key(|(prefix, _)| prefix.len())
            .map(|(_, handler)| Arc::clone(handler))
    }
}
