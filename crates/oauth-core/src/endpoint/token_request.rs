//! The token request (RFC 6749 3.2): a grant in, a token out.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::binding::Bound;
use crate::client_auth::apply::Attempt;
use crate::clock::{Clock, Moment};
use crate::endpoint::request::{Answered, EndpointRequest};
use crate::error::{Error, ErrorKind, ProtocolFault};
use crate::grant::Grant;
use crate::grant::exchange::ACCESS_TOKEN;
use crate::parameters::Parameters;
use crate::response::{self, Asked, Granted};
use crate::retry::ReplayClass;
use crate::secret::Secret;
use crate::server::{EndpointKind, RotationPolicy};
use crate::text::escape;
use crate::token::{Deviation, TokenType};

/// A request for a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenRequest<'a> {
    pub grant: &'a Grant,
    /// What is known of refresh tokens here.
    pub rotation: RotationPolicy,
    /// Whether a crowd shares what becomes of it.
    pub is_shared: bool,
    /// The access token that a refresh may extend, where that is declared.
    pub former: Option<&'a Secret>,
    /// Whether one attempt is all: somebody else decides when the next is made.
    pub is_single: bool,
    /// Whether what is no access token will do (RFC 8693 2.2.1).
    pub may_be_not_applicable: bool,
    /// What the token is going to be bound to.
    pub bound: Option<&'a Bound>,
}

impl<'a> TokenRequest<'a> {
    /// For one caller, in as many attempts as may be made, for an access token.
    pub fn new(grant: &'a Grant, rotation: RotationPolicy) -> Self {
        Self {
            grant,
            rotation,
            is_shared: false,
            is_single: false,
            former: None,
            may_be_not_applicable: false,
            bound: None,
        }
    }

    /// RFC 8693 2.2.1: what was issued is said, and is what was asked for.
    fn check_issued(&self, granted: &Granted, from: &str) -> Result<(), Error> {
        let Grant::TokenExchange(exchange) = self.grant else {
            return Ok(());
        };
        let (fault, problem) = match (&granted.issued_token_type, &exchange.requested_token_type) {
            (None, _) => {
                let problem = "`issued_token_type` is missing (RFC 8693 2.2.1)".to_owned();
                (ProtocolFault::MissingField, problem)
            }
            (Some(issued), Some(wanted)) if issued != wanted => {
                let shown = escape(issued);
                let problem = format!("it is a `{shown}`, not the `{}` asked for", escape(wanted));
                (ProtocolFault::BadValue, problem)
            }
            (Some(issued), _)
                if granted.token_type == TokenType::NotApplicable && issued == ACCESS_TOKEN =>
            {
                let problem = "it is called an access token, and none that could be used as one";
                (ProtocolFault::BadValue, problem.to_owned())
            }
            _ => return Ok(()),
        };
        let problem =
            format!("the answer of {from} to the token exchange cannot be used: {problem}");
        Err(Error::new(ErrorKind::Protocol(fault), problem).with_status(200))
    }
}

/// A token, and the moment before it was asked for, from which its lifetime is counted.
#[derive(Debug)]
pub(crate) struct Issued {
    pub granted: Granted,
    pub asked_at: DateTime<Utc>,
    pub asked_tick: Duration,
}

impl Issued {
    /// The moment before it was asked for.
    pub fn asked(&self, clock: &dyn Clock) -> Moment {
        Moment {
            wall: self.asked_at,
            tick: clock.boot().map(|boot| (boot, self.asked_tick)),
        }
    }
}

impl EndpointRequest for TokenRequest<'_> {
    type Answer = Issued;

    const WHAT: &'static str = "token request";

    fn endpoint(&self) -> EndpointKind {
        EndpointKind::Token
    }

    fn is_refresh(&self) -> bool {
        matches!(self.grant, Grant::RefreshToken(_))
    }

    fn span(&self, target_system: &str) -> tracing::Span {
        let grant = self.grant.grant_type();
        tracing::info_span!("token_request", target_system, grant)
    }

    fn replay_class(&self) -> ReplayClass {
        self.grant.replay_class(self.rotation)
    }

    fn is_shared(&self) -> bool {
        self.is_shared
    }

    fn is_single(&self) -> bool {
        self.is_single
    }

    fn bound(&self) -> Option<&Bound> {
        self.bound
    }

    async fn parameters(&self, attempt: &Attempt<'_>) -> Result<Parameters, Error> {
        self.grant.parameters_of(attempt).await
    }

    fn read(&self, answered: &Answered<'_>) -> Result<Issued, Error> {
        let asked = Asked {
            renewal: self.is_refresh(),
            former: self.former,
            refresh_token_expected: self.grant.may_bring_refresh_token(),
            may_be_not_applicable: self.may_be_not_applicable,
            ..answered.asked(self.grant.scopes())
        };
        let answer = answered.answer;
        let granted = response::judge(answer.status, &answer.headers, &answer.body, &asked)?;
        self.check_issued(&granted, answered.from)?;
        Ok(Issued {
            granted,
            asked_at: answered.asked_at,
            asked_tick: answered.asked_tick,
        })
    }

    fn deviations<'a>(&self, answer: &'a Issued) -> &'a [Deviation] {
        &answer.granted.deviations
    }
}
