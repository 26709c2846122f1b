//! Proofs of possession (RFC 9449), where a client asks for a token for itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use oauth_contract::{Failure, Outcome, Suite};
use oauth_core::dpop::Dpop;
use oauth_core::env::Env;
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::oauth_client::OAuthClient;
use oauth_core::secret::Secret;
use oauth_core::signing_key::{Algorithm, SigningKey};
use oauth_core::token::TokenType;
use reqwest::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use serde_json::json;

use crate::expect::{self, equal, some, that};
use crate::random;
use crate::registration::client_credentials::{
    API_NONCE, AS_BEARER, BOUND, CURVES, NONCE, OTHER_KEY, SENT_TWICE, SHOWN_TWICE, UNPROVEN,
};
use crate::registration::{Client, new_key};
use crate::trials::bearing::{api, grant, read, renewing, told, with_stolen};
use crate::world::{World, answered};

pub(super) fn suite() -> Suite {
    Suite::own("live/oidc-provider/dpop")
        .trial("a_token_is_bound_to_the_key_of_its_proof", bound)
        .trial(
            "the_nonce_of_the_server_is_taken_with_a_fresh_assertion",
            server_nonce,
        )
        .trial(
            "the_nonce_of_the_api_is_taken_with_the_same_token",
            api_nonce,
        )
        .trial("keys_of_every_curve_are_taken", curves)
        .trial(
            "a_proof_that_is_sent_twice_is_refused_by_the_server",
            sent_twice,
        )
        .trial(
            "a_proof_that_is_shown_twice_is_refused_by_the_api",
            shown_twice,
        )
        .trial("a_token_of_another_key_is_refused", other_key)
        .trial("a_bound_token_is_refused_as_bearer", as_bearer)
        .trial(
            "a_client_that_must_prove_possession_and_does_not_is_refused",
            unproven,
        )
}

/// That client with a key of its own, at the tap.
fn proving(
    world: &World,
    env: &Env,
    client: &Client,
    key: &Arc<SigningKey>,
) -> Result<OAuthClient, Failure> {
    let dpop = Dpop::new().signer(key.clone())?;
    let server = world.tapped_server(env)?.with_dpop(dpop);
    Ok(OAuthClient::new(
        env,
        server,
        world.client_auth(env, client)?,
    )?)
}

fn key() -> Result<Arc<SigningKey>, Failure> {
    Ok(Arc::new(new_key(Algorithm::ES256)?))
}

async fn bound() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let key = key()?;
    let granted = proving(world, &env, &BOUND, &key)?.token(grant()?).await?;
    equal("the type", TokenType::Dpop, granted.token_type)?;
    let told = told(world, &env, &granted.access_token).await?;
    let bound = told.members.get("cnf").map(|cnf| cnf["jkt"].clone());
    equal("the key", Some(key.thumbprint().into()), bound)?;
    equal(
        "the type that is told",
        Some("DPoP"),
        told.token_type.as_deref(),
    )
}

async fn server_nonce() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let client = proving(world, &env, &NONCE, &key()?)?;
    client.token(grant()?).await?;
    client.token(grant()?).await?;
    let sent = world.tap().sent_by(NONCE.id);
    let statuses: Vec<_> = sent.iter().filter_map(|one| one.status()).collect();
    // the second token is asked for with the nonce of the first
    equal(
        "the answers to token requests",
        vec![400, 200, 200],
        statuses,
    )?;
    let said = sent[0].answer_json().map(|answer| answer["error"].clone());
    equal("the refusal", Some("use_dpop_nonce".into()), said)?;
    let proofs: Vec<_> = sent.iter().filter_map(|one| one.proof_claims()).collect();
    let with_nonce = proofs.iter().map(|proof| proof["nonce"].is_string());
    equal("nonces", vec![false, true, true], with_nonce.collect())?;
    let assertions = sent.iter().filter_map(|one| one.claims());
    let all = assertions.chain(proofs.iter().cloned());
    let jtis: BTreeSet<_> = all.map(|claims| claims["jti"].to_string()).collect();
    equal("assertions and proofs, each used once", 6, jtis.len())
}

async fn api_nonce() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let server = world.tapped_server(&env)?.with_dpop(Dpop::new());
    let auth = world.client_auth(&env, &API_NONCE)?;
    let api = api(world, &env, renewing(&env, server, auth)?)?;
    for _ in 0..2 {
        equal(
            "the answer of the API",
            200,
            read(&api, API_NONCE.id).await?,
        )?;
    }
    let statuses = world.resource().statuses(API_NONCE.id);
    equal("the answers of the API", vec![401, 200, 200], statuses)?;
    equal("token requests", 1, world.tap().sent_by(API_NONCE.id).len())
}

async fn curves() -> Outcome {
    let world = World::here()?;
    for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA] {
        let env = world.env()?;
        let dpop = Dpop::new().algorithm(algorithm)?;
        let server = world.tapped_server(&env)?.with_dpop(dpop);
        let auth = world.client_auth(&env, &CURVES)?;
        let api = api(world, &env, renewing(&env, server, auth)?)?;
        let item = format!("dpop-{}", algorithm.name());
        equal("the answer of the API", 200, read(&api, &item).await?)?;
    }
    let sent = world.tap().sent_by(CURVES.id);
    let headers = sent.iter().filter_map(|one| one.proof_header());
    let seen: Vec<_> = headers.map(|header| header["alg"].clone()).collect();
    equal(
        "the algorithms",
        vec!["ES256", "ES384", "EdDSA"],
        texts(&seen),
    )
}

fn texts(values: &[serde_json::Value]) -> Vec<&str> {
    values.iter().filter_map(|value| value.as_str()).collect()
}

/// The server says `invalid_grant` where RFC 9449 5 has `invalid_dpop_proof`.
async fn sent_twice() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let client = proving(world, &env, &SENT_TWICE, &key()?)?;
    client.token(grant()?).await?;
    let sent = world.tap().sent_by(SENT_TWICE.id);
    let first = some("a token request that was caught", sent.first())?;
    let proof = some("its proof", first.header("dpop"))?;
    let again = world.http()?.post(world.tap().token_url());
    let again = again.header("dpop", proof).form(&first.form());
    let (status, answer) = answered(again).await?;
    let refusal = (400, Some("invalid_grant"));
    equal(
        "the answer to its replay",
        refusal,
        (status, answer["error"].as_str()),
    )?;
    client.token(grant()?).await?;
    Ok(())
}

async fn shown_twice() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let server = world.tapped_server(&env)?.with_dpop(Dpop::new());
    let auth = world.client_auth(&env, &SHOWN_TWICE)?;
    let api = api(world, &env, renewing(&env, server, auth)?)?;
    equal(
        "the answer of the API",
        200,
        read(&api, SHOWN_TWICE.id).await?,
    )?;
    let calls = world.resource().calls(SHOWN_TWICE.id);
    let last = some("the call", calls.last())?;
    let mut again = world.http()?.get(item(world, SHOWN_TWICE.id));
    for name in ["authorization", "dpop"] {
        again = again.header(name, some("a header of the call", last.header(name))?);
    }
    refused_by_the_api(again, "invalid_dpop_proof").await
}

fn item(world: &World, id: &str) -> String {
    format!("{}items/{id}", world.resource().api_url())
}

/// Fails unless the API refuses that call with that error.
async fn refused_by_the_api(request: reqwest::RequestBuilder, error: &str) -> Outcome {
    let answer = request.send().await;
    let answer = answer.map_err(|error| Failure::new(error.without_url().to_string()))?;
    equal("the answer of the API", 401, answer.status().as_u16())?;
    let challenge = answer.headers().get(WWW_AUTHENTICATE);
    let challenge = challenge.and_then(|value| value.to_str().ok());
    let challenge = some("its challenge", challenge)?;
    that(challenge.contains(error), || {
        format!("it says: {challenge}")
    })
}

/// Somebody has the token, and signs proofs by a key that is not the token's.
async fn other_key() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let (own, other) = (key()?, key()?);
    let granted = proving(world, &env, &OTHER_KEY, &own)?
        .token(grant()?)
        .await?;
    let token = granted.access_token;
    let url = item(world, OTHER_KEY.id);
    let answer = world.http()?.get(&url).send().await;
    let answer = answer.map_err(|error| Failure::new(error.without_url().to_string()))?;
    let nonce = answer.headers().get("dpop-nonce");
    let nonce = some("a nonce", nonce.and_then(|nonce| nonce.to_str().ok()))?;
    let with = |key: &SigningKey| {
        let proof = proof(key, &url, &token, nonce)?;
        let request = world.http()?.get(&url).header("dpop", proof);
        let credentials = format!("DPoP {}", token.expose());
        Ok::<_, Failure>(request.header(AUTHORIZATION, credentials))
    };
    refused_by_the_api(with(&other)?, "invalid_token").await?;
    equal("with the token's key", 200, answered(with(&own)?).await?.0)
}

/// A proof for a `GET` (RFC 9449 4.2), as whoever has that key could make it.
fn proof(key: &SigningKey, url: &str, token: &Secret, nonce: &str) -> Result<String, Failure> {
    let header = json!({
        "typ": "dpop+jwt",
        "alg": key.algorithm().name(),
        "jwk": key.public_jwk(),
    });
    let claims = json!({
        "jti": random::text(),
        "htm": "GET",
        "htu": url,
        "iat": Utc::now().timestamp(),
        "ath": URL_SAFE_NO_PAD.encode(digest(&SHA256, token.expose().as_bytes())),
        "nonce": nonce,
    });
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&header), part(&claims));
    let signature = key.sign(message.as_bytes());
    let signature = signature.map_err(|fault| Failure::new(fault.to_string()))?;
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

async fn as_bearer() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let client = proving(world, &env, &AS_BEARER, &key()?)?;
    let granted = client.token(grant()?).await?;
    let thief = with_stolen(world, &env, &granted.access_token)?;
    let Err(error) = read(&thief, AS_BEARER.id).await else {
        return Err(Failure::new("the API takes it as a bearer token"));
    };
    equal("the kind", ErrorKind::Refused, error.kind())
}

/// The server says `invalid_grant` where RFC 9449 5 has `invalid_dpop_proof`.
async fn unproven() -> Outcome {
    let world = World::here()?;
    let env = world.env()?;
    let seen = world.client(&env, &UNPROVEN)?.token(grant()?).await;
    expect::oauth("the call", seen, "invalid_grant", Recovery::FixConfig)
}
