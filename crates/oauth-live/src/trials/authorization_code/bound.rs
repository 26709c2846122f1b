//! Tokens that are bound to a key (RFC 9449) or a certificate (RFC 8705), and the API that holds the bearer
//! to that: the server's own userinfo endpoint.

use std::collections::BTreeSet;

use oauth_contract::{Failure, Outcome, Suite};
use oauth_core::client_auth::ClientAuth;
use oauth_core::dpop::Dpop;
use oauth_core::env::Env;
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::grant::{Grant, RefreshToken};
use oauth_core::oauth_client::OAuthClient;
use oauth_core::server::{EndpointKind, ServerFacts};
use oauth_core::signing_key::Algorithm;
use oauth_core::source::TokenSource as _;
use oauth_core::token::{GrantedToken, TokenType};

use crate::expect::{equal, error, some};
use crate::registration::Client;
use crate::registration::users::{
    CERTIFIED, CERTIFIED_BY_AUTHORITY, CERTIFIED_PUSHING, CERTIFIED_RENEWED, PROVING,
    PROVING_RENEWED, PROVING_STOLEN, USERS,
};
use crate::trials::new_key;
use crate::user::{Program, asking};
use crate::world::{World, answered, clock, outlive};

pub(super) fn trials(suite: Suite) -> Suite {
    suite
        .trial(
            "dpop_with_the_servers_nonce_costs_no_code_and_the_api_takes_it",
            proves,
        )
        .trial("dpop_keeps_its_key_when_a_public_client_renews", renews)
        .trial("dpop_makes_a_stolen_token_useless", stolen)
        .trial(
            "a_token_bound_to_a_certificate_of_its_own_is_useless_without",
            || certified(&CERTIFIED),
        )
        .trial(
            "a_token_bound_to_a_certificate_by_an_authority_is_useless_without",
            || certified(&CERTIFIED_BY_AUTHORITY),
        )
        .trial(
            "a_request_is_pushed_where_a_certificate_is_asked_for",
            pushed,
        )
        .trial(
            "a_certificate_is_shown_when_its_token_is_renewed",
            renewed_by_certificate,
        )
}

/// A client whose tokens are bound to its key, and whose token requests go through the tap.
fn proving(env: Env, client: &Client) -> Result<Program, Failure> {
    let world = World::here()?;
    let issuer = world.issuer();
    let mut facts = ServerFacts::default();
    facts.authorization_response_iss_parameter_supported = true;
    let server = world
        .tapped_server(&env)?
        .with_issuer(issuer)
        .with_endpoint(&env, EndpointKind::Authorization, &format!("{issuer}/auth"))?
        .with_endpoint(&env, EndpointKind::Jwks, &format!("{issuer}/jwks"))?
        .with_facts(facts)
        .with_dpop(Dpop::new());
    let oauth = OAuthClient::new(&env, server, ClientAuth::none(client.id)?)?;
    Ok(Program { world, env, oauth })
}

/// The statuses that its token requests were answered with, and the keys that they were proved by.
fn proofs(client: &Client) -> Result<(Vec<Option<u16>>, usize), Failure> {
    let sent = World::here()?.tap().sent_by(client.id);
    let keys: BTreeSet<_> = sent
        .iter()
        .filter_map(|request| Some(request.proof_header()?["jwk"].to_string()))
        .collect();
    Ok((
        sent.iter().map(|request| request.status()).collect(),
        keys.len(),
    ))
}

async fn proves() -> Outcome {
    let program = proving(World::here()?.env()?, &PROVING)?;
    let tokens = program.logged_in(&asking(USERS)?).await?.tokens;
    equal("how it is borne", TokenType::Dpop, tokens.token_type)?;
    let (statuses, keys) = proofs(&PROVING)?;
    equal("the token requests", vec![Some(400), Some(200)], statuses)?;
    equal("keys", 1, keys)?;
    let api = program.api(program.world.issuer(), tokens).await?;
    for _ in 0..2 {
        // at first without the nonce that userinfo wants
        equal(
            "userinfo's answer",
            200,
            api.get("me").send().await?.status().as_u16(),
        )?;
    }
    Ok(())
}

/// A public client's refresh token is bound to the key too (RFC 9449 5).
async fn renews() -> Outcome {
    let clock = clock();
    let program = proving(World::here()?.env_by(&clock)?, &PROVING_RENEWED)?;
    let tokens = program.logged_in(&asking(USERS)?).await?.tokens;
    let source = program.source(tokens).await?;
    let first = source.token().await?;
    outlive(&clock);
    let renewed = source.token().await?;
    let is_same = first.access_token() == renewed.access_token();
    equal("the same token", false, is_same)?;
    let (_, keys) = proofs(&PROVING_RENEWED)?;
    equal("keys", 1, keys)?;
    let api = program.behind(program.world.issuer(), source)?;
    equal(
        "userinfo's answer",
        200,
        api.get("me").send().await?.status().as_u16(),
    )
}

/// Whoever has the tokens and not the key.
async fn stolen() -> Outcome {
    let program = proving(World::here()?.env()?, &PROVING_STOLEN)?;
    let tokens = program.logged_in(&asking(USERS)?).await?.tokens;
    let url = format!("{}/me", program.world.issuer());
    let request = program
        .world
        .http()?
        .get(url)
        .bearer_auth(tokens.access_token.expose());
    equal("as a bearer token", 401, answered(request).await?.0)?;
    // a grant that is asked for by itself would have a key of its own, so that it is not even sent
    let refresh_token = some("the refresh token", tokens.refresh_token)?;
    let grant = Grant::RefreshToken(RefreshToken::new(refresh_token.clone()));
    let renewed = program.oauth.token(grant).await;
    let (kind, recovery) = (ErrorKind::Config, Recovery::FixConfig);
    error("without its key", renewed, kind, recovery)?;
    let another = new_key(Algorithm::ES256)?.to_pkcs8_pem();
    let another = another.map_err(|fault| Failure::new(fault.to_string()))?;
    let stolen = GrantedToken::refresh_token(refresh_token).with_proof_key(another);
    let source = program.adopting(tokens.scopes, stolen).await?;
    let renewed = source.token().await;
    let (kind, recovery) = (ErrorKind::LoggedOut, Recovery::LogInAgain);
    error("with another key", renewed, kind, recovery).map(drop)
}

/// The server's metadata names the endpoints that ask for a certificate (RFC 8705 5).
async fn certified(client: &'static Client) -> Outcome {
    let program = Program::new(client)?;
    let tokens = program.logged_in(&asking(USERS)?).await?.tokens;
    let access_token = tokens.access_token.clone();
    let state = program.oauth.introspect(&access_token, None).await?;
    let members = some("its state", state)?.members;
    some("what it is bound to", members["cnf"].get("x5t#S256"))?;

    let userinfo = program
        .published("/mtls_endpoint_aliases/userinfo_endpoint")
        .await?;
    let base = some("its origin", userinfo.strip_suffix("/me"))?;
    let api = program.api(base, tokens).await?;
    equal(
        "userinfo's answer",
        200,
        api.get("me").send().await?.status().as_u16(),
    )?;
    let without = program
        .world
        .http()?
        .get(&userinfo)
        .bearer_auth(access_token.expose());
    equal("without the certificate", 401, answered(without).await?.0)
}

async fn pushed() -> Outcome {
    let program = Program::new(&CERTIFIED_PUSHING)?;
    let tokens = program.logged_in(&asking(USERS)?.pushed()).await?.tokens;
    equal(
        "the token lives",
        true,
        program.is_active(&tokens.access_token).await?,
    )
}

async fn renewed_by_certificate() -> Outcome {
    let clock = clock();
    let program = Program::within(World::here()?.env_by(&clock)?, &CERTIFIED_RENEWED)?;
    let tokens = program.logged_in(&asking(USERS)?).await?.tokens;
    let userinfo = program
        .published("/mtls_endpoint_aliases/userinfo_endpoint")
        .await?;
    let base = some("its origin", userinfo.strip_suffix("/me"))?;
    let source = program.source(tokens).await?;
    let first = source.token().await?;
    outlive(&clock);
    let renewed = source.token().await?;
    let is_same = first.access_token() == renewed.access_token();
    equal("the same token", false, is_same)?;
    let api = program.behind(base, source)?;
    equal(
        "userinfo's answer",
        200,
        api.get("me").send().await?.status().as_u16(),
    )
}
