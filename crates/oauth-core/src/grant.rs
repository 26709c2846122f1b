//! Grants as the parameters of a token request.

use std::fmt;

use crate::error::Error;
use crate::retry::ReplayClass;
use crate::secret::Secret;
use crate::server::{Departures, RotationPolicy};
use crate::text::escape;
use crate::token::Scopes;

/// What a token is asked for with (RFC 6749 1.3).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Grant {
    /// The client's own authentication (RFC 6749 4.4).
    ClientCredentials(ClientCredentials),
    /// A refresh token (RFC 6749 6).
    RefreshToken(RefreshToken),
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
}

/// RFC 6749 6.
#[derive(Clone, Debug)]
pub struct RefreshToken {
    /// The refresh token.
    pub refresh_token: Secret,
    /// The scopes asked for: at most those once granted; none: all of them.
    pub scopes: Scopes,
}

/// The parameters of one request, each name once but those that may repeat.
#[derive(Default)]
pub(crate) struct Parameters {
    pairs: Vec<(String, Secret)>,
    /// Values that are declared of the server: no secrets, but nobody's to read either.
    declared: Vec<Secret>,
}

/// Parameters that may stand more than once (RFC 8707 2, RFC 8693 2.1).
const REPEATABLE: [&str; 2] = ["resource", "audience"];

impl Parameters {
    /// None yet, of a request to a server that departs so.
    pub fn new(departures: &Departures) -> Self {
        let request = &departures.request;
        let declared = request.parameters.values().chain(request.headers.values());
        Self {
            pairs: Vec::new(),
            declared: declared.map(Secret::new).collect(),
        }
    }

    /// Adds one; an empty value is left out (RFC 6749 3.2).
    ///
    /// # Errors
    /// It is there already (RFC 6749 3.2: not more than once).
    pub fn push(&mut self, name: &str, value: impl Into<String>) -> Result<(), Error> {
        self.push_secret(name, Secret::new(value))
    }

    pub fn push_secret(&mut self, name: &str, value: Secret) -> Result<(), Error> {
        if value.expose().is_empty() {
            return Ok(());
        }
        if !REPEATABLE.contains(&name) && self.pairs.iter().any(|(known, _)| known == name) {
            let problem = format!(
                "the parameter `{}` would be sent twice (RFC 6749 3.2)",
                escape(name)
            );
            return Err(
                Error::config("departures.request.parameters", problem).remedy("take it out")
            );
        }
        self.pairs.push((name.to_owned(), value));
        Ok(())
    }

    /// Each, in its order, under the RFCs' names.
    pub fn pairs(&self) -> impl Iterator<Item = &(String, Secret)> {
        self.pairs.iter()
    }

    /// The body (RFC 6749 Appendix B).
    #[cfg(test)]
    pub fn encode(&self) -> zeroize::Zeroizing<String> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.pairs {
            form.append_pair(name, value.expose());
        }
        zeroize::Zeroizing::new(form.finish())
    }

    /// The values to strike out of what comes back: of the parameters that are secret, and of the
    /// parameters and headers that are declared.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        const SECRET: [&str; 10] = [
            "actor_token",
            "assertion",
            "client_assertion",
            "client_secret",
            "code",
            "code_verifier",
            "device_code",
            "refresh_token",
            "subject_token",
            "token",
        ];
        self.pairs
            .iter()
            .filter(|(name, _)| SECRET.contains(&name.as_str()))
            .map(|(_, value)| value)
            .chain(&self.declared)
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.pairs.iter().map(|(name, _)| name))
            .finish()
    }
}

impl Grant {
    /// The `grant_type` (RFC 6749 4.4.2, 6).
    pub fn grant_type(&self) -> &'static str {
        match self {
            Self::ClientCredentials(_) => "client_credentials",
            Self::RefreshToken(_) => "refresh_token",
        }
    }

    /// The scopes asked for.
    pub fn scopes(&self) -> &Scopes {
        match self {
            Self::ClientCredentials(grant) => &grant.scopes,
            Self::RefreshToken(grant) => &grant.scopes,
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
                for resource in &grant.resource {
                    parameters.push("resource", resource)?;
                }
                if let Some(audience) = &grant.audience {
                    parameters.push("audience", audience)?;
                }
            }
            Self::RefreshToken(grant) => {
                parameters.push_secret("refresh_token", grant.refresh_token.clone())?;
                parameters.push("scope", grant.scopes.joined(separator))?;
            }
        }
        let declared = departures.request.of(matches!(self, Self::RefreshToken(_)));
        for (name, value) in &declared.parameters {
            parameters.push(name, value)?;
        }
        Ok(parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(grant: &Grant, departures: &Departures) -> String {
        grant.parameters(departures).unwrap().encode().to_string()
    }

    #[test]
    fn r005_client_credentials_send_what_is_set_and_nothing_empty() {
        let mut grant = ClientCredentials::default();
        assert_eq!(
            encoded(
                &Grant::ClientCredentials(grant.clone()),
                &Departures::default()
            ),
            "grant_type=client_credentials"
        );
        grant.scopes = Scopes::parse("b a").unwrap();
        grant.resource = vec!["https://x.example/".into(), "https://y.example/".into()];
        let mut departures = Departures::default();
        departures.request.scope_separator = ',';
        departures
            .request
            .parameters
            .insert("tenant".into(), "t 1".into());
        assert_eq!(
            encoded(&Grant::ClientCredentials(grant), &departures),
            "grant_type=client_credentials&scope=a%2Cb&resource=https%3A%2F%2Fx.example%2F\
             &resource=https%3A%2F%2Fy.example%2F&tenant=t+1"
        );
    }

    #[test]
    fn a_refresh_token_is_encoded_whatever_it_holds() {
        let grant = Grant::RefreshToken(RefreshToken {
            refresh_token: Secret::new("a+b/c=&scope=all é"),
            scopes: Scopes::none(),
        });
        assert_eq!(
            encoded(&grant, &Departures::default()),
            "grant_type=refresh_token&refresh_token=a%2Bb%2Fc%3D%26scope%3Dall+%C3%A9"
        );
    }

    #[test]
    fn r005_no_parameter_stands_twice() {
        let mut parameters = Parameters::default();
        for name in ["scope", "a\n\u{1b}[2J"] {
            parameters.push(name, "a").unwrap();
            let error = parameters.push(name, "b").unwrap_err().to_string();
            assert!(!error.contains(char::is_control), "{error:?}");
        }
    }

    #[test]
    fn strikes_out_what_is_secret_and_what_is_declared() {
        let mut departures = Departures::default();
        let request = &mut departures.request;
        request.parameters.insert("tenant".into(), "t-1234".into());
        request.headers.insert("x-api-key".into(), "k-5678".into());
        let grant = Grant::RefreshToken(RefreshToken {
            refresh_token: Secret::new("r-9012"),
            scopes: Scopes::parse("read").unwrap(),
        });
        let mut parameters = grant.parameters(&departures).unwrap();
        parameters.push("client_secret", "s3cret").unwrap();
        parameters.push("client_id", "client").unwrap();
        let mut struck: Vec<&str> = parameters.secrets().map(Secret::expose).collect();
        struck.sort_unstable();
        assert_eq!(struck, ["k-5678", "r-9012", "s3cret", "t-1234"]);
        let printed = format!("{parameters:?}");
        assert!(
            !struck.iter().any(|value| printed.contains(value)),
            "{printed}"
        );
        assert!(
            !parameters.encode().contains("k-5678"),
            "headers are no parameters"
        );
    }
}
