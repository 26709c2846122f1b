//! Giving a token up (RFC 7009).

use std::time::Duration;

use crate::client_auth::apply::Attempt;
use crate::endpoint::{Answered, EndpointRequest};
use crate::error::{Error, Recovery};
use crate::oauth_client::{OAuthClient, TokenHint};
use crate::parameters::Parameters;
use crate::retry::ReplayClass;
use crate::secret::Secret;
use crate::server::EndpointKind;

impl OAuthClient {
    /// Gives a token up (RFC 7009 2). Of a refresh token the server ends the whole grant (2.1). A token
    /// that the server does not know is no error (2.2): it cannot be used.
    ///
    /// # Errors
    /// The server has no such endpoint (`revocation_endpoint`), refuses, or cannot be reached: then the token
    /// is to be taken for alive. A code of `unsupported_token_type`: this server does not revoke tokens of
    /// that kind.
    pub async fn revoke(&self, token: &Secret, hint: Option<TokenHint>) -> Result<(), Error> {
        let request = RevocationRequest { token, hint };
        let answer = self.endpoints.send(&request, Duration::MAX).await;
        answer.map_err(|failed| failed.error)
    }
}

/// RFC 7009 2.1.
struct RevocationRequest<'a> {
    token: &'a Secret,
    hint: Option<TokenHint>,
}

impl EndpointRequest for RevocationRequest<'_> {
    type Answer = ();

    const WHAT: &'static str = "revocation request";

    fn endpoint(&self) -> EndpointKind {
        EndpointKind::Revocation
    }

    fn replay_class(&self) -> ReplayClass {
        ReplayClass::Safe // what is revoked stays so
    }

    async fn parameters(&self, attempt: &Attempt<'_>) -> Result<Parameters, Error> {
        let mut parameters = Parameters::new(attempt.departures);
        parameters.push_secret("token", self.token.clone())?;
        parameters.push("token_type_hint", self.hint.map_or("", TokenHint::name))?;
        Ok(parameters)
    }

    /// RFC 7009 2.2: the body of a success means nothing.
    fn read(&self, answered: &Answered<'_>) -> Result<(), Error> {
        answered.check_status(&[200]).map_err(|error| {
            let code = error.oauth().map(|oauth| oauth.code.as_str());
            if code != Some("unsupported_token_type") {
                return error;
            }
            error
                .with_recovery(Recovery::FixConfig)
                .remedy("this server does not revoke tokens of this kind; revoke the refresh token, or let it expire (RFC 7009 2.2.1)")
        })
    }
}
