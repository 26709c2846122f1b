//! A login on another device (RFC 8628).

mod answer;

use std::fmt;
use std::time::Duration;

use url::Url;

use crate::authorization_details::AuthorizationDetails;
use crate::client_auth::apply::Attempt;
use crate::endpoint::{Answered, EndpointRequest, TokenRequest};
use crate::error::{BindingFault, Error, ErrorKind, Recovery};
use crate::grant::{DeviceCode, Grant};
use crate::oauth_client::{OAuthClient, TokenResponse};
use crate::parameters::Parameters;
use crate::retry::ReplayClass;
use crate::secret::Secret;
use crate::server::{EndpointKind, RotationPolicy};
use crate::token::Scopes;

/// What a device asks for (RFC 8628 3.1).
#[derive(Clone, Debug, Default)]
pub struct DeviceAuthorizationRequest {
    /// The scopes asked for; none: the server decides.
    pub scopes: Scopes,
    /// The APIs the token is for (RFC 8707 2); each is one parameter.
    pub resource: Vec<String>,
    /// What is to be allowed, in detail (RFC 9396 5).
    pub authorization_details: AuthorizationDetails,
}

/// What to show to the user, who goes to [`verification_uri`](Self::verification_uri) and enters
/// [`user_code`](Self::user_code) (RFC 8628 3.2, 3.3). `Debug` prints neither code.
#[derive(Clone)]
#[non_exhaustive]
pub struct DeviceAuthorization {
    /// The code to enter: printable, as the server wrote it.
    pub user_code: Secret,
    /// Where to enter it.
    pub verification_uri: Url,
    /// Where it is entered already, to be shown as a QR code (3.3.1).
    pub verification_uri_complete: Option<Url>,
    /// How long the codes live from the moment they were asked for.
    pub expires_in: Duration,
    /// The least pause between two polls.
    pub interval: Duration,
    device_code: Secret,
    scopes: Scopes,
    resource: Vec<String>,
    /// Of which server and client it is.
    whose: (String, String),
    /// When they end, by ticks.
    until: Duration,
}

/// What `slow_down` adds to the interval (RFC 8628 3.5).
const SLOWER: Duration = Duration::from_secs(5);

impl OAuthClient {
    /// Asks for the codes of a login on another device (RFC 8628 3.1).
    ///
    /// # Errors
    /// The server is not declared to be used so
    /// ([`with_device_grant`](crate::server::AuthorizationServer::with_device_grant)), has no such endpoint
    /// (`device_authorization_endpoint`), refuses, cannot be reached, or its answer cannot be used.
    pub async fn device_authorization(
        &self,
        request: DeviceAuthorizationRequest,
    ) -> Result<DeviceAuthorization, Error> {
        if !self.server().device_grant {
            let problem = "logins on another device are not declared for this server";
            return Err(Error::config("device_grant", problem).remedy(
                "a user can be talked into entering a stranger's code (RFC 8628 5.4): where that risk is \
                 taken, declare `AuthorizationServer::with_device_grant`",
            ));
        }
        let codes = DeviceCodes {
            request: &request,
            whose: self.whose(),
            loopback_http: self.env.http().settings().loopback_http,
        };
        let authorization = self.endpoints.send(&codes, Duration::MAX).await;
        authorization.map_err(|failed| failed.error)
    }

    /// Polls until the user has decided, or the codes have expired (RFC 8628 3.4, 3.5): never more often
    /// than the server allows. Show the code first.
    ///
    /// # Errors
    /// It is of another server or client ([`Binding`](ErrorKind::Binding)); nothing was sent. The user declined or
    /// took too long ([`LogInAgain`](Recovery::LogInAgain)), or the server refuses. No
    /// new login is begun. [`Ambiguous`](ErrorKind::Ambiguous): the answer with the token may be lost.
    pub async fn device_token(
        &self,
        authorization: &DeviceAuthorization,
    ) -> Result<TokenResponse, Error> {
        if authorization.whose != self.whose() {
            let problem = "this device code is of another server or client, and goes nowhere else";
            return Err(
                Error::new(ErrorKind::Binding(BindingFault::Context), problem)
                    .with_recovery(Recovery::Report),
            );
        }
        let clock = self.env.clock();
        let grant = Grant::DeviceCode(DeviceCode {
            device_code: authorization.device_code.clone(),
            scopes: authorization.scopes.clone(),
        });
        let mut poll = Poll {
            interval: authorization.interval,
            lost: None,
        };
        let bound = self.endpoints.new_binding()?;
        loop {
            if clock.ticks().saturating_add(poll.interval) >= authorization.until {
                return Err(poll.lost.unwrap_or_else(expired));
            }
            clock.sleep(poll.interval).await;
            let request = TokenRequest {
                is_single: true, // the next attempt is the next poll
                bound: bound.as_ref(),
                ..TokenRequest::new(&grant, RotationPolicy::Unknown)
            };
            let failed = match self.endpoints.send(&request, authorization.until).await {
                Ok(issued) => {
                    let resource = &authorization.resource;
                    let asked = issued.asked(clock);
                    let bound = bound.as_ref();
                    return Ok(TokenResponse::of(issued.granted, asked, resource, bound));
                }
                Err(failed) => failed,
            };
            poll.after(failed.error)?;
        }
    }

    fn whose(&self) -> (String, String) {
        (
            self.server().authority().to_owned(),
            self.client().id.clone(),
        )
    }
}

/// How the next poll is made.
struct Poll {
    interval: Duration,
    /// The error of the last poll, where its answer was lost: it may have held the token.
    lost: Option<Error>,
}

impl Poll {
    /// What a failed poll says of the next one (RFC 8628 3.5).
    ///
    /// # Errors
    /// There is none.
    fn after(&mut self, error: Error) -> Result<(), Error> {
        match error.oauth().map(|oauth| oauth.code.as_str()) {
            Some("authorization_pending") => self.lost = None,
            Some("slow_down") => {
                self.interval = self.interval.saturating_add(SLOWER);
                self.lost = None;
            }
            // one more poll shows whether the token was in the lost answer
            None if error.kind() == ErrorKind::Ambiguous && self.lost.is_none() => {
                self.slow_down(&error);
                self.lost = Some(error);
            }
            None if error.kind() != ErrorKind::Ambiguous
                && matches!(error.recovery(), Recovery::Retry { .. }) =>
            {
                self.slow_down(&error);
            }
            Some(code) => {
                let code = code.to_owned();
                return Err(self.lost.take().unwrap_or_else(|| refused(&code, error)));
            }
            None => return Err(error),
        }
        Ok(())
    }

    /// A server that does not answer is polled half as often from now on.
    fn slow_down(&mut self, error: &Error) {
        let asked = error.retry_after().unwrap_or_default();
        self.interval = self.interval.saturating_mul(2).max(asked);
    }
}

fn expired() -> Error {
    let problem = "the device code has expired before the user has decided (RFC 8628 3.5)";
    Error::new(ErrorKind::LoggedOut, problem).remedy("begin a new login when the user is there")
}

fn refused(code: &str, error: Error) -> Error {
    let remedy = match code {
        "access_denied" => "the user declined; begin a new login where that was a mistake",
        "expired_token" => "the user took too long; begin a new login",
        "invalid_grant" => {
            "the device code is spent, expired or another client's; begin a new login"
        }
        _ => return error,
    };
    error.with_recovery(Recovery::LogInAgain).remedy(remedy)
}

/// The request for the codes (RFC 8628 3.1).
struct DeviceCodes<'a> {
    request: &'a DeviceAuthorizationRequest,
    whose: (String, String),
    loopback_http: bool,
}

impl EndpointRequest for DeviceCodes<'_> {
    type Answer = DeviceAuthorization;

    const WHAT: &'static str = "device authorization request";

    fn endpoint(&self) -> EndpointKind {
        EndpointKind::DeviceAuthorization
    }

    fn replay_class(&self) -> ReplayClass {
        ReplayClass::Safe // codes that nobody has seen expire
    }

    async fn parameters(&self, attempt: &Attempt<'_>) -> Result<Parameters, Error> {
        let mut parameters = Parameters::new(attempt.departures);
        let separator = attempt.departures.request.scope_separator;
        parameters.push("scope", self.request.scopes.joined(separator))?;
        for resource in &self.request.resource {
            parameters.push("resource", resource)?;
        }
        let details = self.request.authorization_details.parameter();
        parameters.push("authorization_details", details)?;
        Ok(parameters)
    }

    fn read(&self, answered: &Answered<'_>) -> Result<DeviceAuthorization, Error> {
        let codes = answer::read(&answered.document(&[200])?, self.loopback_http);
        let codes = codes.map_err(|(fault, problem)| {
            let problem = format!(
                "the answer of {} to the {} cannot be used: {problem}",
                answered.from,
                Self::WHAT
            );
            Error::new(ErrorKind::Protocol(fault), problem).with_status(200)
        })?;
        Ok(DeviceAuthorization {
            user_code: codes.user_code,
            verification_uri: codes.verification_uri,
            verification_uri_complete: codes.verification_uri_complete,
            expires_in: codes.expires_in,
            interval: codes.interval,
            device_code: codes.device_code,
            scopes: self.request.scopes.clone(),
            resource: self.request.resource.clone(),
            whose: self.whose.clone(),
            until: answered.asked_tick.saturating_add(codes.expires_in),
        })
    }
}

impl fmt::Debug for DeviceAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceAuthorization")
            .field("user_code", &self.user_code)
            .field("verification_uri", &self.verification_uri.as_str())
            .field("expires_in", &self.expires_in)
            .field("interval", &self.interval)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
