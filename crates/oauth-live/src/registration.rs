//! The clients that oidc-provider knows. Each trial has its own, so that none sees what another does.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::random;

/// A client, as it is registered (RFC 7591 2).
pub(crate) struct Client {
    /// Its identifier (RFC 6749 2.2).
    pub(crate) id: &'static str,
    method: &'static str,
    algorithm: Option<&'static str>,
    grant: Grant,
    /// What it may have (RFC 6749 3.3).
    pub(crate) scope: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Grant {
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

/// Every scope that can be had.
pub(crate) const SCOPES: [&str; 3] = [PATIENTS, ITEMS, OTHERS];

/// Where a login ends (RFC 6749 3.1.2); nobody listens there.
pub(crate) const REDIRECT_URI: &str = "https://app.example/callback";

/// The client that judges tokens: the API itself.
pub(crate) const RESOURCE_SERVER: Client = Client {
    id: "resource-server",
    method: "client_secret_post",
    algorithm: None,
    grant: Grant::None,
    scope: "",
};

pub(crate) const RS384: Client = Client::signing("fhir-rs384", "RS384");
pub(crate) const ES384: Client = Client::signing("fhir-es384", "ES384");
pub(crate) const REPLAYED: Client = Client::signing("fhir-replayed", "ES384");
pub(crate) const ROTATED: Client = Client::signing("fhir-rotated", "ES384");
pub(crate) const STRANGER: Client = Client::signing("fhir-stranger", "ES384");
pub(crate) const REVOKED: Client = Client::signing("fhir-revoked", "ES384");
pub(crate) const UNTRUSTING: Client = Client::signing("fhir-untrusting", "ES384");
pub(crate) const DISCOVERING: Client = Client {
    scope: ITEMS,
    ..Client::signing("discovering", "ES384")
};

/// A colon and a space, which only a form-encoded Basic header can carry (RFC 6749 2.3.1).
pub(crate) const BASIC: Client = Client::with_secret("live: basic client", "client_secret_basic");
pub(crate) const RAW_BASIC: Client = Client::with_secret("raw-basic", "client_secret_basic");
pub(crate) const MISTAKEN: Client = Client::with_secret("mistaken", "client_secret_basic");
pub(crate) const POST: Client = Client::with_secret("live: post client", "client_secret_post");
pub(crate) const HASHING: Client = Client::hashing("hashing");
pub(crate) const HASHING_TWICE: Client = Client::hashing("hashing-twice");
pub(crate) const REVOKED_BASIC: Client =
    Client::with_secret("revoked-basic", "client_secret_basic");
pub(crate) const OUT_OF_SCOPE: Client = Client {
    scope: OTHERS,
    ..Client::with_secret("out-of-scope", "client_secret_basic")
};
pub(crate) const ROTATING: Client = Client::logging_in("rotating");
pub(crate) const REUSING: Client = Client::logging_in("reusing");

/// All of them.
const CLIENTS: [Client; 19] = [
    RESOURCE_SERVER,
    RS384,
    ES384,
    REPLAYED,
    ROTATED,
    STRANGER,
    REVOKED,
    UNTRUSTING,
    DISCOVERING,
    BASIC,
    RAW_BASIC,
    MISTAKEN,
    POST,
    HASHING,
    HASHING_TWICE,
    REVOKED_BASIC,
    OUT_OF_SCOPE,
    ROTATING,
    REUSING,
];

impl Client {
    /// For itself, with a private key whose public half is at its `jwks_uri`.
    const fn signing(id: &'static str, algorithm: &'static str) -> Self {
        Self {
            id,
            method: "private_key_jwt",
            algorithm: Some(algorithm),
            grant: Grant::ClientCredentials,
            scope: PATIENTS,
        }
    }

    /// For itself, with a secret.
    const fn with_secret(id: &'static str, method: &'static str) -> Self {
        Self {
            id,
            method,
            algorithm: None,
            grant: Grant::ClientCredentials,
            scope: ITEMS,
        }
    }

    /// For itself, with a secret that is the key of a hash.
    const fn hashing(id: &'static str) -> Self {
        Self {
            algorithm: Some("HS256"),
            ..Self::with_secret(id, "client_secret_jwt")
        }
    }

    /// For somebody who logs in, with a secret.
    const fn logging_in(id: &'static str) -> Self {
        Self {
            grant: Grant::Login,
            ..Self::with_secret(id, "client_secret_basic")
        }
    }

    /// What the server is told about it.
    fn metadata(&self, secret: &str, jwks_uri: String) -> Value {
        let (grants, responses, redirects) = match self.grant {
            Grant::ClientCredentials => (vec!["client_credentials"], vec![], vec![]),
            Grant::Login => (
                vec!["authorization_code", "refresh_token"],
                vec!["code"],
                vec![REDIRECT_URI],
            ),
            Grant::None => (vec![], vec![], vec![]),
        };
        let mut metadata = json!({
            "client_id": self.id,
            "token_endpoint_auth_method": self.method,
            "grant_types": grants,
            "response_types": responses,
            "redirect_uris": redirects,
        });
        if !self.scope.is_empty() {
            metadata["scope"] = self.scope.into();
        }
        if let Some(algorithm) = self.algorithm {
            metadata["token_endpoint_auth_signing_alg"] = algorithm.into();
        }
        match self.method {
            "private_key_jwt" => metadata["jwks_uri"] = jwks_uri.into(),
            _ => metadata["client_secret"] = secret.into(),
        }
        metadata
    }
}

/// The clients of this run, with the secrets made for it.
pub(crate) struct Registrations(HashMap<&'static str, String>);

impl Registrations {
    /// Makes every secret. Each holds what a form, a URL or a header would take for something else.
    pub(crate) fn new() -> Self {
        let secret = || format!("%2B+/=&: {}", random::text());
        Self(CLIENTS.iter().map(|client| (client.id, secret())).collect())
    }

    /// The client's secret.
    pub(crate) fn secret(&self, client: &Client) -> &str {
        self.0.get(client.id).map_or("", String::as_str)
    }

    /// Every client as the server is told about it; `jwks_uri` says where one publishes its keys.
    pub(crate) fn metadata(&self, jwks_uri: impl Fn(&str) -> String) -> Vec<Value> {
        CLIENTS
            .iter()
            .map(|client| client.metadata(self.secret(client), jwks_uri(client.id)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_clients_share_an_identifier() {
        let ids: BTreeSet<_> = CLIENTS.iter().map(|client| client.id).collect();
        assert_eq!(ids.len(), CLIENTS.len());
    }

    #[test]
    fn a_client_is_registered_with_a_secret_or_with_keys() {
        let registrations = Registrations::new();
        for client in registrations.metadata(|id| format!("https://keys.example/{id}")) {
            let (secret, keys) = (&client["client_secret"], &client["jwks_uri"]);
            assert_ne!(
                secret.is_string(),
                keys.is_string(),
                "{}",
                client["client_id"]
            );
        }
    }
}
