//! What a server does to a request, and what must come of it.

use std::sync::Arc;
use std::time::Duration;

use oauth_core::clock::ManualClock;
use oauth_core::error::Error;
use oauth_core::http::HttpSettings;
use oauth_core::server::{Departures, DiscoveryKind, RotationPolicy};
use oauth_core::token::Token;
use oauth_stage::{Certificate, Step, Strict};

/// An answer, with holes that are filled when it is given: `$access`, `$refresh`, `$hidden`, `$secret`,
/// `$sent` (the refresh token that was sent), `$issuer`, `$token`, `$elsewhere` (an origin that must see
/// no connection) and `$length` (of what follows the head).
#[derive(Clone, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// Who answers.
#[derive(Clone)]
pub enum Server {
    /// A server whose answer is this one, always.
    Always(Reply),
    /// These, once each, and then what the server itself answers.
    Once(Vec<Reply>),
    /// A listener that follows one script a connection; the last is repeated.
    Script(Vec<Vec<Step>>),
    /// A listener that shows a certificate; nothing is to be sent to it.
    Shows(Certificate),
}

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// A token by client credentials.
    Credentials,
    /// A token by a refresh token that rotates so.
    Refresh(RotationPolicy),
    /// A token by client credentials, at an endpoint that is looked up.
    Discovery(DiscoveryKind),
    /// An API.
    Call,
}

/// How the client proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Basic,
    Post,
    Hash,
    Key,
}

/// What came of it.
pub struct Told {
    pub outcome: Result<Option<Arc<Token>>, Error>,
    pub clock: Arc<ManualClock>,
    pub stage: Strict,
}

impl Told {
    #[track_caller]
    pub fn token(&self) -> &Token {
        self.outcome.as_ref().unwrap().as_ref().unwrap()
    }

    #[track_caller]
    pub fn error(&self) -> &Error {
        self.outcome.as_ref().unwrap_err()
    }
}

/// One request and its attempts.
#[derive(Clone)]
pub struct Exchange {
    pub server: Server,
    pub ask: Ask,
    pub method: Option<Method>,
    /// The kind of the error; `None`: a token, or an answer of the API.
    pub kind: Option<&'static str>,
    /// How many requests the server sees.
    pub requests: usize,
    /// How long each of them may take.
    pub deadline: Duration,
    pub settings: fn(&mut HttpSettings),
    pub departures: fn(&mut Departures),
    pub tls: bool,
    /// The listener speaks no TLS of its own, and the client is told that it does.
    pub pretends_tls: bool,
    /// What a listener agrees to speak behind TLS (ALPN).
    pub speaks: Option<&'static str>,
    /// The most bytes that the client may hold meanwhile.
    pub memory: u64,
    pub then: Option<fn(&Told)>,
    /// What the next renewal presents: the refresh token that came, or the one that was sent.
    pub presents: Option<Presents>,
}

/// Which refresh token comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presents {
    Old,
    New,
}

/// The deadline of a request that nobody keeps waiting.
pub const PATIENT: Duration = Duration::from_secs(3);

impl Exchange {
    pub fn with(server: Server) -> Self {
        Self {
            server,
            ask: Ask::Credentials,
            method: None,
            kind: None,
            requests: 1,
            deadline: PATIENT,
            settings: |_| (),
            departures: |_| (),
            tls: false,
            pretends_tls: false,
            speaks: None,
            memory: 4 << 20,
            then: None,
            presents: None,
        }
    }

    pub fn asking(mut self, ask: Ask) -> Self {
        self.ask = ask;
        self
    }

    /// As a renewal under strict rotation.
    pub fn strictly(self) -> Self {
        self.asking(Ask::Refresh(RotationPolicy::Strict))
    }

    pub fn by(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    pub fn is(mut self, kind: &'static str) -> Self {
        self.kind = Some(kind);
        self
    }

    pub fn requests(mut self, requests: usize) -> Self {
        self.requests = requests;
        self
    }

    /// With a deadline that is met.
    pub fn within(mut self, milliseconds: u64) -> Self {
        self.deadline = Duration::from_millis(milliseconds);
        self
    }

    pub fn setting(mut self, settings: fn(&mut HttpSettings)) -> Self {
        self.settings = settings;
        self
    }

    pub fn declaring(mut self, departures: fn(&mut Departures)) -> Self {
        self.departures = departures;
        self
    }

    pub fn over_tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// With so many bytes to hold, where what is taken is large itself.
    pub fn holding(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    pub fn pretending_tls(mut self) -> Self {
        self.pretends_tls = true;
        self
    }

    /// Over TLS, where that protocol was agreed on.
    pub fn speaking(mut self, protocol: &'static str) -> Self {
        self.speaks = Some(protocol);
        self.over_tls()
    }

    pub fn then(mut self, then: fn(&Told)) -> Self {
        self.then = Some(then);
        self
    }

    pub fn presents(mut self, which: Presents) -> Self {
        self.ask = Ask::Refresh(RotationPolicy::None);
        self.presents = Some(which);
        self
    }

    /// Adds a header to the answer that is always given.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Server::Always(reply) = &mut self.server {
            reply.headers.push((name, value.to_owned()));
        }
        self
    }

    /// Answers so once, and then as the server itself would.
    pub fn once(mut self) -> Self {
        if let Server::Always(reply) = &self.server {
            self.server = Server::Once(vec![reply.clone()]);
        }
        self
    }
}

/// 200 with that body, as JSON.
pub fn json(body: impl Into<Vec<u8>>) -> Exchange {
    status(200, body)
}

/// Any status with that body, as JSON.
pub fn status(status: u16, body: impl Into<Vec<u8>>) -> Exchange {
    typed(status, "application/json", body)
}

/// Any body of any type.
pub fn typed(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Exchange {
    bare(status, body).header("content-type", media_type)
}

/// A status and a body without a type.
pub fn bare(status: u16, body: impl Into<Vec<u8>>) -> Exchange {
    Exchange::with(Server::Always(Reply {
        status,
        headers: Vec::new(),
        body: body.into(),
    }))
}

/// A token response with these members beside token and type.
pub fn granting(members: &str) -> Exchange {
    json(format!(
        r#"{{"access_token":"$access","token_type":"Bearer",{members}}}"#
    ))
}

/// A script for every connection.
pub fn script(steps: Vec<Step>) -> Exchange {
    Exchange::with(Server::Script(vec![steps]))
}

/// Reads a request, writes this, and closes.
pub fn says(text: &str) -> Exchange {
    script(vec![Step::ReadRequest, Step::text(text), Step::Close])
}

/// The head of an answer of JSON with these header lines.
pub fn head(headers: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{headers}\r\n")
}

/// A token response.
pub const GOOD: &str = r#"{"access_token":"$access","token_type":"Bearer","expires_in":3600}"#;
