//! What came to a redirect URI (RFC 6749 4.1.2), before anything of it is believed.

use std::fmt;

use url::{Position, Url};

use crate::authorize::decode;
use crate::error::{Error, ErrorKind, ProtocolFault};
use crate::secret::Secret;

/// What came to a redirect URI. Nothing of it is believed before
/// [`PendingAuthorization::callback`](crate::authorize::PendingAuthorization::callback) has judged it.
/// `Debug` prints names only.
pub struct Callback {
    at: At,
    pub(super) is_posted: bool,
    query: Vec<(String, Secret)>,
    body: Vec<(String, Secret)>,
}

enum At {
    /// The redirect URI whose handler took it.
    Handler(String),
    /// The URL as the browser had it, without the query.
    Url(String),
}

/// The most bytes that come; a signed response is the longest.
const LIMIT: usize = 64 * 1024;

impl Callback {
    /// A `GET`: the query that came to the handler of that redirect URI, without the question mark. The
    /// redirect URI is the configured one of this handler, not what the request claims: by it answers of other
    /// servers and connections are told apart.
    ///
    /// # Errors
    /// It is longer than 64 KiB, or no query.
    pub fn query(redirect_uri: &str, query: &str) -> Result<Self, Error> {
        Ok(Self {
            at: At::Handler(redirect_uri.to_owned()),
            is_posted: false,
            query: read(query)?,
            body: Vec::new(),
        })
    }

    /// A `POST` with a form as its body, to the handler of that redirect URI, and the query that came with it
    /// (empty where there was none).
    ///
    /// # Errors
    /// As [`Callback::query`].
    pub fn form_post(redirect_uri: &str, query: &str, body: &str) -> Result<Self, Error> {
        Ok(Self {
            at: At::Handler(redirect_uri.to_owned()),
            is_posted: true,
            query: read(query)?,
            body: read(body)?,
        })
    }

    /// The whole URL that the user's browser was sent to, such as one that the user pasted.
    ///
    /// # Errors
    /// It is longer than 64 KiB, no URL, or has a fragment: what comes in a fragment was not asked for.
    pub fn url(url: &str) -> Result<Self, Error> {
        too_long(url)?;
        let url = Url::parse(url.trim()).map_err(|error| {
            broken(ProtocolFault::BadValue, &format!("it is no URL ({error})"))
                .remedy("take over the whole address, from `http` to the end")
        })?;
        if url.fragment().is_some() {
            return Err(in_fragment());
        }
        Ok(Self {
            query: read(url.query().unwrap_or_default())?,
            body: Vec::new(),
            is_posted: false,
            at: At::Url(url[..Position::AfterPath].to_owned()),
        })
    }

    /// The parameters of the answer, where it came to that redirect URI; `None`: it came elsewhere. The
    /// redirect URI's own query is taken out.
    ///
    /// # Errors
    /// There is a query beside the body.
    pub(super) fn answer(self, redirect_uri: &str) -> Result<Option<Vec<(String, Secret)>>, Error> {
        let Ok(own) = Url::parse(redirect_uri) else {
            return Ok(None);
        };
        let is_here = match &self.at {
            At::Handler(at) => at == redirect_uri,
            At::Url(at) => at == &own[..Position::AfterPath],
        };
        if !is_here {
            return Ok(None);
        }
        let mut query = self.query;
        for (name, value) in own.query_pairs() {
            let place = query
                .iter()
                .position(|(n, v)| *n == name && v.expose() == value);
            match place {
                Some(place) => drop(query.remove(place)),
                None => return Ok(None),
            }
        }
        match (self.is_posted, query.is_empty()) {
            (false, _) => Ok(Some(query)),
            (true, true) => Ok(Some(self.body)),
            (true, false) => Err(broken(
                ProtocolFault::BadValue,
                "it came as a form and has a query too, and only one of them can be the server's",
            )),
        }
    }
}

fn read(text: &str) -> Result<Vec<(String, Secret)>, Error> {
    too_long(text)?;
    decode::pairs(text).map_err(|problem| broken(ProtocolFault::BadEncoding, problem))
}

fn too_long(text: &str) -> Result<(), Error> {
    match text.len() > LIMIT {
        true => Err(broken(ProtocolFault::TooLarge, "it has more than 64 KiB")),
        false => Ok(()),
    }
}

pub(super) fn in_fragment() -> Error {
    let problem = "it came in the fragment (`#…`), where scripts can read it and no server can";
    broken(ProtocolFault::BadValue, problem)
        .remedy("check that the client is registered for the response type `code`")
}

pub(super) fn broken(fault: ProtocolFault, problem: &str) -> Error {
    let problem = format!("the answer at the redirect URI cannot be used: {problem}");
    Error::new(ErrorKind::Protocol(fault), problem)
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.query.iter().chain(&self.body);
        let names: Vec<&str> = pairs.map(|(name, _)| name.as_str()).take(32).collect();
        f.debug_struct("Callback")
            .field("is_posted", &self.is_posted)
            .field("names", &names)
            .finish_non_exhaustive()
    }
}
