//! oauth-core as the clients that are registered: what a program would write.

use oauth_contract::Failure;
use oauth_core::client_auth::{Audience, ClientAuth, HmacAlgorithm, KeyConfig};
use oauth_core::env::Env;
use oauth_core::http::IdentityConfig;
use oauth_core::oauth_client::OAuthClient;
use oauth_core::secret::{Secret, SecretRef};
use oauth_core::server::{AuthorizationServer, DiscoveryKind};
use oauth_core::signing_key::SigningKey;
use oauth_stage::Identity;
use serde_json::json;

use crate::expect::some;
use crate::random;
use crate::registration::{Client, Proof};
use crate::world::World;

impl World {
    /// The server, as its metadata describes it (RFC 8414).
    ///
    /// # Errors
    /// Its URL cannot be used.
    pub(crate) fn server(&self, env: &Env) -> Result<AuthorizationServer, Failure> {
        let (issuer, kind) = (self.issuer(), DiscoveryKind::OAuth);
        Ok(AuthorizationServer::discovered(
            env, "issuer", issuer, kind,
        )?)
    }

    /// The server, with the token endpoint that is configured: the tap's.
    ///
    /// # Errors
    /// Its URL cannot be used.
    pub(crate) fn tapped_server(&self, env: &Env) -> Result<AuthorizationServer, Failure> {
        let url = self.tap().token_url();
        Ok(AuthorizationServer::configured(env, "token_url", &url)?)
    }

    /// That client, of the server that its metadata describes.
    ///
    /// # Errors
    /// What was made for it cannot be used.
    pub(crate) fn client(&self, env: &Env, client: &Client) -> Result<OAuthClient, Failure> {
        let auth = self.client_auth(env, client)?;
        Ok(OAuthClient::new(env, self.server(env)?, auth)?)
    }

    /// That client, which sends its token requests to the tap. One with a certificate does not: the tap
    /// has not got its key.
    ///
    /// # Errors
    /// What was made for it cannot be used.
    pub(crate) fn tapped_client(&self, env: &Env, client: &Client) -> Result<OAuthClient, Failure> {
        let auth = self.client_auth(env, client)?;
        Ok(OAuthClient::new(env, self.tapped_server(env)?, auth)?)
    }

    /// How it proves who it is, with what was made for it.
    ///
    /// # Errors
    /// Nothing was, or it cannot be used.
    pub(crate) fn client_auth(&self, env: &Env, client: &Client) -> Result<ClientAuth, Failure> {
        let id = client.id;
        let made = self.registrations();
        let secret = || given(self.secret(client));
        let audience = Audience::TokenEndpoint;
        Ok(match client.proof {
            Proof::Nothing => ClientAuth::none(id)?,
            Proof::Basic => ClientAuth::secret_basic(env, id, secret())?,
            Proof::Post => ClientAuth::secret_post(env, id, secret())?,
            Proof::Hash => {
                ClientAuth::secret_jwt(env, id, secret(), HmacAlgorithm::HS256, audience)?
            }
            Proof::Given(_) => self.signing(env, client, made.key(client)?, audience)?,
            Proof::Published(_) => some("the key: the trial makes it", None)?,
            Proof::Certificate => ClientAuth::tls(env, id, &shown(made.identity(client)?))?,
            Proof::OwnCertificate => {
                ClientAuth::self_signed_tls(env, id, &shown(made.identity(client)?))?
            }
        })
    }

    /// `private_key_jwt` with that key, out of a file.
    ///
    /// # Errors
    /// It cannot be written or read.
    pub(crate) fn signing(
        &self,
        env: &Env,
        client: &Client,
        key: &SigningKey,
        audience: Audience,
    ) -> Result<ClientAuth, Failure> {
        let pem = key.to_pkcs8_pem();
        let pem = pem.map_err(|fault| Failure::new(fault.to_string()))?;
        let config = json!({
            "source": self.keep(&random::text(), pem.expose())?,
            "algorithm": key.algorithm().name(),
            "key_id": key.key_id(),
        });
        let config: KeyConfig =
            serde_json::from_value(config).map_err(|fault| Failure::new(fault.to_string()))?;
        Ok(ClientAuth::private_key_jwt(
            env, client.id, &config, audience,
        )?)
    }
}

/// A certificate with its key, as a program has them in hand.
pub(crate) fn shown(identity: &Identity) -> IdentityConfig {
    IdentityConfig::new(given(&identity.certificate_pem), given(&identity.key_pem))
}

fn given(secret: &str) -> SecretRef {
    SecretRef::given(Secret::new(secret))
}
