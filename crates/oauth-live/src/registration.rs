//! The clients that oidc-provider knows. Each trial has its own, so that none sees what another does.
//!
//! Each flow has a room with its clients; their secrets, keys and certificates are made for the run.

pub(crate) mod adapters;
pub(crate) mod client_credentials;
pub(crate) mod users;

use std::collections::HashMap;
use std::io;

use oauth_contract::Failure;
use oauth_core::jwks::public_jwks;
use oauth_core::signing_key::{Algorithm, KeyOptions, SigningKey};
use oauth_stage::{Authority, Identity};
use serde_json::{Value, json};

use crate::expect::some;
use crate::random;

/// A client, as it is registered (RFC 7591 2).
pub(crate) struct Client {
    /// Its identifier (RFC 6749 2.2).
    pub(crate) id: &'static str,
    /// How it proves who it is.
    pub(crate) proof: Proof,
    /// How it gets its tokens.
    pub(crate) grant: GrantType,
    /// What it may have (RFC 6749 3.3).
    pub(crate) scope: &'static str,
    /// Whether the token endpoint wants a nonce of its proofs (RFC 9449 8).
    pub(crate) wants_nonce: bool,
    /// What else the server is told about it: members that replace those that follow from the rest, or
    /// take them away where they are `null`.
    pub(crate) more: fn() -> Value,
}

/// How a client proves who it is (`token_endpoint_auth_method`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// `none`.
    Nothing,
    /// `client_secret_basic`.
    Basic,
    /// `client_secret_post`.
    Post,
    /// `client_secret_jwt`, by HS256.
    Hash,
    /// `private_key_jwt`, with the keys that it publishes at its `jwks_uri` in the course of a trial.
    Published(Algorithm),
    /// `private_key_jwt`, with a key that the server was given.
    Given(Algorithm),
    /// `tls_client_auth`, with a certificate by the authority of clients, for the client's name.
    Certificate,
    /// `self_signed_tls_client_auth`, with a certificate that the server was given.
    OwnCertificate,
}

/// How a client gets its tokens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum GrantType {
    /// By its own authentication (RFC 6749 4.4).
    ClientCredentials,
    /// Somebody's login, and the refresh tokens that follow from it.
    Login,
    /// It gets no tokens; it judges others'.
    None,
}

/// What the FHIR base wants (SMART App Launch 2.2).
pub(crate) const PATIENTS: &str = "system/Patient.rs";
/// What the API of items wants.
pub(crate) const ITEMS: &str = "items.read";
/// A scope that nothing here wants.
pub(crate) const OTHERS: &str = "others.read";

/// Every scope that can be had, but those of OpenID Connect.
pub(crate) const SCOPES: [&str; 3] = [PATIENTS, ITEMS, OTHERS];

/// Where a login ends (RFC 6749 3.1.2); nobody listens there.
pub(crate) const REDIRECT_URI: &str = "https://app.example/callback";

/// The client that judges tokens: the API itself.
pub(crate) const RESOURCE_SERVER: Client = Client {
    grant: GrantType::None,
    scope: "",
    ..Client::new("resource-server", Proof::Post)
};

/// All of them.
const CLIENTS: &[&[Client]] = &[
    &[RESOURCE_SERVER],
    adapters::CLIENTS,
    client_credentials::CLIENTS,
    users::CLIENTS,
];

fn all() -> impl Iterator<Item = &'static Client> {
    CLIENTS.iter().copied().flatten()
}

impl Client {
    /// One that gets tokens for the items, for itself.
    pub(crate) const fn new(id: &'static str, proof: Proof) -> Self {
        Self {
            id,
            proof,
            grant: GrantType::ClientCredentials,
            scope: ITEMS,
            wants_nonce: false,
            more: || json!({}),
        }
    }

    /// What the server is told about it.
    fn metadata(&self, kept: &Kept, jwks_uri: String) -> Value {
        let (grants, responses, redirects) = match self.grant {
            GrantType::ClientCredentials => (vec!["client_credentials"], vec![], vec![]),
            GrantType::Login => (
                vec!["authorization_code", "refresh_token"],
                vec!["code"],
                vec![REDIRECT_URI],
            ),
            GrantType::None => (vec![], vec![], vec![]),
        };
        let mut metadata = json!({
            "client_id": self.id,
            "grant_types": grants,
            "response_types": responses,
            "redirect_uris": redirects,
        });
        if !self.scope.is_empty() {
            metadata["scope"] = self.scope.into();
        }
        merge(&mut metadata, self.proof.metadata(kept, jwks_uri));
        merge(&mut metadata, (self.more)());
        metadata
    }
}

/// The members of both; of the second where both have one (RFC 7396).
fn merge(metadata: &mut Value, more: Value) {
    let (Value::Object(metadata), Value::Object(more)) = (metadata, more) else {
        return;
    };
    metadata.extend(more);
    metadata.retain(|_, value| !value.is_null());
}

impl Proof {
    fn metadata(self, kept: &Kept, jwks_uri: String) -> Value {
        let by_secret = |method: &str| json!({"token_endpoint_auth_method": method, "client_secret": kept.secret});
        let with_key = |algorithm: Algorithm| {
            json!({
                "token_endpoint_auth_method": "private_key_jwt",
                "token_endpoint_auth_signing_alg": algorithm.name(),
            })
        };
        let mut metadata = match self {
            Self::Nothing => json!({"token_endpoint_auth_method": "none"}),
            Self::Basic => by_secret("client_secret_basic"),
            Self::Post => by_secret("client_secret_post"),
            Self::Hash => by_secret("client_secret_jwt"),
            Self::Published(algorithm) | Self::Given(algorithm) => with_key(algorithm),
            Self::Certificate => json!({
                "token_endpoint_auth_method": "tls_client_auth",
                "tls_client_auth_san_dns": kept.host,
            }),
            Self::OwnCertificate => {
                json!({"token_endpoint_auth_method": "self_signed_tls_client_auth"})
            }
        };
        match self {
            Self::Hash => metadata["token_endpoint_auth_signing_alg"] = "HS256".into(),
            Self::Published(_) => metadata["jwks_uri"] = jwks_uri.into(),
            Self::Given(_) | Self::OwnCertificate => metadata["jwks"] = kept.jwks.clone(),
            _ => {}
        }
        metadata
    }
}

/// What a client keeps to itself, and the server's view of that.
struct Kept {
    secret: String,
    /// The name in its certificate.
    host: String,
    key: Option<SigningKey>,
    identity: Option<Identity>,
    jwks: Value,
}

impl Kept {
    /// Made anew. A secret holds what a form, a URL or a header would take for something else.
    fn new(client: &Client, authority: &Authority) -> io::Result<Self> {
        let label = random::text().to_lowercase().replace(['_', '-'], "");
        let host = format!("{label}.example");
        let mut kept = Self {
            secret: format!("%2B+/=&: {}", random::text()),
            key: None,
            identity: None,
            jwks: Value::Null,
            host,
        };
        match client.proof {
            Proof::Given(algorithm) => {
                let key = new_key(algorithm)?;
                kept.jwks = public_jwks([&key]).map_err(io::Error::other)?;
                kept.key = Some(key);
            }
            Proof::Certificate => kept.identity = Some(authority.client_identity(&kept.host)?),
            Proof::OwnCertificate => {
                let identity = Identity::self_signed(&kept.host)?;
                kept.jwks = json!({"keys": [certified(&identity)?]});
                kept.identity = Some(identity);
            }
            _ => {}
        }
        Ok(kept)
    }
}

/// A key that nobody has seen yet.
pub(crate) fn new_key(algorithm: Algorithm) -> io::Result<SigningKey> {
    let key = match algorithm {
        // the smallest that servers take (RFC 7518 3.3): to make larger ones takes long
        Algorithm::RS384 | Algorithm::PS256 => SigningKey::generate_rsa(algorithm, 2048),
        _ => SigningKey::generate(algorithm),
    };
    key.map_err(io::Error::other)
}

/// The public key of a certificate, with the certificate itself (RFC 8705 2.2).
fn certified(identity: &Identity) -> io::Result<Value> {
    let key = SigningKey::load(identity.key_pem.as_bytes(), &KeyOptions::default());
    let mut jwk = key.map_err(io::Error::other)?.public_jwk();
    let der: String = identity
        .certificate_pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    jwk["x5c"] = json!([der]);
    Ok(jwk)
}

/// The clients of this run, with what was made for it.
pub(crate) struct Registrations {
    kept: HashMap<&'static str, Kept>,
    authority: Authority,
}

impl Registrations {
    /// Makes every secret, key and certificate.
    ///
    /// # Errors
    /// The system's cryptography fails.
    pub(crate) fn new() -> io::Result<Self> {
        let authority = Authority::new()?;
        let kept = all().map(|client| Ok((client.id, Kept::new(client, &authority)?)));
        Ok(Self {
            kept: kept.collect::<io::Result<_>>()?,
            authority,
        })
    }

    /// The client's secret.
    pub(crate) fn secret(&self, client: &Client) -> &str {
        self.kept.get(client.id).map_or("", |kept| &kept.secret)
    }

    /// The key that the server was given.
    ///
    /// # Errors
    /// It was given none.
    pub(crate) fn key(&self, client: &Client) -> Result<&SigningKey, Failure> {
        let kept = self.kept.get(client.id);
        some("the client's key", kept.and_then(|kept| kept.key.as_ref()))
    }

    /// The certificate that it shows, with its key.
    ///
    /// # Errors
    /// It has none.
    pub(crate) fn identity(&self, client: &Client) -> Result<&Identity, Failure> {
        let kept = self.kept.get(client.id);
        let identity = kept.and_then(|kept| kept.identity.as_ref());
        some("the client's certificate", identity)
    }

    /// The name that its certificate must have.
    pub(crate) fn host(&self, client: &Client) -> &str {
        self.kept.get(client.id).map_or("", |kept| &kept.host)
    }

    /// The authority of the certificates that clients show.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Every client as the server is told about it; `jwks_uri` says where one publishes its keys.
    pub(crate) fn metadata(&self, jwks_uri: impl Fn(&str) -> String) -> Vec<Value> {
        all()
            .filter_map(|client| Some((client, self.kept.get(client.id)?)))
            .map(|(client, kept)| client.metadata(kept, jwks_uri(client.id)))
            .collect()
    }

    /// Those of which the token endpoint wants a nonce.
    pub(crate) fn wanting_nonces() -> Vec<&'static str> {
        let wanting = all().filter(|client| client.wants_nonce);
        wanting.map(|client| client.id).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_clients_share_an_identifier() {
        let ids: BTreeSet<_> = all().map(|client| client.id).collect();
        assert_eq!(ids.len(), all().count());
    }

    #[test]
    fn a_client_is_registered_with_the_one_thing_that_its_method_needs() {
        let registrations = Registrations::new().unwrap();
        for client in registrations.metadata(|id| format!("https://keys.example/{id}")) {
            let names = [
                "client_secret",
                "jwks_uri",
                "jwks",
                "tls_client_auth_san_dns",
            ];
            let given = names.into_iter().filter(|name| !client[name].is_null());
            let expected = usize::from(client["token_endpoint_auth_method"] != "none");
            assert_eq!(given.count(), expected, "{}", client["client_id"]);
        }
    }
}
