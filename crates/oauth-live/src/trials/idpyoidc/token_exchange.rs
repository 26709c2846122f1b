//! A token for another (RFC 8693).

use oauth_contract::{Failure, Outcome, Suite};
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::grant::exchange::{ACCESS_TOKEN, JWT, REFRESH_TOKEN};
use oauth_core::grant::{Grant, RefreshToken, TokenExchange, TypedToken};
use oauth_core::oauth_client::{Exchanged, OAuthClient, TokenResponse};
use oauth_core::secret::Secret;
use oauth_core::token::{Deviation, Scopes};

use crate::expect::{self, equal, some};
use crate::idpyoidc::{AUDIENCE, BACKENDS, EXCLUDED, FRONT, Idpyoidc, RESOURCE, SIGNING, scopes};
use crate::random;
use crate::world::{World, clock};

pub(super) fn suite() -> Suite {
    Suite::own("live/idpyoidc/token_exchange")
        .trial("an_access_token_brings_one_of_another_client", || {
            brings(BACKENDS[0])
        })
        .trial("a_client_with_a_key_exchanges_too", || brings(SIGNING))
        .trial("audiences_are_told_one_by_one", audience)
        .trial("an_api_that_is_not_known_is_refused", resource)
        .trial("fewer_scopes_may_be_asked_for", narrow)
        .trial("more_scopes_than_the_subject_has_are_not_granted", wide)
        .trial(
            "a_refresh_token_that_is_brought_is_no_access_token",
            refreshing,
        )
        .trial("a_subject_token_of_nobody_is_refused", unknown)
        .trial("a_token_type_it_does_not_make_is_refused", other_type)
        .trial("an_actor_it_does_not_know_is_refused", acting)
        .trial("a_client_that_may_not_is_refused", excluded)
        .trial("an_exchange_that_it_fails_at_may_be_tried_again", failing)
}

/// Somebody's access token, with the scopes `openid profile offline_access`.
async fn subject_token() -> Result<Secret, Failure> {
    let idpyoidc = Idpyoidc::here()?;
    let front = idpyoidc.client(&World::here()?.env()?, FRONT)?;
    Ok(idpyoidc.log_in(&front).await?.tokens.access_token)
}

fn client(id: &str) -> Result<OAuthClient, Failure> {
    Idpyoidc::here()?.client(&World::here()?.env()?, id)
}

/// An exchange of somebody's access token.
async fn exchange() -> Result<TokenExchange, Failure> {
    Ok(TokenExchange::new(subject_token().await?, ACCESS_TOKEN))
}

/// The access token that it brings.
async fn exchanged(oauth: &OAuthClient, exchange: TokenExchange) -> Result<TokenResponse, Failure> {
    match oauth.exchange(exchange).await? {
        Exchanged::AccessToken(response) => Ok(*response),
        _ => Err(Failure::new("it is no access token")),
    }
}

async fn brings(id: &'static str) -> Outcome {
    let subject = subject_token().await?;
    let mut asked = TokenExchange::new(subject.clone(), ACCESS_TOKEN);
    asked.requested_token_type = Some(ACCESS_TOKEN.into());
    let brought = exchanged(&client(id)?, asked).await?;
    let kind = brought.issued_token_type.as_deref();
    equal("what it is", Some(ACCESS_TOKEN), kind)?;
    let seen = brought.scopes.to_string();
    equal("the scopes", "offline_access openid profile", seen.as_str())?;
    some("how long it lives", brought.lifetime)?;
    equal(
        "whether it is the same",
        false,
        brought.access_token == subject,
    )
}

async fn audience() -> Outcome {
    let oauth = client(BACKENDS[1])?;
    let mut asked = exchange().await?;
    asked.audience = vec![AUDIENCE.into(), BACKENDS[1].into()];
    let brought = exchanged(&oauth, asked).await?;
    let active = oauth.introspect(&brought.access_token, None).await?;
    let mut seen = some("what the server says of it", active)?.audience;
    seen.sort();
    equal(
        "its audience",
        vec![BACKENDS[1].to_owned(), AUDIENCE.into()],
        seen,
    )?;
    let mut asked = exchange().await?;
    asked.audience = vec!["another".into()];
    refused("invalid_target", &oauth, asked).await
}

async fn resource() -> Outcome {
    let oauth = client(BACKENDS[2])?;
    let mut asked = exchange().await?;
    asked.resource = vec![RESOURCE.into()];
    exchanged(&oauth, asked.clone()).await?;
    asked.resource.push("https://another.example/".into());
    refused("invalid_target", &oauth, asked).await
}

async fn narrow() -> Outcome {
    let mut asked = exchange().await?;
    asked.scopes = scopes("profile")?;
    let brought = exchanged(&client(BACKENDS[3])?, asked).await?;
    equal("the scopes", "profile", brought.scopes.to_string().as_str())?;
    equal("how it bent the RFCs", vec![], brought.deviations)
}

async fn wide() -> Outcome {
    let mut asked = exchange().await?;
    asked.scopes = scopes("profile email")?;
    let brought = exchanged(&client(BACKENDS[4])?, asked).await?;
    equal("the scopes", "profile", brought.scopes.to_string().as_str())?;
    equal(
        "what is noted",
        vec![Deviation::ScopeNarrowed],
        brought.deviations,
    )
}

async fn refreshing() -> Outcome {
    let oauth = client(BACKENDS[5])?;
    let mut asked = exchange().await?;
    asked.requested_token_type = Some(REFRESH_TOKEN.into());
    let as_access_token = oauth.token(Grant::TokenExchange(asked.clone())).await;
    let (kind, recovery) = (ErrorKind::TokenType, Recovery::FixConfig);
    expect::error("as an access token", as_access_token, kind, recovery)?;

    let Exchanged::Other(brought) = oauth.exchange(asked).await? else {
        return Err(Failure::new("it is taken for an access token"));
    };
    equal(
        "what it is",
        REFRESH_TOKEN,
        brought.issued_token_type.as_str(),
    )?;
    let grant = Grant::RefreshToken(RefreshToken {
        refresh_token: brought.token,
        scopes: Scopes::none(),
        granted: None,
        resource: Vec::new(),
    });
    oauth.token(grant).await?;
    Ok(())
}

async fn unknown() -> Outcome {
    let asked = TokenExchange::new(Secret::new(random::text()), ACCESS_TOKEN);
    refused("invalid_request", &client(BACKENDS[6])?, asked).await
}

async fn other_type() -> Outcome {
    let mut asked = exchange().await?;
    asked.requested_token_type = Some(JWT.into());
    refused("invalid_request", &client(BACKENDS[7])?, asked).await
}

async fn acting() -> Outcome {
    let mut asked = exchange().await?;
    asked.actor = Some(TypedToken {
        token: subject_token().await?,
        token_type: ACCESS_TOKEN.into(),
    });
    refused("invalid_request", &client(BACKENDS[8])?, asked).await
}

async fn excluded() -> Outcome {
    refused("invalid_request", &client(EXCLUDED)?, exchange().await?).await
}

/// It breaks at a subject token of another type than is said, which spends nothing: each of three attempts
/// is answered with a 500 without a body.
async fn failing() -> Outcome {
    let clock = clock();
    let env = World::here()?.env_by(&clock)?;
    let oauth = Idpyoidc::here()?.client(&env, BACKENDS[9])?;
    let asked = TokenExchange::new(subject_token().await?, REFRESH_TOKEN);
    let (kind, recovery) = (ErrorKind::Http, Recovery::Retry { after: None });
    let error = expect::error("the answer", oauth.exchange(asked).await, kind, recovery)?;
    equal("its status", Some(500), error.status())
}

async fn refused(code: &str, oauth: &OAuthClient, asked: TokenExchange) -> Outcome {
    let refused = oauth.exchange(asked).await;
    let (kind, recovery) = (ErrorKind::OAuth, Recovery::FixConfig);
    let error = expect::error("the exchange", refused, kind, recovery)?;
    let seen = error.oauth().map(|oauth| oauth.code.as_str());
    equal("the code", Some(code), seen)
}
