//! The FHIR adapter: SMART Backend Services, with keys at a `jwks_uri`.

use oauth_contract::{Failure, Outcome, Suite};
use oauth_core::adapter;
use oauth_core::env::Env;
use oauth_core::error::{Error, ErrorKind, Recovery};
use oauth_core::signing_key::{Algorithm, SigningKey};
use oauth_fhir::{Fhir, FhirClient};
use oauth_stage::Authority;
use serde_json::{Value, json};

use crate::expect::{self, equal, invalid_client};
use crate::registration::Client;
use crate::registration::adapters::{
    ES384, REPLAYED, REVOKED, ROTATED, RS384, STRANGER, UNTRUSTING,
};
use crate::trials::{keep_key, new_key, replay, revoke};
use crate::world::{World, clock, outlive};

pub(super) fn suite() -> Suite {
    Suite::own("live/oidc-provider/smart_backend_services")
        .trial("rs384_brings_a_token_that_the_api_takes", || {
            brings_a_token(&RS384, Algorithm::RS384)
        })
        .trial("es384_brings_a_token_that_the_api_takes", || {
            brings_a_token(&ES384, Algorithm::ES384)
        })
        .trial("a_replayed_assertion_is_refused", replayed)
        .trial("a_rotated_key_takes_over_and_the_old_one_ends", rotated)
        .trial("a_key_that_was_never_published_is_refused", stranger)
        .trial("a_revoked_token_is_replaced_once", revoked)
        .trial(
            "nothing_is_told_to_a_server_of_an_unknown_authority",
            untrusting,
        )
}

/// The adapter, as that client, with the key that is in that file.
fn connect(
    world: &World,
    env: &Env,
    client: &Client,
    key: &KeyFile,
) -> Result<FhirClient, Failure> {
    Ok(adapter::connect::<Fhir>(env, config(world, client, key))?)
}

/// What a user would write.
fn config(world: &World, client: &Client, key: &KeyFile) -> Value {
    json!({
        "fhir_url": world.resource().fhir_url(),
        "client_id": client.id,
        "key": {"source": key.place, "algorithm": key.algorithm.name()},
        "scopes": [client.scope],
    })
}

/// A client's private key, where its configuration says that it is.
struct KeyFile {
    name: String,
    place: String,
    algorithm: Algorithm,
}

impl KeyFile {
    fn new(world: &World, name: &str, key: &SigningKey) -> Result<Self, Failure> {
        Ok(Self {
            name: name.into(),
            place: keep_key(world, name, key)?,
            algorithm: key.algorithm(),
        })
    }

    /// Another key is there from now on.
    fn replace(&self, world: &World, key: &SigningKey) -> Outcome {
        keep_key(world, &self.name, key).map(drop)
    }
}

/// A new key, published as the client's only one, and the adapter with it.
fn introduce(
    world: &World,
    client: &Client,
    algorithm: Algorithm,
) -> Result<(SigningKey, FhirClient), Failure> {
    let key = new_key(algorithm)?;
    world.resource().publish(client.id, &[&key])?;
    let file = KeyFile::new(world, client.id, &key)?;
    let connected = connect(world, &world.env()?, client, &file)?;
    Ok((key, connected))
}

async fn read(client: &FhirClient, id: &str) -> Result<(), Error> {
    let patient = client.read::<Value>("Patient", id).await;
    patient.map(drop).map_err(|error| error.error().clone())
}

async fn brings_a_token(client: &'static Client, algorithm: Algorithm) -> Outcome {
    let world = World::here()?;
    let (key, connected) = introduce(world, client, algorithm)?;
    read(&connected, client.id).await?;
    let statuses = world.resource().statuses(client.id);
    equal("the answers of the API", vec![200], statuses)?;
    let sent = world.tap().sent_by(client.id);
    equal("token requests", 1, sent.len())?;
    let header = sent.iter().find_map(|request| request.assertion_header());
    let expected = json!({"typ": "JWT", "alg": algorithm.name(), "kid": key.key_id()});
    equal("the assertion's header", Some(expected), header)?;
    let claims = sent.iter().find_map(|request| request.claims());
    let audience = claims.map(|claims| claims["aud"].clone());
    let expected = world.tap().token_url().into();
    equal("its audience", Some(expected), audience)
}

async fn replayed() -> Outcome {
    let world = World::here()?;
    let (_, client) = introduce(world, &REPLAYED, Algorithm::ES384)?;
    read(&client, "replayed").await?;
    replay(world, &REPLAYED).await?;
    // it was the use that was held against it: a new one, by the same key, is taken
    revoke(world, client.as_ref()).await?;
    Ok(read(&client, "replayed").await?)
}

/// The key that signs is replaced twice, as a client does it that wants to be served all the while: the
/// new key is published beside the old one before it signs.
async fn rotated() -> Outcome {
    let world = World::here()?;
    let algorithm = Algorithm::ES384;
    let (first, second) = (new_key(algorithm)?, new_key(algorithm)?);
    let third = new_key(algorithm)?;
    world.resource().publish(ROTATED.id, &[&first])?;
    let file = KeyFile::new(world, ROTATED.id, &first)?;
    let clock = clock();
    let client = connect(world, &world.env_by(&clock)?, &ROTATED, &file)?;
    read(&client, "rotated").await?;

    for published in [[&first, &second], [&second, &third]] {
        world.resource().publish(ROTATED.id, &published)?;
        world.let_a_minute_pass(&ROTATED).await?;
        file.replace(world, published[1])?;
        outlive(&clock);
        read(&client, "rotated").await?;
    }
    let sent = world.tap().sent_by(ROTATED.id);
    let headers = sent.iter().map(|request| request.assertion_header());
    let signed_by: Vec<_> = headers.map(|header| Some(header?["kid"].clone())).collect();
    let keys = [&first, &second, &third].map(|key| Some(key.key_id().into()));
    equal("the keys that signed", keys.to_vec(), signed_by)?;

    // whoever was slow to take the new key over
    let late = KeyFile::new(world, "rotated-late", &second)?;
    let late = connect(world, &world.env()?, &ROTATED, &late)?;
    read(&late, "rotated").await?;
    // and whoever got hold of the old one
    let withdrawn = KeyFile::new(world, "rotated-withdrawn", &first)?;
    let withdrawn = connect(world, &world.env()?, &ROTATED, &withdrawn)?;
    invalid_client("a withdrawn key", read(&withdrawn, "rotated").await)
}

async fn stranger() -> Outcome {
    let world = World::here()?;
    introduce(world, &STRANGER, Algorithm::ES384)?;
    let unpublished = new_key(Algorithm::ES384)?;
    let file = KeyFile::new(world, STRANGER.id, &unpublished)?;
    let client = connect(world, &world.env()?, &STRANGER, &file)?;
    invalid_client("the call", read(&client, "stranger").await)?;
    let statuses = world.resource().statuses("stranger");
    equal("the answers of the API", vec![], statuses)
}

async fn revoked() -> Outcome {
    let world = World::here()?;
    let (_, client) = introduce(world, &REVOKED, Algorithm::ES384)?;
    read(&client, "revoked").await?;
    revoke(world, client.as_ref()).await?;
    read(&client, "revoked").await?;
    let statuses = world.resource().statuses("revoked");
    equal("the answers of the API", vec![200, 401, 200], statuses)?;
    equal("token requests", 2, world.tap().sent_by(REVOKED.id).len())
}

async fn untrusting() -> Outcome {
    let world = World::here()?;
    let key = new_key(Algorithm::ES384)?;
    world.resource().publish(UNTRUSTING.id, &[&key])?;
    let file = KeyFile::new(world, UNTRUSTING.id, &key)?;
    let mut settings = world.settings();
    settings.ca_roots = vec![Authority::new()?.pem()];
    let env = Env::new(settings)?;
    let looked_up = config(world, &UNTRUSTING, &file);
    let mut configured = looked_up.clone();
    configured["token_url"] = world.tap().token_url().into();
    for config in [looked_up, configured] {
        let client = adapter::connect::<Fhir>(&env, config)?;
        let seen = read(&client, "untrusting").await;
        expect::error("the call", seen, ErrorKind::Tls, Recovery::FixConfig)?;
    }
    let sent = world.tap().sent_by(UNTRUSTING.id);
    equal("token requests", 0, sent.len())
}
