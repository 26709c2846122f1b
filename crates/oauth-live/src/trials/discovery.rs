//! What the server says about itself (RFC 8414, OpenID Connect Discovery 1.0).

use oauth_contract::{Outcome, Suite};
use oauth_core::error::{DiscoveryFault, ErrorKind, Recovery};
use oauth_core::oauth_client::OAuthClient;
use oauth_core::server::{AuthorizationServer, DiscoveryKind};

use crate::expect::{self, equal};
use crate::registration::Client;
use crate::registration::client_credentials::{BY_ANOTHER, BY_OAUTH, BY_OPENID};
use crate::trials::bearing::grant;
use crate::world::World;

pub(super) fn suite() -> Suite {
    Suite::own("live/oidc-provider/discovery")
        .trial("the_document_of_rfc_8414_names_the_endpoints", || {
            brings(&BY_OAUTH, DiscoveryKind::OAuth)
        })
        .trial("the_document_of_openid_connect_names_the_endpoints", || {
            brings(&BY_OPENID, DiscoveryKind::OpenId)
        })
        .trial("a_document_of_another_issuer_is_refused", another)
}

/// Asks for a token and gives it up, at endpoints that were looked up.
async fn brings(client: &'static Client, kind: DiscoveryKind) -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let server = AuthorizationServer::discovered(&env, "issuer", world.issuer(), kind)?;
    let auth = world.client_auth(&env, client)?;
    let client = OAuthClient::new(&env, server, auth)?;
    let granted = client.token(grant()?).await?;
    Ok(client.revoke(&granted.access_token, None).await?)
}

/// At the tap there is the document of another: whoever believed it would send it secrets.
async fn another() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let token_url = world.tap().token_url();
    let base = token_url.trim_end_matches("/token");
    for kind in [DiscoveryKind::OAuth, DiscoveryKind::OpenId] {
        let server = AuthorizationServer::discovered(&env, "issuer", base, kind)?;
        let auth = world.client_auth(&env, &BY_ANOTHER)?;
        let seen = OAuthClient::new(&env, server, auth)?.token(grant()?).await;
        let kind = ErrorKind::Discovery(DiscoveryFault::Issuer);
        expect::error("the call", seen, kind, Recovery::FixConfig)?;
    }
    let sent = world.tap().sent_by(BY_ANOTHER.id);
    equal("token requests", 0, sent.len())
}
