//! Proofs of possession (RFC 9449): a token that is of no use to whoever steals it.

pub(crate) mod nonces;
pub(crate) mod proof;

use std::sync::Arc;

use serde::Deserialize;

use crate::binding::ProofKey;
use crate::error::{Error, ErrorKind, Recovery};
use crate::signing_key::{Algorithm, Signer};

/// Has the tokens of a server bound to a key, and each request prove that it has the key (RFC 9449).
///
/// Each login has a key of its own, which is made when it is needed, kept with the tokens and sealed as
/// they are; what is refreshed stays bound to the same key (RFC 9449 5).
///
/// ```
/// use oauth_core::dpop::Dpop;
/// use oauth_core::server::AuthorizationServer;
/// # use oauth_core::{Env, Error, HttpSettings};
/// # fn server(env: &Env) -> Result<AuthorizationServer, Error> {
/// let server = AuthorizationServer::configured(env, "token_url", "https://auth.example/token")?;
/// Ok(server.with_dpop(Dpop::new()))
/// # }
/// ```
///
/// As a configuration writes it:
///
/// ```toml
/// [dpop]
/// algorithm = "ES256"         # the default; or "ES384", "EdDSA"
/// bearer_accepted = false     # the default; see `Dpop::or_bearer`
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Written")]
pub struct Dpop {
    algorithm: Algorithm,
    signer: Option<Arc<dyn Signer>>,
    bearer_accepted: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    algorithm: Option<Algorithm>,
    #[serde(default)]
    bearer_accepted: bool,
}

impl TryFrom<Written> for Dpop {
    type Error = Error;

    fn try_from(written: Written) -> Result<Self, Error> {
        let mut dpop = Self::new();
        dpop.bearer_accepted = written.bearer_accepted;
        match written.algorithm {
            Some(algorithm) => dpop.algorithm(algorithm),
            None => Ok(dpop),
        }
    }
}

impl Default for Dpop {
    fn default() -> Self {
        Self::new()
    }
}

impl Dpop {
    /// Keys on P-256, which every server takes.
    pub fn new() -> Self {
        Self {
            algorithm: Algorithm::ES256,
            signer: None,
            bearer_accepted: false,
        }
    }

    /// Keys for another algorithm.
    ///
    /// # Errors
    /// It is one of RSA, whose keys take too long to be made at a login.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Result<Self, Error> {
        let is_quick = matches!(
            algorithm,
            Algorithm::ES256 | Algorithm::ES384 | Algorithm::EdDSA
        );
        if !is_quick {
            let problem =
                format!("no key for {algorithm} is made at a login, since that takes seconds");
            return Err(Error::config("dpop.algorithm", problem)
                .remedy("choose ES256, ES384 or EdDSA, or give a signer that has a key"));
        }
        self.algorithm = algorithm;
        Ok(self)
    }

    /// One key in an HSM or KMS for all tokens, instead of a new one for each login.
    ///
    /// # Errors
    /// The signer does not tell its public key ([`Signer::public_jwk`]), which every proof shows.
    pub fn signer(mut self, signer: Arc<dyn Signer>) -> Result<Self, Error> {
        if ProofKey::of_signer(&signer).is_none() {
            let problem =
                "this signer does not tell its public key, and every proof shows it (RFC 9449 4.2)";
            return Err(Error::config("dpop.signer", problem)
                .remedy("implement `Signer::public_jwk` for an RSA, EC or OKP key"));
        }
        self.signer = Some(signer);
        Ok(self)
    }

    /// Takes a token that the server has bound to nothing, and bears it as `Bearer`: for servers that do
    /// not know this RFC yet. Otherwise such an answer is refused (RFC 9449 5).
    #[must_use]
    pub fn or_bearer(mut self) -> Self {
        self.bearer_accepted = true;
        self
    }

    pub(crate) fn is_bearer_accepted(&self) -> bool {
        self.bearer_accepted
    }

    /// Whether each login has a key of its own.
    pub(crate) fn makes_keys(&self) -> bool {
        self.signer.is_none()
    }

    /// The key of a new login.
    pub(crate) fn new_key(&self) -> Result<ProofKey, Error> {
        if let Some(signer) = &self.signer {
            return self.key_of(signer.key_id()).ok_or_else(|| {
                let problem = "the signer of proofs does not tell its public key any more";
                Error::new(ErrorKind::Credential, problem)
            });
        }
        ProofKey::generate(self.algorithm).map_err(|fault| {
            Error::new(ErrorKind::Credential, format!("no key for proofs: {fault}"))
                .with_recovery(Recovery::Retry { after: None })
        })
    }

    /// The key of the signer of that name; `None`: it is another one, or there is none.
    pub(crate) fn key_of(&self, name: &str) -> Option<ProofKey> {
        let signer = self.signer.as_ref()?;
        (signer.key_id() == name)
            .then(|| ProofKey::of_signer(signer))
            .flatten()
    }
}

impl PartialEq for Dpop {
    fn eq(&self, other: &Self) -> bool {
        let is_same_signer = match (&self.signer, &other.signer) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        };
        is_same_signer
            && self.algorithm == other.algorithm
            && self.bearer_accepted == other.bearer_accepted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_rsa_is_not_made_at_a_login() {
        let error = Dpop::new().algorithm(Algorithm::PS256).unwrap_err();
        assert!(error.to_string().contains("ES256"), "{error}");
        assert!(Dpop::new().algorithm(Algorithm::EdDSA).is_ok());
    }

    #[test]
    fn a_configuration_writes_what_a_program_says() {
        let parse = |text: &str| toml::from_str::<Dpop>(text).map_err(|error| error.to_string());
        assert_eq!(parse("").unwrap(), Dpop::new());
        let written = parse("algorithm = \"ES384\"\nbearer_accepted = true").unwrap();
        let said = Dpop::new().algorithm(Algorithm::ES384).unwrap().or_bearer();
        assert_eq!(written, said);
        for bad in [
            "algorithm = \"RS256\"",
            "algorithm = \"none\"",
            "bearer = true",
        ] {
            parse(bad).unwrap_err();
        }
    }
}
