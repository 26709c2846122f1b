//! Refresh tokens (RFC 6749 6), and giving tokens up (RFC 7009), after somebody has logged in.

use oauth_contract::{Outcome, Suite};
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::grant::{Grant, RefreshToken};
use oauth_core::oauth_client::TokenHint;
use oauth_core::source::TokenSource as _;

use crate::expect::{self, equal, oauth, some};
use crate::registration::ITEMS;
use crate::registration::users::{
    GIVEN_UP, NARROWING, REPLAYED, ROTATING, TOKEN_GIVEN_UP, USERS, WIDENING,
};
use crate::user::{Program, asking, parsed};
use crate::world::{World, clock, outlive};

pub(super) fn suite() -> Suite {
    Suite::own("live/oidc-provider/refresh_token")
        .trial("a_public_client_goes_on_with_each_successor", rotates)
        .trial(
            "some_of_the_scopes_are_had_and_no_others_asked_for",
            narrows,
        )
        .trial("a_successor_keeps_all_the_scopes", keeps_scopes)
        .trial("one_that_came_twice_ends_the_login", replayed)
        .trial("one_that_is_given_up_ends_the_login", given_up)
        .trial(
            "an_access_token_that_is_given_up_ends_alone_or_with_its_login",
            token_given_up,
        )
}

async fn rotates() -> Outcome {
    let clock = clock();
    let program = Program::within(World::here()?.env_by(&clock)?, &ROTATING)?;
    let tokens = program.logged_in(&asking(ITEMS)?).await?.tokens;
    let api = program
        .api(&program.world.resource().api_url(), tokens)
        .await?;
    let path = format!("items/{}", ROTATING.id);
    for _ in 0..3 {
        equal(
            "the API's answer",
            200,
            api.get(&path).send().await?.status().as_u16(),
        )?;
        outlive(&clock);
    }
    let statuses = program.world.resource().statuses(ROTATING.id);
    equal("the answers of the API", vec![200; 3], statuses)
}

async fn narrows() -> Outcome {
    let program = Program::new(&NARROWING)?;
    let tokens = program.logged_in(&asking(USERS)?).await?.tokens;
    let mut grant = RefreshToken::new(some("the refresh token", tokens.refresh_token)?);
    grant.granted = Some(tokens.scopes);
    grant.scopes = parsed("items.read system/Patient.rs")?;
    let (kind, recovery) = (ErrorKind::Config, Recovery::FixConfig);
    let beyond = program
        .oauth
        .token(Grant::RefreshToken(grant.clone()))
        .await;
    expect::error("more than was granted", beyond, kind, recovery)?;
    grant.scopes = parsed(ITEMS)?;
    let renewed = program.oauth.token(Grant::RefreshToken(grant)).await?;
    equal("the scopes", ITEMS.to_owned(), renewed.scopes.to_string())?;
    let state = program
        .oauth
        .introspect(&renewed.access_token, None)
        .await?;
    let told = some("its state", state)?.scopes;
    equal("as the server has it", ITEMS.to_owned(), told.to_string())
}

/// RFC 6749 6: a new refresh token has the scope of the one before it.
async fn keeps_scopes() -> Outcome {
    let program = Program::new(&WIDENING)?;
    let tokens = program.logged_in(&asking(USERS)?).await?.tokens;
    let mut grant = RefreshToken::new(some("the refresh token", tokens.refresh_token)?);
    grant.scopes = parsed(ITEMS)?;
    let narrow = program.oauth.token(Grant::RefreshToken(grant)).await?;
    let grant = RefreshToken::new(some("its successor", narrow.refresh_token)?);
    let whole = program.oauth.token(Grant::RefreshToken(grant)).await?;
    equal(
        "the scopes",
        tokens.scopes.to_string(),
        whole.scopes.to_string(),
    )
}

/// Somebody has a copy of a refresh token, and uses it after its owner did.
async fn replayed() -> Outcome {
    let clock = clock();
    let program = Program::within(World::here()?.env_by(&clock)?, &REPLAYED)?;
    let tokens = program.logged_in(&asking(ITEMS)?).await?.tokens;
    let copy = some("the refresh token", tokens.refresh_token.clone())?;
    let source = program.source(tokens).await?;
    outlive(&clock);
    let renewed = source.token().await?;
    equal(
        "the token lives",
        true,
        program.is_active(renewed.access_token()).await?,
    )?;

    let grant = Grant::RefreshToken(RefreshToken::new(copy));
    let thief = program.oauth.token(grant).await;
    oauth("the copy", thief, "invalid_grant", Recovery::LogInAgain)?;
    equal(
        "the token lives",
        false,
        program.is_active(renewed.access_token()).await?,
    )?;
    outlive(&clock);
    let (kind, recovery) = (ErrorKind::LoggedOut, Recovery::LogInAgain);
    expect::error("the next renewal", source.token().await, kind, recovery)?;

    let again = program.logged_in(&asking(ITEMS)?).await?.tokens;
    source.adopt(again.into()).await?;
    let token = source.token().await?;
    equal(
        "the new token lives",
        true,
        program.is_active(token.access_token()).await?,
    )
}

/// As a program does it when the user logs out there.
async fn given_up() -> Outcome {
    let clock = clock();
    let program = Program::within(World::here()?.env_by(&clock)?, &GIVEN_UP)?;
    let tokens = program.logged_in(&asking(ITEMS)?).await?.tokens;
    let refresh_token = some("the refresh token", tokens.refresh_token.clone())?;
    let source = program.source(tokens).await?;
    let token = source.token().await?;
    let hint = Some(TokenHint::RefreshToken);
    for _ in 0..2 {
        // the second time nobody knows it, which is no error (RFC 7009 2.2)
        program.oauth.revoke(&refresh_token, hint).await?;
    }
    equal(
        "the refresh token lives",
        false,
        program.is_active(&refresh_token).await?,
    )?;
    equal(
        "the token lives",
        false,
        program.is_active(token.access_token()).await?,
    )?;
    outlive(&clock);
    let (kind, recovery) = (ErrorKind::LoggedOut, Recovery::LogInAgain);
    expect::error("the next renewal", source.token().await, kind, recovery).map(drop)
}

/// RFC 7009 2.1 leaves to the server whether the login ends with it; this one ends it.
async fn token_given_up() -> Outcome {
    let program = Program::new(&TOKEN_GIVEN_UP)?;
    let tokens = program.logged_in(&asking(ITEMS)?).await?.tokens;
    let refresh_token = some("the refresh token", tokens.refresh_token)?;
    let hint = Some(TokenHint::AccessToken);
    program.oauth.revoke(&tokens.access_token, hint).await?;
    equal(
        "the token lives",
        false,
        program.is_active(&tokens.access_token).await?,
    )?;
    equal(
        "the refresh token lives",
        false,
        program.is_active(&refresh_token).await?,
    )
}
