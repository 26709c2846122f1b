//! What is tried. Each trial has its own client, item and files, and so runs beside the others.

mod api;
mod authorization_code;
mod bearing;
mod certificates;
mod client_credentials;
mod device;
mod discovery;
mod django;
mod dynamic_registration;
mod fhir;
mod idpyoidc;
mod introspection;
mod possession;
mod refresh;
mod refresh_token;
mod refusals;
mod resources;
mod revocation;
mod template;

use oauth_contract::{Failure, Outcome, Suite};
use oauth_core::client::AuthorizedClient;
use oauth_core::signing_key::{Algorithm, SigningKey};

use crate::expect::{equal, some};
use crate::registration::{self, Client};
use crate::world::World;

/// All of it.
pub(crate) fn suites() -> Vec<Suite> {
    let mut suites = vec![
        api::suite(),
        client_credentials::suite(),
        refusals::suite(),
        certificates::suite(),
        possession::suite(),
        resources::suite(),
        introspection::suite(),
        revocation::suite(),
        discovery::suite(),
        authorization_code::suite(),
        refresh_token::suite(),
        device::suite(),
        dynamic_registration::suite(),
        fhir::suite(),
        template::suite(),
        refresh::suite(),
    ];
    suites.extend(django::suites());
    suites.extend(idpyoidc::suites());
    suites
}

/// A key that nobody has seen yet.
fn new_key(algorithm: Algorithm) -> Result<SigningKey, Failure> {
    Ok(registration::new_key(algorithm)?)
}

/// Puts a key where the client's configuration says that it is; gives that place.
fn keep_key(world: &World, name: &str, key: &SigningKey) -> Result<String, Failure> {
    let pem = key.to_pkcs8_pem();
    let pem = pem.map_err(|fault| Failure::new(fault.to_string()))?;
    world.keep(name, pem.expose())
}

/// Revokes the token that the client would use next.
async fn revoke(world: &World, client: &AuthorizedClient) -> Outcome {
    let token = client.token().await?;
    world.revoke(token.access_token().expose()).await
}

/// Sends the client's last token request once more, as whoever had seen it could: the assertion in it
/// is live still, but has been used (RFC 7523 3).
async fn replay(world: &World, client: &Client) -> Outcome {
    let sent = world.tap().sent_by(client.id);
    let last = some("a token request that was caught", sent.last())?;
    equal("what it was answered", Some(200), last.status())?;
    let assertion = last.parameter("client_assertion");
    some("an assertion in it", assertion)?;
    let form = last.form();
    let form: Vec<_> = form
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let (status, answer) = world.post(&world.tap().token_url(), &form).await?;
    let refusal = (401, Some("invalid_client"));
    let seen = (status, answer["error"].as_str());
    equal("the answer to its replay", refusal, seen)
}
