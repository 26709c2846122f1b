//! The template adapter, for somebody who has logged in: each refresh token can be spent once.

use std::collections::BTreeSet;

use oauth_contract::{Failure, Outcome, Suite};
use oauth_core::adapter;
use oauth_core::env::Env;
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::secret::Secret;
use oauth_core::token::GrantedToken;
use oauth_stage::Exchange;
use oauth_template::client::TemplateClient;
use oauth_template::refresh::Template;
use serde_json::{Value, json};

use crate::expect::{self, equal, some};
use crate::login::{form_encoded_basic, log_in};
use crate::registration::Client;
use crate::registration::adapters::{REUSING, ROTATING};
use crate::world::{World, answered, clock, outlive};

pub(super) fn suite() -> Suite {
    Suite::own("live/oidc-provider/template_refresh")
        .trial("each_refresh_token_is_spent_once", rotates)
        .trial("a_refresh_token_that_came_twice_ends_the_login", reused)
}

/// The adapter, with what a login has brought.
fn connect(
    world: &World,
    env: &Env,
    client: &Client,
    refresh_token: &str,
) -> Result<TemplateClient, Failure> {
    let keep = |what: &str, secret| world.keep(&format!("{}-{what}", client.id), secret);
    let config = json!({
        "api_url": world.resource().api_url(),
        "token_url": world.tap().token_url(),
        "client_id": client.id,
        "client_secret": keep("secret", world.secret(client))?,
        "refresh_token": keep("refresh-token", refresh_token)?,
        "subject": "somebody",
        "scopes": [client.scope],
        "departures": {"lifetime": {"rotation": "strict"}},
    });
    Ok(adapter::connect::<Template>(env, config)?)
}

async fn rotates() -> Outcome {
    let world = World::here()?;
    let first = log_in(world, &ROTATING).await?;
    let clock = clock();
    let client = connect(world, &world.env_by(&clock)?, &ROTATING, &first)?;
    some("the item", client.item("rotating").await?)?;
    for _ in 0..2 {
        outlive(&clock);
        some("the item", client.item("rotating").await?)?;
    }
    let statuses = world.resource().statuses("rotating");
    equal("the answers of the API", vec![200; 3], statuses)?;

    // not compared by `equal`, which would print them
    let sent = world.tap().sent_by(ROTATING.id);
    let spent: Vec<_> = sent.iter().filter_map(spent).collect();
    let brought: Vec<_> = sent.iter().filter_map(brought).collect();
    let distinct: BTreeSet<_> = spent.iter().chain(&brought).collect();
    let counts = (spent.len(), brought.len());
    equal("refresh tokens spent and brought", (3, 3), counts)?;
    equal("refresh tokens altogether", 4, distinct.len())?;
    expect::that(spent[0] == first && spent[1..] == brought[..2], || {
        "a request spent another refresh token than the one before it brought".into()
    })
}

/// The refresh token in a token request.
fn spent(request: &Exchange) -> Option<String> {
    request.parameter("refresh_token")
}

/// The refresh token in its answer.
fn brought(request: &Exchange) -> Option<String> {
    let answer = request.answer_json()?;
    answer["refresh_token"].as_str().map(str::to_owned)
}

async fn reused() -> Outcome {
    let world = World::here()?;
    let first = log_in(world, &REUSING).await?;
    let client = connect(world, &world.env()?, &REUSING, &first)?;
    some("the item", client.item("reusing").await?)?;

    // somebody else presents what the adapter has spent: the server cannot tell who is the thief
    let (status, answer) = present(world, &REUSING, &first).await?;
    let seen = (status, answer["error"].as_str());
    equal("the answer", (400, Some("invalid_grant")), seen)?;
    let (kind, recovery) = (ErrorKind::LoggedOut, Recovery::LogInAgain);
    let ended = client.item("reusing").await;
    expect::error("the call", ended, kind, recovery)?;
    let statuses = world.resource().statuses("reusing");
    equal("the answers of the API", vec![200, 401], statuses)?;

    // and where that is done, it goes on
    let another = log_in(world, &REUSING).await?;
    let granted = GrantedToken::refresh_token(Secret::new(another));
    client.as_ref().adopt(granted).await?;
    some("the item", client.item("reusing").await?).map(drop)
}

/// Presents a refresh token without the adapter.
async fn present(world: &World, client: &Client, token: &str) -> Result<(u16, Value), Failure> {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    let request = world
        .http()?
        .post(format!("{}/token", world.issuer()))
        .header("authorization", form_encoded_basic(world, client))
        .form(&form);
    answered(request).await
}
