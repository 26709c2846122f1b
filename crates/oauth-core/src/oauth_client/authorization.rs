//! Sending a user to the authorization server, and what is known of it there.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use url::Url;

use crate::authorize::{
    AuthorizationRequest, IssRule, Pairs, PendingAuthorization, Place, Signing, begin,
    request_object, url,
};
use crate::client_auth::AuthMethod;
use crate::client_auth::apply::Attempt;
use crate::endpoint::{Answered, EndpointRequest};
use crate::error::{Error, ErrorKind, ProtocolFault};
use crate::oauth_client::OAuthClient;
use crate::parameters::Parameters;
use crate::retry::ReplayClass;
use crate::secret::Secret;
use crate::server::{EndpointKind, IssParameter, ServerFacts};

impl OAuthClient {
    /// Begins an authorization (RFC 6749 4.1.1): the URL to send the user to, and what must be kept until the
    /// answer comes. Each call is a transaction of its own, with its own `state`, `nonce` and PKCE verifier.
    ///
    /// `session` names the session of this user in the program, such as the value of its cookie: in no other
    /// session is the answer taken. It is not sent.
    ///
    /// The request is pushed (RFC 9126) where the server demands that, or
    /// [`AuthorizationRequest::pushed`] says so. Then the URL can be used once and for a short time: send the
    /// user there at once.
    ///
    /// # Errors
    /// The request cannot be asked; the server has no authorization endpoint or does not know S256; it refuses
    /// what is pushed.
    pub async fn authorization(
        &self,
        request: &AuthorizationRequest,
        session: &Secret,
    ) -> Result<(Url, PendingAuthorization), Error> {
        let facts = self.endpoints().facts().await?;
        check_challenge_method(&facts)?;
        let bound = self.endpoints().new_binding()?;
        self.endpoints().check_proofs(bound.as_ref()).await?; // or the user is sent there for nothing
        let mut place = self.place(&facts).await?;
        place.proof_key = bound.and_then(|bound| bound.key);
        let (pairs, mut pending) = begin(request, &place, session, self.env().clock().now())?;
        let client_id = ("client_id", place.client_id.as_str());
        let url = if request.is_pushed || facts.require_pushed_authorization_requests {
            let push = Push {
                request,
                pairs: &pairs,
                place: &place,
                names_client: self.names_client(),
            };
            let pushed = self.endpoints().send(&push, Duration::MAX).await;
            let (uri, ends_at) = pushed.map_err(|failed| failed.error)?;
            pending.url_ends_at = Some(ends_at);
            url(&place.url, [client_id, ("request_uri", &uri)])?
        } else if let Some(signer) = &request.signer {
            let signing = Signing {
                signer: &**signer,
                client_id: &place.client_id,
                audience: place.audience()?,
                now: self.env().clock().now(),
                patience: self.env().http().settings().request_timeout,
            };
            let object = request_object(&pairs, &signing).await?;
            url(&place.url, [client_id, ("request", &object)])?
        } else {
            let pairs = pairs
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()));
            url(&place.url, pairs)?
        };
        Ok((url, pending))
    }

    async fn place(&self, facts: &ServerFacts) -> Result<Place, Error> {
        let server = self.server();
        let declared = &server.departures.authorization;
        let (url, _) = self.endpoints().locate(EndpointKind::Authorization).await?;
        let issuer = self.endpoints().issuer().await?;
        let iss = match declared.iss {
            IssParameter::Required => IssRule::Required,
            IssParameter::Optional => IssRule::Optional,
            _ if facts.authorization_response_iss_parameter_supported => IssRule::Required,
            _ => IssRule::Unpromised,
        };
        let place = Place {
            url,
            client_id: self.client().id.clone(),
            authority: server.authority().to_owned(),
            iss_value: declared.iss_value.clone().or_else(|| issuer.clone()),
            issuer,
            iss,
            scope_separator: declared
                .scope_separator
                .unwrap_or(server.departures.request.scope_separator),
            parameters: declared.parameters.clone(),
            proof_key: None,
        };
        if iss == IssRule::Required && place.iss_value.is_none() {
            let problem = "answers have an `iss` here, and nobody knows which (RFC 9207 2.4)";
            return Err(Error::config("issuer", problem).remedy("set `issuer`"));
        }
        Ok(place)
    }

    /// Whether the client's authentication has its `client_id` as a parameter.
    fn names_client(&self) -> bool {
        match &self.client().method {
            AuthMethod::SecretBasic(_) => false,
            AuthMethod::SecretJwt { .. }
            | AuthMethod::PrivateKeyJwt { .. }
            | AuthMethod::Federated(_) => self.server().departures.request.client_id_with_assertion,
            _ => true,
        }
    }
}

/// RFC 8414 2: where it says what it knows and S256 is not there, a code could be redeemed by whoever
/// finds it.
fn check_challenge_method(facts: &ServerFacts) -> Result<(), Error> {
    match &facts.code_challenge_methods_supported {
        Some(known) if !known.iter().any(|method| method == "S256") => {
            let problem = "the server's document says that it does not know S256, and no code is asked for without \
                 PKCE (RFC 9700 2.1.1)";
            Err(Error::config("code_challenge_methods_supported", problem)
                .remedy("have PKCE switched on at the server, or, where its document is wrong, configure its facts"))
        }
        _ => Ok(()),
    }
}

/// A pushed authorization request (RFC 9126 2.1).
struct Push<'a> {
    request: &'a AuthorizationRequest,
    pairs: &'a Pairs,
    place: &'a Place,
    names_client: bool,
}

impl EndpointRequest for Push<'_> {
    /// The `request_uri`, and from when on it counts no more.
    type Answer = (String, DateTime<Utc>);

    const WHAT: &'static str = "pushed authorization request";

    fn endpoint(&self) -> EndpointKind {
        EndpointKind::PushedAuthorizationRequest
    }

    fn replay_class(&self) -> ReplayClass {
        ReplayClass::Safe // what is pushed and not used ends by itself
    }

    async fn parameters(&self, attempt: &Attempt<'_>) -> Result<Parameters, Error> {
        let mut parameters = Parameters::new(attempt.departures);
        if !self.names_client {
            parameters.push("client_id", &self.place.client_id)?;
        }
        match &self.request.signer {
            Some(signer) => {
                let signing = Signing {
                    signer: &**signer,
                    client_id: &self.place.client_id,
                    audience: self.place.audience()?,
                    now: attempt.now,
                    patience: attempt.patience,
                };
                let object = request_object(self.pairs, &signing).await?;
                parameters.push("request", object)?;
            }
            None => {
                for (name, value) in self.pairs.iter().filter(|(name, _)| name != "client_id") {
                    parameters.push(name, value)?;
                }
            }
        }
        Ok(parameters)
    }

    /// RFC 9126 2.2.
    fn read(&self, answered: &Answered<'_>) -> Result<(String, DateTime<Utc>), Error> {
        let document = answered.document(&[201])?;
        let broken = |fault, problem: &str| {
            let from = answered.from;
            let problem = format!(
                "the answer of {from} to the pushed authorization request cannot be used: {problem}"
            );
            Error::new(ErrorKind::Protocol(fault), problem).with_status(201)
        };
        let find = |name: &str| document.get(name).filter(|member| !member.is_null());
        let uri = match find("request_uri") {
            None => {
                return Err(broken(
                    ProtocolFault::MissingField,
                    "`request_uri` is missing",
                ));
            }
            Some(Value::String(uri)) => uri,
            Some(_) => {
                return Err(broken(
                    ProtocolFault::BadType,
                    "`request_uri` is not a string",
                ));
            }
        };
        if uri.len() > LONGEST || Url::parse(uri).is_err() {
            return Err(broken(ProtocolFault::BadValue, "`request_uri` is no URI"));
        }
        match find("expires_in") {
            None => Err(broken(
                ProtocolFault::MissingField,
                "`expires_in` is missing",
            )),
            Some(Value::Number(number)) => match number.as_u64() {
                Some(seconds @ 1..) => Ok((uri.clone(), after(answered.asked_at, seconds))),
                _ => Err(broken(
                    ProtocolFault::BadValue,
                    "`expires_in` is not a positive whole number of seconds",
                )),
            },
            Some(_) => Err(broken(
                ProtocolFault::BadType,
                "`expires_in` is not a number",
            )),
        }
    }
}

fn after(moment: DateTime<Utc>, seconds: u64) -> DateTime<Utc> {
    let span = i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds);
    let after = span.and_then(|span| moment.checked_add_signed(span));
    after.unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The most characters of a `request_uri`.
const LONGEST: usize = 2048;
