//! Tokens for one API of several (RFC 8707), and access tokens that are JWTs (RFC 9068).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_contract::{Failure, Outcome, Suite};
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::grant::{ClientCredentials, Grant};
use oauth_core::secret::Secret;
use oauth_core::source::RenewingToken;
use serde_json::{Value, json};

use crate::expect::{self, equal, some};
use crate::registration::client_credentials::{FOR_ANOTHER, FOR_API, FOR_JWT_API, FOR_UNKNOWN};
use crate::registration::{Client, ITEMS, PATIENTS};
use crate::trials::bearing::{api, read, scopes, told};
use crate::world::{JWT_API, World};

pub(super) fn suite() -> Suite {
    Suite::own("live/oidc-provider/resource_indicators")
        .trial("a_token_for_an_api_has_it_as_its_audience", for_api)
        .trial("a_token_for_another_api_is_refused", for_another)
        .trial(
            "an_access_token_that_is_a_jwt_names_api_and_client",
            for_jwt_api,
        )
        .trial("an_unknown_api_is_invalid_target", for_unknown)
        .trial("two_apis_at_once_are_invalid_target", for_two)
}

/// The grant for those scopes at those APIs.
fn at(resource: &[&str], scope: &str) -> Result<ClientCredentials, Failure> {
    let resource = resource.iter().map(|id| (*id).to_owned()).collect();
    Ok(ClientCredentials {
        resource,
        ..scopes(scope)?
    })
}

async fn for_api() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let url = world.resource().api_url();
    let (server, auth) = (world.server(&env)?, world.client_auth(&env, &FOR_API)?);
    let grant = at(&[&url], ITEMS)?;
    let source = RenewingToken::client_credentials(&env, server, auth, grant)?;
    let api = api(world, &env, source)?;
    equal("the answer of the API", 200, read(&api, FOR_API.id).await?)?;
    let token = api.token().await?;
    let told = told(world, &env, token.access_token()).await?;
    equal("the audience", vec![url], told.audience)
}

/// Of the same client and server, with a scope that this API does not even look at.
async fn for_another() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let (server, auth) = (world.server(&env)?, world.client_auth(&env, &FOR_ANOTHER)?);
    let grant = at(&[&world.resource().fhir_url()], PATIENTS)?;
    let source = RenewingToken::client_credentials(&env, server, auth, grant)?;
    let api = api(world, &env, source)?;
    let Err(error) = read(&api, FOR_ANOTHER.id).await else {
        return Err(Failure::new("the API takes it"));
    };
    equal("the kind", ErrorKind::Refused, error.kind())
}

async fn for_jwt_api() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let client = world.client(&env, &FOR_JWT_API)?;
    let grant = Grant::ClientCredentials(at(&[JWT_API], ITEMS)?);
    let granted = client.token(grant).await?;
    let (header, claims) = some("a JWT", parts(&granted.access_token))?;
    equal(
        "its type (RFC 9068 2.1)",
        json!("at+jwt"),
        header["typ"].clone(),
    )?;
    for (name, expected) in [
        ("aud", JWT_API),
        ("iss", world.issuer()),
        ("client_id", FOR_JWT_API.id),
        ("scope", ITEMS),
    ] {
        equal(name, json!(expected), claims[name].clone())?;
    }
    Ok(())
}

/// Header and claims of a JWT.
fn parts(token: &Secret) -> Option<(Value, Value)> {
    let mut parts = token.expose().split('.').map(|part| {
        let decoded = URL_SAFE_NO_PAD.decode(part).ok()?;
        serde_json::from_slice(&decoded).ok()
    });
    Some((parts.next()??, parts.next()??))
}

/// Asks for a token at those APIs, in vain.
async fn refused(client: &Client, resource: &[&str]) -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let grant = Grant::ClientCredentials(at(resource, ITEMS)?);
    let seen = world.client(&env, client)?.token(grant).await;
    expect::oauth("the call", seen, "invalid_target", Recovery::FixConfig)
}

async fn for_unknown() -> Outcome {
    refused(&FOR_UNKNOWN, &["https://nowhere.example/api"]).await
}

/// RFC 8707 2 lets a server say so.
async fn for_two() -> Outcome {
    let url = World::here()?.resource().api_url();
    refused(&FOR_UNKNOWN, &[&url, JWT_API]).await
}
