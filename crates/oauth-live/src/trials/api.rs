//! The protected resource lets in nobody whom oidc-provider does not vouch for: what the other trials
//! prove by being let in.

use oauth_contract::{Outcome, Suite};
use oauth_core::error::{ErrorKind, Recovery};

use crate::expect::{self, equal};
use crate::random;
use crate::registration::adapters::OUT_OF_SCOPE;
use crate::trials::template::{SecretMethod, connect};
use crate::world::{World, answered};

pub(super) fn suite() -> Suite {
    Suite::own("live/oidc-provider/resource_server")
        .trial("refuses_what_was_never_issued", never_issued)
        .trial("refuses_a_token_without_the_scope", without_the_scope)
}

async fn never_issued() -> Outcome {
    let world = World::here()?;
    let url = format!("{}items/never-issued", world.resource().api_url());
    let request = world.http()?.get(&url);
    equal("without a token", 401, answered(request).await?.0)?;
    let request = world.http()?.get(&url).bearer_auth(random::text());
    equal("with a token of our own", 401, answered(request).await?.0)
}

async fn without_the_scope() -> Outcome {
    let world = World::here()?;
    let client = connect(world, &world.env()?, &OUT_OF_SCOPE, SecretMethod::Basic)?;
    let (kind, recovery) = (ErrorKind::InsufficientScope, Recovery::FixConfig);
    let seen = client.item("out-of-scope").await;
    expect::error("the call", seen, kind, recovery)?;
    let statuses = world.resource().statuses("out-of-scope");
    equal("the answers of the API", vec![403], statuses)
}
