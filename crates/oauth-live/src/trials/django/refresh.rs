//! A login that lasts: refresh tokens that rotate (RFC 6749 6, RFC 9700 4.14).

use std::collections::BTreeSet;

use oauth_contract::{Failure, Outcome, Suite};
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::grant::{Grant, RefreshToken};
use oauth_core::oauth_client::{OAuthClient, TokenHint};
use oauth_core::secret::Secret;
use oauth_core::source::{RenewingToken, TokenSource as _};
use oauth_core::token::Scopes;
use serde_json::json;

use crate::django::{Client, Django, ENDING, REUSING, ROTATING, declared};
use crate::expect::{self, equal, some};
use crate::trials::django::log_in;
use crate::world::{World, clock, outlive};

pub(super) fn suite() -> Suite {
    Suite::own("live/django-oauth-toolkit/refresh")
        .trial("a_renewed_token_lives_on_over_rotations", rotated)
        .trial("a_refresh_token_used_twice_ends_the_login", reused)
        .trial("a_revoked_refresh_token_ends_the_login", revoked)
}

fn spending(refresh_token: Secret) -> Grant {
    Grant::RefreshToken(RefreshToken {
        refresh_token,
        scopes: Scopes::none(),
        granted: None,
        resource: Vec::new(),
    })
}

async fn rotated() -> Outcome {
    let (django, world, clock) = (Django::here()?, World::here()?, clock());
    let env = world.env_by(&clock)?;
    let strict = declared(json!({"lifetime": {"rotation": "strict"}}))?;
    let server = django.server(&env)?.departing(strict)?;
    let oauth = django.client_of(&env, server.clone(), &ROTATING)?;
    let tokens = log_in(&oauth, "read").await?.tokens;
    let auth = django.client_auth(&env, &ROTATING, django.secret(&ROTATING))?;
    let source =
        RenewingToken::refresh_token(&env, server, auth, "somebody", Scopes::none(), None)?;
    let mut seen = BTreeSet::from([tokens.access_token.expose().to_owned()]);
    source.adopt(tokens.into()).await?;
    for _ in 0..3 {
        outlive(&clock);
        let token = source.token().await?;
        seen.insert(token.access_token().expose().to_owned());
        let asked = oauth.introspect(token.access_token(), None).await?;
        some("what the server says of it", asked)?;
    }
    equal("access tokens", 4, seen.len())
}

async fn reused() -> Outcome {
    let (oauth, first) = logged_in(&REUSING).await?;
    let second = oauth.token(spending(first.clone())).await?;
    let second = some("the next refresh token", second.refresh_token)?;

    // the server cannot tell who is the thief, and ends it for both
    logged_out(&oauth, first).await?;
    logged_out(&oauth, second).await?;
    let again = log_in(&oauth, "read").await?.tokens;
    let again = some("the refresh token", again.refresh_token)?;
    oauth.token(spending(again)).await.map(drop)?;
    Ok(())
}

async fn revoked() -> Outcome {
    let (oauth, refresh_token) = logged_in(&ENDING).await?;
    let hint = Some(TokenHint::RefreshToken);
    oauth.revoke(&refresh_token, hint).await?;
    oauth.revoke(&refresh_token, hint).await?; // it is no error that it is gone (RFC 7009 2.2)
    logged_out(&oauth, refresh_token).await
}

async fn logged_in(client: &Client) -> Result<(OAuthClient, Secret), Failure> {
    let oauth = Django::here()?.client(&World::here()?.env()?, client)?;
    let tokens = log_in(&oauth, "read").await?.tokens;
    let refresh_token = some("the refresh token", tokens.refresh_token)?;
    Ok((oauth, refresh_token))
}

async fn logged_out(oauth: &OAuthClient, refresh_token: Secret) -> Outcome {
    let refused = oauth.token(spending(refresh_token)).await;
    let (kind, recovery) = (ErrorKind::OAuth, Recovery::LogInAgain);
    expect::error("the refresh token", refused, kind, recovery).map(drop)
}
