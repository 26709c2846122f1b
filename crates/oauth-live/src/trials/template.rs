//! The template adapter, which proves who it is with a secret.

use oauth_contract::{Failure, Outcome, Suite};
use oauth_core::adapter;
use oauth_core::env::Env;
use oauth_core::signing_key::Algorithm;
use oauth_template::client::TemplateClient;
use oauth_template::{client_secret, private_key_jwt};
use serde_json::{Value, json};

use crate::expect::{equal, invalid_client, some};
use crate::random;
use crate::registration::Client;
use crate::registration::adapters::{
    BASIC, DISCOVERING, HASHING, HASHING_TWICE, MISTAKEN, POST, RAW_BASIC, REVOKED_BASIC,
};
use crate::trials::{keep_key, new_key, replay, revoke};
use crate::world::{World, answered};

pub(super) fn suite() -> Suite {
    Suite::own("live/oidc-provider/template_client_credentials")
        .trial("basic_carries_an_id_with_a_colon_and_a_space", basic)
        .trial("a_basic_header_that_is_no_form_is_refused", raw_basic)
        .trial("post_carries_a_secret_of_every_kind_of_character", post)
        .trial("a_keyed_hash_brings_a_token_that_the_api_takes", hash)
        .trial("a_replayed_keyed_hash_is_refused", replayed_hash)
        .trial("a_wrong_secret_is_the_configurations_fault", wrong_secret)
        .trial("a_revoked_token_is_replaced_once", revoked)
        .trial("metadata_names_the_token_endpoint", discovered)
}

/// How the secret proves who the client is.
pub(super) enum SecretMethod {
    Basic,
    Post,
    Hash,
}

impl SecretMethod {
    /// As a user writes it.
    fn written(&self) -> Value {
        match self {
            Self::Basic => json!("client_secret_basic"),
            Self::Post => json!("client_secret_post"),
            Self::Hash => {
                json!({"client_secret_jwt": {"algorithm": "HS256", "audience": "token_endpoint"}})
            }
        }
    }
}

/// The adapter, as that client.
pub(super) fn connect(
    world: &World,
    env: &Env,
    client: &Client,
    method: SecretMethod,
) -> Result<TemplateClient, Failure> {
    connect_with(world, env, client, method, world.secret(client))
}

fn connect_with(
    world: &World,
    env: &Env,
    client: &Client,
    method: SecretMethod,
    secret: &str,
) -> Result<TemplateClient, Failure> {
    let config = json!({
        "api_url": world.resource().api_url(),
        "token_url": world.tap().token_url(),
        "client_id": client.id,
        "client_secret": world.keep(&random::text(), secret)?,
        "token_endpoint_auth_method": method.written(),
        "scopes": [client.scope],
    });
    Ok(adapter::connect::<client_secret::Template>(env, config)?)
}

/// Reads an item that no other trial reads, and sees that the API was asked once.
async fn reads(world: &World, client: &TemplateClient, id: &str) -> Outcome {
    let item = some("the item", client.item(id).await?)?;
    equal("the item's id", id, item.id.as_str())?;
    let statuses = world.resource().statuses(id);
    equal("the answers of the API", vec![200], statuses)
}

async fn basic() -> Outcome {
    let world = World::here()?;
    let client = connect(world, &world.env()?, &BASIC, SecretMethod::Basic)?;
    reads(world, &client, "basic").await?;
    let sent = world.tap().sent_by(BASIC.id);
    equal("token requests in its name", 1, sent.len())
}

/// What makes [`basic`] a proof: this server decodes the halves of the header as forms (RFC 6749 2.3.1),
/// and finds another secret where they were none.
async fn raw_basic() -> Outcome {
    let world = World::here()?;
    let request = world
        .http()?
        .post(world.tap().token_url())
        .basic_auth(RAW_BASIC.id, Some(world.secret(&RAW_BASIC)))
        .form(&[("grant_type", "client_credentials")]);
    let (status, answer) = answered(request).await?;
    let refusal = (401, Some("invalid_client"));
    equal("the answer", refusal, (status, answer["error"].as_str()))?;
    let client = connect(world, &world.env()?, &RAW_BASIC, SecretMethod::Basic)?;
    reads(world, &client, "raw-basic").await
}

async fn post() -> Outcome {
    let world = World::here()?;
    let client = connect(world, &world.env()?, &POST, SecretMethod::Post)?;
    reads(world, &client, "post").await?;
    let sent = world.tap().sent_by(POST.id);
    let secrets = sent.iter().filter_map(|one| one.parameter("client_secret"));
    equal("secrets in forms", 1, secrets.count())
}

async fn hash() -> Outcome {
    let world = World::here()?;
    let client = connect(world, &world.env()?, &HASHING, SecretMethod::Hash)?;
    reads(world, &client, "hash").await
}

async fn replayed_hash() -> Outcome {
    let world = World::here()?;
    let client = connect(world, &world.env()?, &HASHING_TWICE, SecretMethod::Hash)?;
    reads(world, &client, "replayed-hash").await?;
    replay(world, &HASHING_TWICE).await
}

async fn wrong_secret() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let wrong = random::text();
    let client = connect_with(world, &env, &MISTAKEN, SecretMethod::Basic, &wrong)?;
    invalid_client("the call", client.item("mistaken").await)?;
    let statuses = world.resource().statuses("mistaken");
    equal("the answers of the API", vec![], statuses)
}

async fn revoked() -> Outcome {
    let world = World::here()?;
    let client = connect(world, &world.env()?, &REVOKED_BASIC, SecretMethod::Basic)?;
    some("the item", client.item("revoked-basic").await?)?;
    revoke(world, client.as_ref()).await?;
    some("the item", client.item("revoked-basic").await?)?;
    let statuses = world.resource().statuses("revoked-basic");
    equal("the answers of the API", vec![200, 401, 200], statuses)?;
    let sent = world.tap().sent_by(REVOKED_BASIC.id);
    equal("token requests", 2, sent.len())
}

/// RFC 8414, and with it the other audience that an assertion may have.
async fn discovered() -> Outcome {
    let world = World::here()?;
    let key = new_key(Algorithm::ES384)?;
    world.resource().publish(DISCOVERING.id, &[&key])?;
    let config = json!({
        "api_url": world.resource().api_url(),
        "issuer": world.issuer(),
        "client_id": DISCOVERING.id,
        "audience": "issuer",
        "key": {"source": keep_key(world, DISCOVERING.id, &key)?},
        "scopes": [DISCOVERING.scope],
    });
    let client = adapter::connect::<private_key_jwt::Template>(&world.env()?, config)?;
    reads(world, &client, "discovered").await
}
