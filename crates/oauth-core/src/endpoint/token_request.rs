//! The token request (RFC 6749 3.2): a grant in, a token out.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::client_auth::apply::Attempt;
use crate::endpoint::request::{Answered, EndpointRequest};
use crate::error::Error;
use crate::grant::{Grant, Parameters};
use crate::response::{self, Asked, Granted};
use crate::retry::ReplayClass;
use crate::secret::Secret;
use crate::server::{EndpointKind, RotationPolicy};

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
}

/// A token, and the moment before it was asked for, from which its lifetime is counted.
#[derive(Debug)]
pub(crate) struct Issued {
    pub granted: Granted,
    pub asked_at: DateTime<Utc>,
    pub asked_tick: Duration,
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

    async fn parameters(&self, attempt: &Attempt<'_>) -> Result<Parameters, Error> {
        self.grant.parameters_of(attempt).await
    }

    fn read(&self, answered: &Answered<'_>) -> Result<Issued, Error> {
        let asked = Asked {
            renewal: self.is_refresh(),
            former: self.former,
            refresh_token_expected: self.grant.may_bring_refresh_token(),
            ..answered.asked(self.grant.scopes())
        };
        let answer = answered.answer;
        let granted = response::judge(answer.status, &answer.headers, &answer.body, &asked)?;
        Ok(Issued {
            granted,
            asked_at: answered.asked_at,
            asked_tick: answered.asked_tick,
        })
    }
}
