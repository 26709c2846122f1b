//! What is asked, and how: pushed, signed, in detail, for which API; and signed answers.

use std::sync::Arc;

use oauth_contract::{Outcome, Suite};
use oauth_core::authorize::{AuthorizationRequest, ResponseMode};
use oauth_core::error::Recovery;
use oauth_core::grant::{Grant, RefreshToken};
use oauth_core::oauth_client::OAuthClient;
use oauth_core::server::ServerFacts;
use oauth_core::signing_key::Algorithm;
use serde_json::{Value, json};

use crate::expect::{equal, oauth, some, that};
use crate::registration::users::{
    ANSWERED_SIGNED, ASKING_BY_ES256, ASKING_BY_RS256, DENIED_SIGNED, MUST_PUSH, NO_API, ONE_API,
    ONE_OF_TWO, PAYING, PAYING_ODDLY, PAYING_ODDLY_PUSHED, PUSHING, PUSHING_SIGNED,
    SIGNED_BY_A_STRANGER, TWO_APIS, UNSIGNED,
};
use crate::registration::{Client, ITEMS, new_key};
use crate::user::{Program, asking, parameter, session};
use crate::world::{JWT_API, World, clock, outlive};

pub(super) fn trials(suite: Suite) -> Suite {
    suite
        .trial(
            "a_pushed_request_shows_the_browser_nothing_and_counts_once",
            pushed,
        )
        .trial(
            "a_client_that_must_push_is_refused_unless_it_does",
            must_push,
        )
        .trial("a_request_signed_by_rs256_is_taken", || {
            signed(&ASKING_BY_RS256, Algorithm::RS256)
        })
        .trial("a_request_signed_by_es256_is_taken", || {
            signed(&ASKING_BY_ES256, Algorithm::ES256)
        })
        .trial(
            "a_client_that_must_sign_is_refused_unless_it_does",
            unsigned,
        )
        .trial(
            "a_request_that_is_signed_and_pushed_is_taken",
            pushed_and_signed,
        )
        .trial(
            "a_pushed_request_that_a_stranger_signed_is_invalid_request_object",
            strange,
        )
        .trial(
            "a_signed_answer_is_checked_and_brings_a_token",
            answered_signed,
        )
        .trial("a_signed_refusal_is_access_denied", denied_signed)
        .trial("details_that_are_asked_for_are_granted", paying)
        .trial(
            "details_that_nobody_knows_are_invalid_authorization_details",
            paying_oddly,
        )
        .trial(
            "pushed_details_that_nobody_knows_are_refused_before_anybody_goes_there",
            paying_oddly_pushed,
        )
        .trial("a_token_for_one_api_is_for_that_one", one_api)
        .trial("a_login_for_two_apis_brings_a_token_for_each", two_apis)
        .trial(
            "a_login_for_two_apis_is_renewed_for_the_one_it_is_used_for",
            one_of_two,
        )
        .trial("an_api_that_nobody_knows_is_invalid_target", no_api)
}

async fn pushed() -> Outcome {
    let program = Program::new(&PUSHING)?;
    let request = asking(ITEMS)?.pushed();
    let (url, pending) = program.oauth.authorization(&request, &session()).await?;
    let names: Vec<_> = url
        .query_pairs()
        .map(|(name, _)| name.into_owned())
        .collect();
    equal(
        "what the browser sees",
        ["client_id", "request_uri"].map(str::to_owned).to_vec(),
        names,
    )?;
    some("until when that counts", pending.url_ends_at())?;
    let came = program.sent_back(&url).await?;
    let code = program.judged(pending, &came).await?;
    program.oauth.redeem(code).await?;
    let again = program.sent_back(&url).await?;
    let error = parameter(&again, "error");
    equal(
        "the same URL again",
        Some("invalid_request_uri"),
        error.as_deref(),
    )
}

/// It is this client alone that must: the server's metadata does not say so, its configuration does.
async fn must_push() -> Outcome {
    let program = Program::new(&MUST_PUSH)?;
    let (pending, came) = program.answered(&asking(ITEMS)?).await?;
    let judged = program.judged(pending, &came).await;
    oauth("the answer", judged, "invalid_request", Recovery::FixConfig)?;
    let mut facts = ServerFacts::default();
    facts.require_pushed_authorization_requests = true;
    facts.authorization_response_iss_parameter_supported = true;
    let server = program.oauth.server().clone().with_facts(facts);
    let oauth = OAuthClient::new(&program.env, server, program.oauth.client().clone())?;
    let program = Program { oauth, ..program };
    program.logged_in(&asking(ITEMS)?).await.map(drop)
}

/// What is asked is signed by a key beside that which authenticates.
async fn signed(client: &'static Client, algorithm: Algorithm) -> Outcome {
    let key = new_key(algorithm)?;
    let program = Program::signing(client, &[&key])?;
    let request = asking(ITEMS)?.signed_by(Arc::new(key));
    let (url, pending) = program.oauth.authorization(&request, &session()).await?;
    let names: Vec<_> = url
        .query_pairs()
        .map(|(name, _)| name.into_owned())
        .collect();
    equal(
        "what the browser sees",
        ["client_id", "request"].map(str::to_owned).to_vec(),
        names,
    )?;
    let came = program.sent_back(&url).await?;
    let code = program.judged(pending, &came).await?;
    program.oauth.redeem(code).await?;
    Ok(())
}

async fn unsigned() -> Outcome {
    let key = new_key(Algorithm::ES256)?;
    let program = Program::signing(&UNSIGNED, &[&key])?;
    let (pending, came) = program.answered(&asking(ITEMS)?).await?;
    let judged = program.judged(pending, &came).await;
    oauth("the answer", judged, "invalid_request", Recovery::FixConfig)
}

async fn pushed_and_signed() -> Outcome {
    let key = new_key(Algorithm::ES256)?;
    let program = Program::signing(&PUSHING_SIGNED, &[&key])?;
    let request = asking(ITEMS)?.signed_by(Arc::new(key)).pushed();
    program.logged_in(&request).await.map(drop)
}

/// The key that signs was never published.
async fn strange() -> Outcome {
    let program = Program::signing(&SIGNED_BY_A_STRANGER, &[])?;
    let key = Arc::new(new_key(Algorithm::ES256)?);
    let request = asking(ITEMS)?.signed_by(key).pushed();
    let refused = program.oauth.authorization(&request, &session()).await;
    oauth(
        "the request",
        refused,
        "invalid_request_object",
        Recovery::FixConfig,
    )
}

async fn answered_signed() -> Outcome {
    let program = Program::new(&ANSWERED_SIGNED)?;
    let request = asking(ITEMS)?.response_mode(ResponseMode::QueryJwt);
    let (pending, came) = program.answered(&request).await?;
    equal("the bare code", None, parameter(&came, "code"))?;
    let code = program.judged(pending, &came).await?;
    let tokens = program.oauth.redeem(code).await?.tokens;
    equal("the API's answer", 200, program.item(tokens).await?)
}

async fn denied_signed() -> Outcome {
    let program = Program::new(&DENIED_SIGNED)?;
    let request = asking(ITEMS)?.response_mode(ResponseMode::QueryJwt);
    let (pending, came) = program.answered(&request.login_hint("nobody")).await?;
    let judged = program.judged(pending, &came).await;
    oauth("the answer", judged, "access_denied", Recovery::LogInAgain)
}

/// RFC 9396: what is granted is told with the token, and by introspection.
async fn paying() -> Outcome {
    let program = Program::new(&PAYING)?;
    let details = json!([{"type": "payment", "amount": "12.00"}]);
    let request = for_items(&program)?.authorization_details(details.clone());
    let tokens = program.logged_in(&request).await?.tokens;
    equal(
        "what is granted",
        details,
        Value::Array(tokens.authorization_details),
    )?;
    let state = program.oauth.introspect(&tokens.access_token, None).await?;
    let mut members = some("its state", state)?.members;
    let told = members.remove("authorization_details");
    equal(
        "what introspection tells",
        Some("payment"),
        told.as_ref().and_then(first_type),
    )
}

fn first_type(details: &Value) -> Option<&str> {
    details.get(0)?.get("type")?.as_str()
}

async fn paying_oddly() -> Outcome {
    let program = Program::new(&PAYING_ODDLY)?;
    let request = for_items(&program)?.authorization_details(json!([{"type": "barter"}]));
    let (pending, came) = program.answered(&request).await?;
    let judged = program.judged(pending, &came).await;
    let code = "invalid_authorization_details";
    oauth("the answer", judged, code, Recovery::FixConfig)
}

async fn paying_oddly_pushed() -> Outcome {
    let program = Program::new(&PAYING_ODDLY_PUSHED)?;
    let request = for_items(&program)?.authorization_details(json!([{"type": "barter"}]));
    let refused = program
        .oauth
        .authorization(&request.pushed(), &session())
        .await;
    let code = "invalid_authorization_details";
    oauth("the request", refused, code, Recovery::FixConfig)
}

/// For the API of items, by its identifier.
fn for_items(program: &Program) -> Result<AuthorizationRequest, oauth_contract::Failure> {
    Ok(asking(ITEMS)?.resource(program.world.resource().api_url()))
}

async fn one_api() -> Outcome {
    let program = Program::new(&ONE_API)?;
    let tokens = program.logged_in(&for_items(&program)?).await?.tokens;
    let state = program.oauth.introspect(&tokens.access_token, None).await?;
    let audience = some("its state", state)?.audience;
    equal(
        "whom it is for",
        vec![program.world.resource().api_url()],
        audience,
    )?;
    equal("the API's answer", 200, program.item(tokens).await?)
}

/// RFC 8707 2.2: a code for one of them, and a refresh token for the other.
async fn two_apis() -> Outcome {
    let program = Program::new(&TWO_APIS)?;
    let request = for_items(&program)?.resource(JWT_API);
    let code = program.code(&request).await?;
    let items = program.world.resource().api_url();
    let tokens = program
        .oauth
        .redeem(code.for_resources([&items])?)
        .await?
        .tokens;
    let state = program.oauth.introspect(&tokens.access_token, None).await?;
    equal(
        "whom it is for",
        vec![items],
        some("its state", state)?.audience,
    )?;

    let refresh_token = some("the refresh token", tokens.refresh_token)?;
    let mut grant = RefreshToken::new(refresh_token);
    grant.resource = vec![JWT_API.into()];
    let renewed = program.oauth.token(Grant::RefreshToken(grant)).await?;
    // this API's tokens are JWTs (RFC 9068), whose form the others' have not got
    let parts = renewed.access_token.expose().split('.').count();
    that(parts == 3, || format!("the other token has {parts} parts"))
}

/// Without a word of which of the two, this server renews nothing.
async fn one_of_two() -> Outcome {
    let clock = clock();
    let program = Program::within(World::here()?.env_by(&clock)?, &ONE_OF_TWO)?;
    let request = for_items(&program)?.resource(JWT_API);
    let code = program.code(&request).await?;
    let items = program.world.resource().api_url();
    let redeemed = program.oauth.redeem(code.for_resources([&items])?).await?;
    let api = program.api(&items, redeemed.tokens).await?;
    let path = format!("items/{}", ONE_OF_TWO.id);
    for _ in 0..3 {
        equal(
            "the API's answer",
            200,
            api.get(&path).send().await?.status().as_u16(),
        )?;
        outlive(&clock);
    }
    Ok(())
}

async fn no_api() -> Outcome {
    let program = Program::new(&NO_API)?;
    let request = asking(ITEMS)?.resource("https://nobody.example/api");
    let (pending, came) = program.answered(&request).await?;
    let judged = program.judged(pending, &came).await;
    oauth("the answer", judged, "invalid_target", Recovery::FixConfig)
}
