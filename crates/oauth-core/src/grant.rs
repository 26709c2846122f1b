//! Grants as the parameters of a token request.

mod assertion;
mod device_code;
pub mod exchange;
mod vendor;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub use crate::grant::assertion::{Assertion, AssertionMaker, JwtBearer, Saml2Bearer};
pub use crate::grant::device_code::DeviceCode;
pub use crate::grant::exchange::{TokenExchange, TypedToken};
pub use crate::grant::vendor::VendorGrant;

use crate::authorization_details::AuthorizationDetails;
use crate::client_auth::apply::Attempt;
use crate::error::Error;
use crate::parameters::Parameters;
use crate::retry::ReplayClass;
use crate::secret::Secret;
use crate::server::{Departures, RotationPolicy};
use crate::token::Scopes;

/// What a token is asked for with (RFC 6749 1.3).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Grant {
    /// The client's own authentication (RFC 6749 4.4).
    ClientCredentials(ClientCredentials),
    /// A refresh token (RFC 6749 6).
    RefreshToken(RefreshToken),
    /// A device code (RFC 8628 3.4).
    DeviceCode(DeviceCode),
    /// An assertion that is a JWT (RFC 7523 2.1).
    JwtBearer(JwtBearer),
    /// An assertion in SAML 2.0 (RFC 7522 2.1).
    Saml2Bearer(Saml2Bearer),
    /// Another token (RFC 8693 2.1).
    TokenExchange(TokenExchange),
    /// What a vendor has made up (RFC 6749 4.5).
    Vendor(VendorGrant),
    /// An authorization code (RFC 6749 4.1.3).
    AuthorizationCode(AuthorizationCode),
}

/// RFC 6749 4.4.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientCredentials {
    /// The scopes asked for; none: the server decides.
    pub scopes: Scopes,
    /// The APIs the token is for (RFC 8707 2); each is one parameter.
    pub resource: Vec<String>,
    /// The audience, for servers that know that parameter.
    pub audience: Option<String>,
    /// What is to be allowed, in detail (RFC 9396 6).
    pub authorization_details: AuthorizationDetails,
}

/// RFC 6749 6.
#[derive(Clone, Debug)]
pub struct RefreshToken {
    /// The refresh token.
    pub refresh_token: Secret,
    /// The scopes asked for: at most those once granted; none: all of them.
    pub scopes: Scopes,
    /// The scopes once granted, where they are known: then no others are asked for (RFC 6749 6).
    pub granted: Option<Scopes>,
    /// The APIs the token is for, of those the login was for (RFC 8707 2.2); none: the server decides. Each
    /// is one parameter.
    pub resource: Vec<String>,
}

/// RFC 6749 4.1.3, RFC 7636 4.5. It can be spent once: the server gives the grant up where a code comes twice.
#[derive(Clone, Debug)]
pub struct AuthorizationCode {
    /// The code.
    pub code: Secret,
    /// The redirect URI of the authorization request, letter by letter.
    pub redirect_uri: String,
    /// The PKCE verifier.
    pub code_verifier: Secret,
    /// The scopes that were asked for with the code: they count where the answer names none, and are not sent.
    pub scopes: Scopes,
    /// The APIs the token is for, of those the code was asked for (RFC 8707 2.2); each is one parameter.
    pub resource: Vec<String>,
}

impl Grant {
    /// The `grant_type` (RFC 6749 4.4.2, 6, and those of extensions).
    pub fn grant_type(&self) -> &str {
        match self {
            Self::ClientCredentials(_) => "client_credentials",
            Self::RefreshToken(_) => "refresh_token",
            Self::DeviceCode(_) => "urn:ietf:params:oauth:grant-type:device_code",
            Self::JwtBearer(_) => "urn:ietf:params:oauth:grant-type:jwt-bearer",
            Self::Saml2Bearer(_) => "urn:ietf:params:oauth:grant-type:saml2-bearer",
            Self::TokenExchange(_) => "urn:ietf:params:oauth:grant-type:token-exchange",
            Self::Vendor(grant) => &grant.grant_type,
            Self::AuthorizationCode(_) => "authorization_code",
        }
    }

    /// The scopes asked for.
    pub fn scopes(&self) -> &Scopes {
        match self {
            Self::ClientCredentials(grant) => &grant.scopes,
            Self::RefreshToken(grant) => &grant.scopes,
            Self::DeviceCode(grant) => &grant.scopes,
            Self::JwtBearer(grant) => &grant.scopes,
            Self::Saml2Bearer(grant) => &grant.scopes,
            Self::TokenExchange(grant) => &grant.scopes,
            Self::Vendor(grant) => &grant.scopes,
            Self::AuthorizationCode(grant) => &grant.scopes,
        }
    }

    /// The APIs the token is for, as far as the token request says so (RFC 8707 2.2).
    pub(crate) fn resource(&self) -> &[String] {
        match self {
            Self::ClientCredentials(grant) => &grant.resource,
            Self::RefreshToken(grant) => &grant.resource,
            Self::JwtBearer(grant) => &grant.resource,
            Self::TokenExchange(grant) => &grant.resource,
            Self::AuthorizationCode(grant) => &grant.resource,
            Self::DeviceCode(_) | Self::Saml2Bearer(_) | Self::Vendor(_) => &[],
        }
    }

    /// What may be done when its answer is lost.
    pub(crate) fn replay_class(&self, rotation: RotationPolicy) -> ReplayClass {
        match self {
            Self::ClientCredentials(_) => ReplayClass::Safe,
            Self::RefreshToken(_) => match rotation {
                RotationPolicy::None => ReplayClass::Safe,
                rotation => ReplayClass::Rotating(rotation),
            },
            Self::DeviceCode(_) | Self::Saml2Bearer(_) => ReplayClass::Once,
            Self::JwtBearer(grant) => match grant.assertion {
                Assertion::Given(_) => ReplayClass::Once,
                Assertion::Made(_) => ReplayClass::Safe,
            },
            Self::TokenExchange(_) => ReplayClass::Safe,
            Self::Vendor(grant) if grant.is_repeatable => ReplayClass::Safe,
            Self::Vendor(_) => ReplayClass::Once,
            Self::AuthorizationCode(_) => ReplayClass::Once,
        }
    }

    /// Whether the answer may bring a refresh token (RFC 6749 4.4.3: not for client credentials).
    pub(crate) fn may_bring_refresh_token(&self) -> bool {
        !matches!(self, Self::ClientCredentials(_))
    }

    pub(crate) fn parameters(&self, departures: &Departures) -> Result<Parameters, Error> {
        let mut parameters = Parameters::new(departures);
        parameters.push("grant_type", self.grant_type())?;
        let separator = departures.request.scope_separator;
        match self {
            Self::ClientCredentials(grant) => {
                parameters.push("scope", grant.scopes.joined(separator))?;
                parameters.push_each("resource", &grant.resource)?;
                if let Some(audience) = &grant.audience {
                    parameters.push("audience", audience)?;
                }
                let details = grant.authorization_details.parameter();
                parameters.push("authorization_details", details)?;
            }
            Self::RefreshToken(grant) => {
                grant.check_scopes()?;
                parameters.push_secret("refresh_token", grant.refresh_token.clone())?;
                parameters.push("scope", grant.scopes.joined(separator))?;
                parameters.push_each("resource", &grant.resource)?;
            }
            Self::DeviceCode(grant) => {
                parameters.push_secret("device_code", grant.device_code.clone())?;
            }
            Self::JwtBearer(grant) => {
                if let Assertion::Given(assertion) = &grant.assertion {
                    parameters.push_secret("assertion", assertion.clone())?;
                }
                parameters.push("scope", grant.scopes.joined(separator))?;
                parameters.push_each("resource", &grant.resource)?;
                let details = grant.authorization_details.parameter();
                parameters.push("authorization_details", details)?;
            }
            Self::Saml2Bearer(grant) => {
                let encoded = URL_SAFE_NO_PAD.encode(grant.assertion.expose());
                parameters.push_secret("assertion", Secret::new(encoded))?;
                parameters.push("scope", grant.scopes.joined(separator))?;
            }
            Self::TokenExchange(grant) => {
                let TypedToken { token, token_type } = &grant.subject;
                parameters.push_secret("subject_token", token.clone())?;
                parameters.push("subject_token_type", token_type)?;
                if let Some(TypedToken { token, token_type }) = &grant.actor {
                    parameters.push_secret("actor_token", token.clone())?;
                    parameters.push("actor_token_type", token_type)?;
                }
                let wanted = grant.requested_token_type.as_deref();
                parameters.push("requested_token_type", wanted.unwrap_or_default())?;
                parameters.push("scope", grant.scopes.joined(separator))?;
                parameters.push_each("resource", &grant.resource)?;
                parameters.push_each("audience", &grant.audience)?;
                let details = grant.authorization_details.parameter();
                parameters.push("authorization_details", details)?;
            }
            Self::Vendor(grant) => {
                for (name, value) in &grant.parameters {
                    parameters.push_hidden(name, value.clone())?;
                }
                parameters.push("scope", grant.scopes.joined(separator))?;
            }
            Self::AuthorizationCode(grant) => {
                parameters.push_secret("code", grant.code.clone())?;
                parameters.push("redirect_uri", &grant.redirect_uri)?;
                parameters.push_secret("code_verifier", grant.code_verifier.clone())?;
                for resource in &grant.resource {
                    parameters.push("resource", resource)?;
                }
            }
        }
        let declared = departures.request.of(matches!(self, Self::RefreshToken(_)));
        for (name, value) in &declared.parameters {
            parameters.push(name, value)?;
        }
        Ok(parameters)
    }

    /// The parameters of one attempt: what is made for each is made.
    pub(crate) async fn parameters_of(&self, attempt: &Attempt<'_>) -> Result<Parameters, Error> {
        let mut parameters = self.parameters(attempt.departures)?;
        if let Self::JwtBearer(JwtBearer {
            assertion: Assertion::Made(maker),
            ..
        }) = self
        {
            parameters.push_secret("assertion", maker.make(attempt).await?)?;
        }
        Ok(parameters)
    }
}

impl RefreshToken {
    /// All scopes that were granted with it.
    pub fn new(refresh_token: Secret) -> Self {
        Self {
            refresh_token,
            scopes: Scopes::none(),
            granted: None,
            resource: Vec::new(),
        }
    }

    /// RFC 6749 6: none that was not granted.
    fn check_scopes(&self) -> Result<(), Error> {
        let Some(granted) = &self.granted else {
            return Ok(());
        };
        let beyond = self.scopes.without(granted);
        if beyond.is_empty() {
            return Ok(());
        }
        let problem = format!("`{beyond}` was not granted with this refresh token (RFC 6749 6)");
        Err(Error::config("scopes", problem).remedy("log in again, asking for it"))
    }
}

#[cfg(test)]
mod tests;
