//! Clients that register themselves (RFC 7591) and manage that (RFC 7592).

use std::sync::Arc;

use oauth_contract::{Failure, Outcome, Suite};
use oauth_core::client_auth::{Audience, ClientAuth};
use oauth_core::env::Env;
use oauth_core::error::{Error, ErrorKind, Recovery};
use oauth_core::grant::{ClientCredentials, Grant};
use oauth_core::jwks::public_jwks;
use oauth_core::oauth_client::OAuthClient;
use oauth_core::registration::{ClientMetadata, Management, Registration, register};
use oauth_core::secret::{Secret, SecretRef};
use oauth_core::server::AuthorizationServer;
use oauth_core::signing_key::Algorithm;
use serde_json::{Value, json};

use crate::expect::{self, equal, invalid_client, oauth, some};
use crate::random;
use crate::registration::{ITEMS, REDIRECT_URI, new_key};
use crate::user::{Program, asking};
use crate::world::World;

pub(super) fn suite() -> Suite {
    Suite::own("live/oidc-provider/registration")
        .trial(
            "a_client_with_a_secret_registers_and_logs_somebody_in",
            with_secret,
        )
        .trial("a_client_with_a_key_registers_and_gets_a_token", with_key)
        .trial(
            "nobody_registers_without_the_initial_access_token",
            without_token,
        )
        .trial("what_is_no_grant_is_invalid_client_metadata", odd_metadata)
        .trial(
            "what_is_no_redirect_uri_is_invalid_redirect_uri",
            odd_redirect_uri,
        )
        .trial(
            "a_registration_is_read_and_replaced_with_the_token_of_before",
            managed,
        )
        .trial(
            "a_client_that_was_deleted_is_gone_and_so_is_its_management",
            deleted,
        )
}

/// Who registers, and where.
struct Registrar {
    world: &'static World,
    env: Env,
    server: AuthorizationServer,
}

impl Registrar {
    fn new() -> Result<Self, Failure> {
        let world = World::here()?;
        let env = world.env()?;
        let server = world.server(&env)?;
        Ok(Self { world, env, server })
    }

    async fn registered(&self, metadata: Value) -> Result<Registration, Error> {
        let token = Secret::new(self.world.initial_access_token());
        register(&self.env, &self.server, Some(&token), &members(metadata)).await
    }

    fn client(&self, auth: ClientAuth) -> Result<OAuthClient, Failure> {
        Ok(OAuthClient::new(&self.env, self.server.clone(), auth)?)
    }

    /// The client that has that secret.
    fn with_secret(&self, registration: &Registration) -> Result<OAuthClient, Failure> {
        let secret = some("the secret", registration.client_secret.clone())?;
        let secret = SecretRef::given(secret);
        let auth = ClientAuth::secret_basic(&self.env, &registration.client_id, secret)?;
        self.client(auth)
    }
}

fn members(metadata: Value) -> ClientMetadata {
    match metadata {
        Value::Object(members) => members,
        _ => ClientMetadata::new(),
    }
}

fn by_itself() -> Value {
    json!({
        "grant_types": ["client_credentials"],
        "response_types": [],
        "redirect_uris": [],
        "scope": ITEMS,
    })
}

async fn token(client: &OAuthClient) -> Result<(), Error> {
    let grant = Grant::ClientCredentials(ClientCredentials::default());
    client.token(grant).await.map(drop)
}

async fn with_secret() -> Outcome {
    let registrar = Registrar::new()?;
    let registration = registrar
        .registered(json!({
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "redirect_uris": [REDIRECT_URI],
            "scope": ITEMS,
        }))
        .await?;
    equal(
        "when its secret ends",
        None,
        registration.client_secret_expires_at,
    )?;
    let oauth = registrar.with_secret(&registration)?;
    let Registrar { world, env, .. } = registrar;
    let program = Program { world, env, oauth };
    let tokens = program.logged_in(&asking(ITEMS)?).await?.tokens;
    equal("the API's answer", 200, program.item(tokens).await?)
}

async fn with_key() -> Outcome {
    let registrar = Registrar::new()?;
    let key = new_key(Algorithm::ES384)?;
    let mut metadata = by_itself();
    metadata["token_endpoint_auth_method"] = "private_key_jwt".into();
    metadata["token_endpoint_auth_signing_alg"] = "ES384".into();
    metadata["jwks"] = public_jwks([&key]).map_err(std::io::Error::other)?;
    let registration = registrar.registered(metadata).await?;
    equal("the secret", false, registration.client_secret.is_some())?;
    let id = &registration.client_id;
    let auth = ClientAuth::signer(id, Arc::new(key), Audience::TokenEndpoint)?;
    Ok(token(&registrar.client(auth)?).await?)
}

async fn without_token() -> Outcome {
    let Registrar { env, server, .. } = Registrar::new()?;
    let metadata = members(by_itself());
    let wrong = Secret::new(random::text());
    for initial in [None, Some(&wrong)] {
        let seen = register(&env, &server, initial, &metadata).await;
        let error = seen
            .err()
            .map(|error| (error.status(), error.recovery().name()));
        let expected = Some((Some(401), Recovery::FixConfig.name()));
        equal("the registration", expected, error)?;
    }
    Ok(())
}

async fn odd_metadata() -> Outcome {
    let mut metadata = by_itself();
    metadata["grant_types"] = json!(["barter"]);
    let seen = Registrar::new()?.registered(metadata).await;
    oauth(
        "the registration",
        seen,
        "invalid_client_metadata",
        Recovery::FixConfig,
    )
}

async fn odd_redirect_uri() -> Outcome {
    let metadata = json!({"redirect_uris": ["https://app.example/callback#fragment"]});
    let seen = Registrar::new()?.registered(metadata).await;
    oauth(
        "the registration",
        seen,
        "invalid_redirect_uri",
        Recovery::FixConfig,
    )
}

fn management(registration: &Registration) -> Result<Management, Failure> {
    some("its management", registration.management.clone())
}

async fn managed() -> Outcome {
    let registrar = Registrar::new()?;
    let Registrar { env, server, .. } = &registrar;
    let registered = registrar.registered(by_itself()).await?;
    let read = management(&registered)?.read(env, server).await?;
    equal("the client", &registered.client_id, &read.client_id)?;
    equal("its metadata", &registered.metadata, &read.metadata)?;

    let secret = some("the secret", read.client_secret.clone())?;
    let mut replaced = members(by_itself());
    replaced.insert("client_id".into(), read.client_id.clone().into());
    replaced.insert("client_secret".into(), secret.expose().into());
    replaced.insert("client_name".into(), "another name".into());
    let management_of_read = management(&read)?;
    let updated = management_of_read.update(env, server, &replaced).await?;
    equal(
        "its name",
        Some(&json!("another name")),
        updated.metadata.get("client_name"),
    )?;
    let again = management(&updated)?.read(env, server).await?;
    equal("its metadata", &updated.metadata, &again.metadata)?;
    Ok(token(&registrar.with_secret(&again)?).await?)
}

async fn deleted() -> Outcome {
    let registrar = Registrar::new()?;
    let Registrar { env, server, .. } = &registrar;
    let registered = registrar.registered(by_itself()).await?;
    let client = registrar.with_secret(&registered)?;
    token(&client).await?;
    let management = management(&registered)?;
    management.delete(env, server).await?;
    invalid_client("its token", token(&client).await)?;
    let read = management.read(env, server).await;
    let status = read.as_ref().err().and_then(Error::status);
    equal("its registration", Some(401), status)?;
    expect::error(
        "its registration",
        read,
        ErrorKind::OAuth,
        Recovery::FixConfig,
    )
    .map(drop)
}
