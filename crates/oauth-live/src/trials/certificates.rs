//! Client certificates and the tokens that are bound to them (RFC 8705). The server asks for certificates
//! at an origin of its own, which its metadata names (5).

use std::sync::Arc;

use oauth_contract::{Failure, Outcome, Suite};
use oauth_core::client_auth::ClientAuth;
use oauth_core::env::Env;
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::http::{IdentityConfig, TlsIdentity};
use oauth_core::oauth_client::OAuthClient;
use oauth_core::secret::{Secret, SecretRef};
use oauth_stage::Identity;

use crate::clients::shown;
use crate::expect::{self, equal, invalid_client, some, that};
use crate::registration::Client;
use crate::registration::client_credentials::{
    CERTIFICATE, MISNAMED, OWN_CERTIFICATE, RENEWED, SECRET, STOLEN, UNKNOWN_AUTHORITY,
    UNREGISTERED, WITHOUT,
};
use crate::trials::bearing::{api, grant, read, renewing, told, with_stolen};
use crate::world::{World, answered};

pub(super) fn suite() -> Suite {
    Suite::own("live/oidc-provider/mtls")
        .trial(
            "tls_client_auth_brings_a_token_bound_to_the_certificate",
            || bound(&CERTIFICATE),
        )
        .trial(
            "self_signed_tls_client_auth_brings_a_token_bound_to_the_certificate",
            || bound(&OWN_CERTIFICATE),
        )
        .trial("a_bound_token_is_refused_from_another_certificate", stolen)
        .trial("a_certificate_of_another_name_is_invalid_client", misnamed)
        .trial(
            "a_certificate_of_an_unknown_authority_is_invalid_client",
            unknown_authority,
        )
        .trial(
            "a_certificate_that_is_not_registered_is_invalid_client",
            unregistered,
        )
        .trial(
            "a_renewed_certificate_takes_over_with_a_token_of_its_own",
            renewed,
        )
        .trial(
            "a_token_is_bound_also_where_a_secret_proves_the_client",
            secret,
        )
        .trial(
            "a_client_of_bound_tokens_without_a_certificate_is_refused",
            without,
        )
}

/// The certificate that the server has bound a token to.
async fn certificate_of(world: &World, env: &Env, token: &Secret) -> Result<String, Failure> {
    let told = told(world, env, token).await?;
    let thumbprint = told.members.get("cnf").map(|cnf| &cnf["x5t#S256"]);
    let thumbprint = thumbprint.and_then(|thumbprint| thumbprint.as_str());
    some(
        "the certificate of the token",
        thumbprint.map(str::to_owned),
    )
}

async fn bound(client: &'static Client) -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let auth = world.client_auth(&env, client)?;
    let api = api(world, &env, renewing(&env, world.server(&env)?, auth)?)?;
    equal("the answer of the API", 200, read(&api, client.id).await?)?;
    let token = api.token().await?;
    let seen = certificate_of(world, &env, token.access_token()).await?;
    let expected = world.registrations().identity(client)?.thumbprint();
    equal("the certificate of the token", expected, seen)
}

async fn stolen() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let granted = world.client(&env, &STOLEN)?.token(grant()?).await?;
    let token = granted.access_token;

    let thief = with_stolen(world, &env, &token)?;
    let Err(error) = read(&thief, "mtls-stolen").await else {
        return Err(Failure::new("the API takes it without a certificate"));
    };
    equal("the kind", ErrorKind::Refused, error.kind())?;
    // a good certificate, by the same authority
    let made = world.registrations();
    for (identity, expected) in [
        (&made.authority().client_identity("thief.example")?, 401),
        (made.identity(&STOLEN)?, 200),
    ] {
        let url = format!("{}items/mtls-stolen", world.resource().api_url());
        let request = world.http_showing(identity)?.get(url);
        let request = request.bearer_auth(token.expose());
        equal(
            "the answer of the API",
            expected,
            answered(request).await?.0,
        )?;
    }
    Ok(())
}

/// A client that proves who it is by other means than it is registered with.
fn showing(env: &Env, world: &World, auth: ClientAuth) -> Result<OAuthClient, Failure> {
    Ok(OAuthClient::new(env, world.server(env)?, auth)?)
}

async fn misnamed() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let authority = world.registrations().authority();
    let identity = authority.client_identity("another.example")?;
    let auth = ClientAuth::tls(&env, MISNAMED.id, &shown(&identity))?;
    let client = showing(&env, world, auth)?;
    invalid_client("the call", client.token(grant()?).await)?;
    world.client(&env, &MISNAMED)?.token(grant()?).await?;
    Ok(())
}

/// The right name, vouched for by nobody that the server knows.
async fn unknown_authority() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let name = world.registrations().host(&UNKNOWN_AUTHORITY);
    for identity in [
        oauth_stage::Authority::new()?.client_identity(name)?,
        Identity::self_signed(name)?,
    ] {
        let auth = ClientAuth::tls(&env, UNKNOWN_AUTHORITY.id, &shown(&identity))?;
        let client = showing(&env, world, auth)?;
        invalid_client("the call", client.token(grant()?).await)?;
    }
    Ok(())
}

async fn unregistered() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let name = world.registrations().host(&UNREGISTERED);
    let identity = Identity::self_signed(name)?;
    let auth = ClientAuth::self_signed_tls(&env, UNREGISTERED.id, &shown(&identity))?;
    let client = showing(&env, world, auth)?;
    invalid_client("the call", client.token(grant()?).await)
}

/// A certificate in files that somebody else renews, as is usual.
async fn renewed() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let made = world.registrations();
    let write = |identity: &Identity| {
        let certificate = world.keep("mtls-renewed.pem", &identity.certificate_pem)?;
        let key = world.keep("mtls-renewed.key", &identity.key_pem)?;
        Ok::<_, Failure>((reference(&certificate)?, reference(&key)?))
    };
    let (certificate, key) = write(made.identity(&RENEWED)?)?;
    let identity = IdentityConfig::new(certificate, key);
    let auth = ClientAuth::tls(&env, RENEWED.id, &identity)?;
    let api = api(world, &env, renewing(&env, world.server(&env)?, auth)?)?;
    equal("the answer of the API", 200, read(&api, RENEWED.id).await?)?;

    let next = made.authority().client_identity(made.host(&RENEWED))?;
    write(&next)?;
    equal("the answer of the API", 200, read(&api, RENEWED.id).await?)?;
    let statuses = world.resource().statuses(RENEWED.id);
    equal("the answers of the API", vec![200, 200], statuses)?;
    let token = api.token().await?;
    let seen = certificate_of(world, &env, token.access_token()).await?;
    equal("the certificate of the token", next.thumbprint(), seen)
}

fn reference(text: &str) -> Result<SecretRef, Failure> {
    SecretRef::parse(text).map_err(|fault| Failure::new(fault.to_string()))
}

/// RFC 8705 3: the certificate binds the token, whatever proves the client.
async fn secret() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let identity = Identity::self_signed("bound.example")?;
    let auth = world.client_auth(&env, &SECRET)?;
    let server = world.server(&env)?;
    let server = server.with_identity(Arc::new(TlsIdentity::new(shown(&identity))));
    let api = api(world, &env, renewing(&env, server, auth)?)?;
    equal("the answer of the API", 200, read(&api, SECRET.id).await?)?;
    let token = api.token().await?;
    that(token.is_bound(), || "it is not bound".into())?;
    let seen = certificate_of(world, &env, token.access_token()).await?;
    equal("the certificate of the token", identity.thumbprint(), seen)
}

/// The server says `invalid_grant`, although there is no grant that could have ended.
async fn without() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let seen = world.client(&env, &WITHOUT)?.token(grant()?).await;
    expect::oauth("the call", seen, "invalid_grant", Recovery::FixConfig)
}
