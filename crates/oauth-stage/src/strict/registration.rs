//! Clients that register themselves (RFC 7591), and what becomes of their registration (RFC 7592).

use std::sync::Arc;

use http::Method;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::random;
use crate::strict::Strict;
use crate::strict::bearer::{Bearer, bearer};
use crate::strict::client::{Authentication, RegisteredClient};
use crate::strict::grants::Commit;
use crate::strict::refusal::{
    INVALID_CLIENT_METADATA, INVALID_REDIRECT_URI, INVALID_TOKEN, Refusal,
};
use crate::strict::registry::Registered;
use crate::strict::request::Request;
use crate::strict::state::State;
use crate::sync::lock;

/// Registration.
impl Strict {
    /// Where clients register; there where the builder says so.
    pub fn registration_url(&self) -> String {
        self.0.state.urls.registration()
    }
}

pub(crate) fn prepare(state: &Arc<State>, request: &Request) -> Result<Commit, Refusal> {
    let id = state.urls.registered(request.path());
    let state = Arc::clone(state);
    let Some(id) = id.filter(|id| !id.is_empty()).map(str::to_owned) else {
        return register(state, request);
    };
    let token = borne(request)?;
    let is_right = |known: &Registered| known.token == token;
    if !lock(&state.registry).0.get(&id).is_some_and(is_right) {
        // a client that is unknown, too (RFC 7592 2.1)
        return Err(refuse_token(
            "the registration access token is another client's",
        ));
    }
    match *request.method() {
        Method::GET => Ok(Box::new(move || Ok(shown(&state, &id, 200)))),
        Method::PUT => replace(state, request, id),
        Method::DELETE => Ok(Box::new(move || {
            lock(&state.registry).0.remove(&id);
            state.forget(&id);
            Ok(Answer::status(204).header("cache-control", "no-store"))
        })),
        _ => Err(Refusal::with_status(
            405,
            "a registration is read, replaced or deleted (RFC 7592 2)",
        )),
    }
}

/// RFC 7591 3.1.
fn register(state: Arc<State>, request: &Request) -> Result<Commit, Refusal> {
    if request.method() != Method::POST {
        return Err(Refusal::with_status(
            405,
            "the method is not POST (RFC 7591 3.1)",
        ));
    }
    if let Some(initial) = state.settings().initial_access_token
        && borne(request)? != initial
    {
        return Err(refuse_token("the initial access token is wrong"));
    }
    let metadata = metadata(request)?;
    let id = random::token("client_");
    let (client, secret) = client(&id, &metadata, None)?;
    Ok(Box::new(move || {
        enter(&state, client, secret, metadata)?;
        Ok(shown(&state, &id, 201))
    }))
}

/// RFC 7592 2.2: the whole registration, and nothing of what the server alone sets.
fn replace(state: Arc<State>, request: &Request, id: String) -> Result<Commit, Refusal> {
    let mut metadata = metadata(request)?;
    let broken = |rule: &str| Err(Refusal::violation(INVALID_CLIENT_METADATA, rule));
    if metadata
        .remove("client_id")
        .as_ref()
        .and_then(Value::as_str)
        != Some(id.as_str())
    {
        return broken("client_id is missing, or another one (RFC 7592 2.2)");
    }
    for name in [
        "registration_access_token",
        "registration_client_uri",
        "client_secret_expires_at",
        "client_id_issued_at",
    ] {
        if metadata.contains_key(name) {
            return broken(&format!("{name} is the server's to set (RFC 7592 2.2)"));
        }
    }
    let kept = lock(&state.registry)
        .0
        .get(&id)
        .and_then(|known| known.secret.clone());
    let told = metadata.remove("client_secret");
    if told.is_some_and(|told| told.as_str() != kept.as_deref()) {
        return broken("client_secret is not the current one (RFC 7592 2.2)");
    }
    let (client, secret) = client(&id, &metadata, kept)?;
    Ok(Box::new(move || {
        enter(&state, client, secret, metadata)?;
        Ok(shown(&state, &id, 200))
    }))
}

fn enter(
    state: &State,
    client: RegisteredClient,
    secret: Option<String>,
    metadata: Map<String, Value>,
) -> Result<(), Refusal> {
    let id = client.id.clone();
    let refuse = |fault| Refusal::new(INVALID_CLIENT_METADATA, fault);
    state.register(client).map_err(refuse)?;
    let registered = Registered {
        token: random::token("rat_"),
        secret,
        metadata,
    };
    lock(&state.registry).0.insert(id, registered);
    Ok(())
}

/// RFC 7591 3.2.1.
fn shown(state: &State, id: &str, status: u16) -> Answer {
    let registry = lock(&state.registry);
    let Some(known) = registry.0.get(id) else {
        return Answer::status(404);
    };
    let mut body = Value::Object(known.metadata.clone());
    body["client_id"] = id.into();
    body["registration_access_token"] = known.token.as_str().into();
    body["registration_client_uri"] = format!("{}/{id}", state.urls.registration()).into();
    if let Some(secret) = &known.secret {
        body["client_secret"] = secret.as_str().into();
        body["client_secret_expires_at"] = 0.into();
    }
    Answer::json(status, &body).header("cache-control", "no-store")
}

fn metadata(request: &Request) -> Result<Map<String, Value>, Refusal> {
    let broken = |rule: &str| Refusal::violation(INVALID_CLIENT_METADATA, rule);
    let kind = request.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default();
    if !kind.trim().eq_ignore_ascii_case("application/json") {
        return Err(broken(
            "the content type is not application/json (RFC 7591 3.1)",
        ));
    }
    match request.json() {
        Some(Value::Object(metadata)) => Ok(metadata),
        _ => Err(broken("the body is no JSON object (RFC 7591 3.1)")),
    }
}

/// The client that the metadata describes, and its secret: that one, or a new one where it needs one
/// (RFC 7591 2).
fn client(
    id: &str,
    metadata: &Map<String, Value>,
    secret: Option<String>,
) -> Result<(RegisteredClient, Option<String>), Refusal> {
    let refuse = |why: &str| Refusal::new(INVALID_CLIENT_METADATA, why);
    let secret = secret.unwrap_or_else(|| random::token("secret_"));
    let method = match metadata.get("token_endpoint_auth_method") {
        None => "client_secret_basic",
        Some(method) => method.as_str().unwrap_or_default(),
    };
    let (authentication, secret) = match method {
        "client_secret_basic" => (Authentication::SecretBasic(secret.clone()), Some(secret)),
        "client_secret_post" => (Authentication::SecretPost(secret.clone()), Some(secret)),
        "none" => (Authentication::None, None),
        "private_key_jwt" => {
            let keys = metadata
                .get("jwks")
                .ok_or_else(|| refuse("private_key_jwt needs jwks"))?;
            (Authentication::private_key_jwt(keys.clone()), None)
        }
        _ => return Err(refuse("there is no such token_endpoint_auth_method here")),
    };
    if metadata.contains_key("jwks") && metadata.contains_key("jwks_uri") {
        let rule = "jwks and jwks_uri stand together (RFC 7591 2)";
        return Err(Refusal::violation(INVALID_CLIENT_METADATA, rule));
    }
    let code = json!(["authorization_code"]);
    let grants = metadata.get("grant_types").unwrap_or(&code);
    let grants = texts(grants).ok_or_else(|| refuse("grant_types is no list of texts"))?;
    let none = json!([]);
    let uris = texts(metadata.get("redirect_uris").unwrap_or(&none))
        .ok_or_else(|| refuse("redirect_uris is no list of texts"))?;
    if uris.is_empty() && grants.contains(&"authorization_code") {
        let rule = "redirect_uris is missing, which the code grant needs (RFC 7591 2)";
        return Err(Refusal::violation(INVALID_REDIRECT_URI, rule));
    }
    if let Some(bad) = uris
        .iter()
        .find(|uri| !uri.contains(':') || uri.contains('#'))
    {
        let why = format!("{bad} is no redirect URI (RFC 6749 3.1.2)");
        return Err(Refusal::violation(INVALID_REDIRECT_URI, why));
    }
    let scope = metadata.get("scope").and_then(Value::as_str);
    let scopes = scope.unwrap_or_default().split(' ');
    let client = RegisteredClient::new(id, authentication)
        .scopes(scopes.filter(|one| !one.is_empty()))
        .redirect_uris(uris);
    Ok((client, secret))
}

fn texts(value: &Value) -> Option<Vec<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
}

fn borne(request: &Request) -> Result<&str, Refusal> {
    match bearer(request) {
        Bearer::Token(false, token) => Ok(token),
        _ => Err(refuse_token("there is no bearer token")),
    }
}

fn refuse_token(why: &str) -> Refusal {
    Refusal::new(INVALID_TOKEN, why)
}
