//! The authorization endpoint (RFC 6749 3.1), whose user agrees to everything at once, and pushed
//! authorization requests (RFC 9126).

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::form;
use crate::strict::client::Registration;
use crate::strict::client_authentication;
use crate::strict::codes::{Authorized, LIFETIME};
use crate::strict::grants::{self, Commit};
use crate::strict::jwt;
use crate::strict::parameters::Parameters;
use crate::strict::refusal::{INVALID_REQUEST, Refusal};
use crate::strict::request::Request;
use crate::strict::state::State;
use crate::sync::lock;

/// Checks a request of the front channel; its answer is a redirect to the client.
pub(crate) fn prepare(state: &Arc<State>, request: &Request) -> Result<Commit, Refusal> {
    if *request.method() != Method::GET {
        return Err(Refusal::with_status(
            405,
            "the method is not GET (RFC 6749 3.1)",
        ));
    }
    let parameters = Parameters::parse(request.query().unwrap_or_default())?;
    let client = client_of(state, &parameters)?;
    let is_pushed = parameters.find("request_uri").is_some();
    let parameters = match parameters.find("request_uri") {
        Some(uri) => {
            only(&parameters, &["client_id", "request_uri"])?; // RFC 9126 4
            let now = state.clock.now();
            let pairs = lock(&state.codes).pull(uri, &client.client.id, now);
            let pairs = pairs.ok_or_else(|| {
                let rule = "request_uri is unknown, used before, expired, or another client's (RFC 9126 4)";
                Refusal::violation("invalid_request_uri", rule)
            })?;
            Parameters::of(pairs)?
        }
        None => parameters,
    };
    if !is_pushed && state.settings().requires_pushed {
        return Err(Refusal::violation(
            INVALID_REQUEST,
            "the request was not pushed (RFC 9126 5)",
        ));
    }
    let parameters = opened(state, &client, parameters)?;
    let asked = check(&client, &parameters)?;
    let mode = parameters
        .find("response_mode")
        .unwrap_or("query")
        .to_owned();
    let returned = parameters.find("state").map(str::to_owned);
    let state = Arc::clone(state);
    Ok(Box::new(move || {
        let redirect_uri = asked.redirect_uri.clone();
        let code = lock(&state.codes).issue(asked, state.clock.now());
        let mut answer = vec![("code", code)];
        answer.extend(returned.map(|returned| ("state", returned)));
        if state.settings().sends_iss {
            answer.push(("iss", state.urls.issuer()));
        }
        Ok(match mode.as_str() {
            "form_post" => Answer::text(200, "text/html", form_page(&redirect_uri, &answer)),
            _ => Answer::status(303).header("location", &in_query(&redirect_uri, &answer)),
        })
    }))
}

/// Checks a request that is pushed (RFC 9126 2.1); its answer is a `request_uri`.
pub(crate) fn prepare_pushed(state: &Arc<State>, request: &Request) -> Result<Commit, Refusal> {
    let parameters = Parameters::read(request)?;
    let client = client_authentication::authenticate(state, request, &parameters)?;
    if parameters.find("request_uri").is_some() {
        let rule = "request_uri stands in a pushed request (RFC 9126 2.1)";
        return Err(Refusal::violation(INVALID_REQUEST, rule));
    }
    if client_of(state, &parameters)?.client.id != client.client.id {
        let rule = "client_id is not the client that authenticated (RFC 9126 2.1)";
        return Err(Refusal::violation(INVALID_REQUEST, rule));
    }
    let opened = opened(state, &client, parameters.without_credentials())?;
    check(&client, &opened)?;
    let pairs = opened.pairs().to_vec();
    let state = Arc::clone(state);
    Ok(Box::new(move || {
        let uri = lock(&state.codes).push(&client.client.id, pairs, state.clock.now());
        let body = json!({"request_uri": uri, "expires_in": LIFETIME});
        Ok(Answer::json(201, &body).header("cache-control", "no-store"))
    }))
}

fn client_of(state: &State, parameters: &Parameters) -> Result<Arc<Registration>, Refusal> {
    let id = parameters.require("client_id")?;
    let unknown = || Refusal::new(INVALID_REQUEST, "there is no client of that client_id");
    state.client(id).ok_or_else(unknown)
}

fn only(parameters: &Parameters, names: &[&str]) -> Result<(), Refusal> {
    let mut pairs = parameters.pairs().iter();
    match pairs.find(|(name, _)| !names.contains(&name.as_str())) {
        None => Ok(()),
        Some((name, _)) => {
            let rule = format!("{name} stands beside {}", names.join(" and "));
            Err(Refusal::violation(INVALID_REQUEST, rule))
        }
    }
}

/// The parameters out of the request object, where there is one (RFC 9101 6).
fn opened(
    state: &State,
    client: &Registration,
    parameters: Parameters,
) -> Result<Parameters, Refusal> {
    let Some(object) = parameters.find("request") else {
        return Ok(parameters);
    };
    only(&parameters, &["client_id", "request"])?; // RFC 9101 5 lets them stand, and count for nothing
    let refuse = |rule: String| {
        Refusal::violation(
            "invalid_request_object",
            format!("the request object is refused: {rule}"),
        )
    };
    let decoded = jwt::decode(object).map_err(refuse)?;
    let algorithms = client.client.authentication.algorithms();
    decoded
        .check_request_object(&client.keys, algorithms)
        .map_err(refuse)?;
    let (id, now) = (client.client.id.as_str(), state.clock.now().timestamp());
    if decoded.text("iss").map_err(refuse)? != id
        || decoded.text("client_id").map_err(refuse)? != id
    {
        return Err(refuse(
            "its iss or client_id is another client (RFC 9101 4)".into(),
        ));
    }
    if decoded.text("aud").map_err(refuse)? != state.urls.issuer() {
        return Err(refuse("its aud is not this issuer (RFC 9101 4)".into()));
    }
    let exp = decoded.seconds("exp").map_err(refuse)?;
    if exp <= now || exp - now > 3600 {
        return Err(refuse(format!("its exp is {} s ahead", exp - now)));
    }
    if !state.spend_jti(id, decoded.text("jti").map_err(refuse)?) {
        return Err(refuse("its jti has been seen before".into()));
    }
    let mut pairs = Vec::new();
    for (name, value) in &decoded.claims {
        if ["iss", "aud", "exp", "iat", "nbf", "jti"].contains(&name.as_str()) {
            continue;
        }
        match value {
            Value::String(text) => pairs.push((name.clone(), text.clone())),
            Value::Array(list) if list.iter().all(Value::is_string) => {
                let texts = list.iter().filter_map(Value::as_str);
                pairs.extend(texts.map(|text| (name.clone(), text.to_owned())));
            }
            other => pairs.push((name.clone(), other.to_string())),
        }
    }
    Parameters::of(pairs)
}

/// What is asked for, where all of it is as RFC 6749 4.1.1, RFC 7636 4.3 and RFC 9700 2.1 want it.
fn check(client: &Registration, parameters: &Parameters) -> Result<Authorized, Refusal> {
    let broken = |rule: &str| Refusal::violation(INVALID_REQUEST, rule);
    let redirect_uri = parameters.require("redirect_uri")?;
    let is_registered = client
        .client
        .redirect_uris
        .iter()
        .any(|known| known == redirect_uri || is_loopback_of(known, redirect_uri));
    if !is_registered {
        return Err(broken(
            "redirect_uri is none that is registered (RFC 9700 2.1)",
        ));
    }
    if parameters.require("response_type")? != "code" {
        return Err(Refusal::violation(
            "unsupported_response_type",
            "response_type is not code",
        ));
    }
    if parameters.require("code_challenge_method")? != "S256" {
        return Err(broken("code_challenge_method is not S256 (RFC 9700 2.1.1)"));
    }
    let challenge = parameters.require("code_challenge")?;
    if challenge.len() != 43 {
        return Err(broken(
            "code_challenge is no SHA-256 in base64url (RFC 7636 4.2)",
        ));
    }
    let is_guessable = |name: &str| parameters.find(name).is_some_and(|value| value.len() < 22);
    if parameters.find("state").is_none() || is_guessable("state") || is_guessable("nonce") {
        return Err(broken(
            "state or nonce is missing, or has less than 128 bits (RFC 9700 2.1)",
        ));
    }
    let scope = parameters.find("scope").unwrap_or_default();
    let wants_id_token = scope.split(' ').any(|one| one == "openid");
    if wants_id_token && parameters.find("nonce").is_none() {
        return Err(broken("nonce is missing, although openid is asked for"));
    }
    let scopes = client.client.scopes.iter().map(String::as_str);
    Ok(Authorized {
        client_id: client.client.id.clone(),
        redirect_uri: redirect_uri.to_owned(),
        scope: grants::scope(parameters, scopes)?,
        challenge: challenge.to_owned(),
        jkt: parameters.find("dpop_jkt").map(str::to_owned),
    })
}

/// Whether they are the same but for the port of a loopback address (RFC 8252 7.3).
fn is_loopback_of(known: &str, asked: &str) -> bool {
    let parts = |uri: &str| -> Option<(String, String)> {
        let rest = uri.strip_prefix("http://")?;
        let (authority, path) = rest.split_at(rest.find('/')?);
        let host = authority
            .rsplit_once(':')
            .map_or(authority, |(host, _)| host);
        matches!(host, "127.0.0.1" | "[::1]").then(|| (host.to_owned(), path.to_owned()))
    };
    parts(known).is_some_and(|known| Some(known) == parts(asked))
}

fn in_query(redirect_uri: &str, answer: &[(&str, String)]) -> String {
    let pairs: Vec<String> = answer
        .iter()
        .map(|(name, value)| format!("{name}={}", form::encode(value)))
        .collect();
    let joint = if redirect_uri.contains('?') { '&' } else { '?' };
    format!("{redirect_uri}{joint}{}", pairs.join("&"))
}

/// A page whose form a browser would send (OAuth 2.0 Form Post Response Mode 2).
fn form_page(redirect_uri: &str, answer: &[(&str, String)]) -> String {
    let inputs: String = answer
        .iter()
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">"))
        .collect();
    format!("<form method=\"post\" action=\"{redirect_uri}\">{inputs}</form>")
}
