//! The client credentials grant (RFC 6749 4.4), with every method that a client can prove who it is by.

use oauth_contract::{Outcome, Suite};
use oauth_core::grant::{ClientCredentials, Grant};

use crate::expect::equal;
use crate::registration::Client;
use crate::registration::client_credentials::{CERTIFICATE, ES384, OWN_CERTIFICATE, RS384};
use crate::world::World;

pub(super) fn suite() -> Suite {
    Suite::own("live/oidc-provider/client_credentials")
        .trial("private_key_jwt_by_rs384_brings_a_token", || brings(&RS384))
        .trial("private_key_jwt_by_es384_brings_a_token", || brings(&ES384))
        .trial("a_certificate_by_an_authority_brings_a_token", || {
            brings(&CERTIFICATE)
        })
        .trial("a_certificate_of_its_own_brings_a_token", || {
            brings(&OWN_CERTIFICATE)
        })
}

async fn brings(client: &'static Client) -> Outcome {
    let world = World::here()?;
    let oauth = world.client(&world.env()?, client)?;
    let grant = Grant::ClientCredentials(ClientCredentials::default());
    let granted = oauth.token(grant).await?;
    equal("the refresh token", false, granted.refresh_token.is_some())
}
