//! A request to an endpoint of an authorization server.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::binding::Bound;
use crate::client_auth::apply::Attempt;
use crate::error::Error;
use crate::http::Answer;
use crate::parameters::Parameters;
use crate::response::{self, Asked};
use crate::retry::ReplayClass;
use crate::secret::Secret;
use crate::server::{Departures, Dialect, EndpointKind};
use crate::token::{Deviation, Scopes, TokenType};

/// A request to an endpoint of the authorization server, with the client's authentication. All of them
/// are sent by one loop, [`ServerEndpoints::send`](crate::endpoint::ServerEndpoints::send).
pub(crate) trait EndpointRequest: Sync {
    /// What a success brings.
    type Answer: Send;

    /// What it is, in words, for messages.
    const WHAT: &'static str;

    /// Where it goes.
    fn endpoint(&self) -> EndpointKind;

    /// Whether it presents a refresh token, for which a server may declare otherwise.
    fn is_refresh(&self) -> bool {
        false
    }

    /// The span that its attempts are logged in.
    fn span(&self, target_system: &str) -> tracing::Span {
        let endpoint = self.endpoint().name();
        tracing::info_span!("endpoint_request", target_system, endpoint)
    }

    /// What may be done when its answer is lost.
    fn replay_class(&self) -> ReplayClass;

    /// Whether a crowd shares what becomes of it.
    fn is_shared(&self) -> bool {
        false
    }

    /// Whether one attempt is all, however it fails.
    fn is_single(&self) -> bool {
        false
    }

    /// What its answer is going to be bound to, where that is known beforehand.
    fn bound(&self) -> Option<&Bound> {
        None
    }

    /// Its parameters but for the client's authentication: made for each attempt, so that nothing that
    /// may be used once is sent twice.
    fn parameters(
        &self,
        attempt: &Attempt<'_>,
    ) -> impl Future<Output = Result<Parameters, Error>> + Send;

    /// What the answer means.
    fn read(&self, answered: &Answered<'_>) -> Result<Self::Answer, Error>;

    /// How the answer departs from the RFCs, as far as that is tolerated.
    fn deviations<'a>(&self, _answer: &'a Self::Answer) -> &'a [Deviation] {
        &[]
    }
}

/// An answer with what is needed to read it.
pub(crate) struct Answered<'a> {
    pub answer: &'a Answer,
    /// The moment before the attempt was made, from which lifetimes are counted.
    pub asked_at: DateTime<Utc>,
    /// Likewise, in ticks.
    pub asked_tick: Duration,
    /// What was asked, in words.
    pub what: &'static str,
    /// The origin that answered, for messages.
    pub from: &'a str,
    /// How the client authenticated, in words without a secret.
    pub authentication: &'a dyn fmt::Display,
    /// What was sent and must not come back in a message.
    pub secrets: &'a [Secret],
    pub departures: &'a Departures,
    /// What reads the answer of a token endpoint where these cannot say how.
    pub dialect: Option<&'a dyn Dialect>,
    /// When it was asked, by the server's clock as far as it is known.
    pub now: DateTime<Utc>,
    /// The types of token that can be borne; the first is the one asked for.
    pub token_types: &'a [TokenType],
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
}

impl Answered<'_> {
    /// For a request that asks for those scopes.
    pub fn asked<'s>(&'s self, scopes: &'s Scopes) -> Asked<'s> {
        Asked {
            from: self.from,
            what: self.what,
            scopes,
            renewal: false,
            refresh_token_expected: true,
            may_be_not_applicable: false,
            authentication: self.authentication,
            secrets: self.secrets,
            token_types: self.token_types,
            departures: self.departures,
            dialect: self.dialect,
            now: self.now,
            former: None,
            retry_after: self.retry_after,
        }
    }

    /// The JSON object of an answer with one of those statuses; any other is a refusal.
    pub fn document(&self, success: &[u16]) -> Result<Map<String, Value>, Error> {
        let none = Scopes::none();
        let asked = self.asked(&none);
        let answer = self.answer;
        response::document(
            answer.status,
            &answer.headers,
            &answer.body,
            success,
            &asked,
        )
    }

    /// An answer with another status than those is a refusal.
    pub fn check_status(&self, success: &[u16]) -> Result<(), Error> {
        let status = self.answer.status;
        if success.contains(&status.as_u16()) {
            return Ok(());
        }
        let none = Scopes::none();
        Err(response::refusal(
            status,
            &self.answer.body,
            &self.asked(&none),
        ))
    }
}
