//! Secrets where none may be: in the address of a request (RFC 6750 5.3, OAuth 2.1 2.4.1), in the form of
//! an API call.

use crate::form;
use crate::strict::api;
use crate::strict::endpoint::Endpoint;
use crate::strict::request::Request;
use crate::strict::state::State;
use crate::sync::lock;

/// A client's secret that is shorter may occur in an address by chance.
const SHORTEST: usize = 8;

/// Notes every secret that the request has in the wrong place.
pub(crate) fn inspect(state: &State, place: Endpoint, request: &Request) {
    let refuses_itself = matches!(
        place,
        Endpoint::Token | Endpoint::Introspection | Endpoint::Revocation
    );
    if let Some(name) = in_query(request).filter(|_| !refuses_itself) {
        state.violation(request, &format!("{name} is in the query (OAuth 2.1 5.1)"));
    }
    if !find(state, &address(request)).is_empty() {
        state.violation(
            request,
            "a token or a client's secret is in the address (RFC 6750 5.3)",
        );
    }
    if place == Endpoint::Api
        && let Some(rule) = api::violation(request)
    {
        state.violation(request, rule);
    }
}

/// The name of a secret that is a parameter of the query.
pub(crate) fn in_query(request: &Request) -> Option<String> {
    let mut names = request.query_pairs().into_iter().map(|(name, _)| name);
    names.find(|name| NEVER_IN_A_QUERY.contains(&name.as_str()))
}

const NEVER_IN_A_QUERY: [&str; 6] = [
    "access_token",
    "client_assertion",
    "client_secret",
    "code_verifier",
    "password",
    "refresh_token",
];

/// The address as it was sent, and decoded.
fn address(request: &Request) -> Vec<String> {
    let query = request.query().unwrap_or_default();
    let mut texts = vec![request.path().to_owned(), query.to_owned()];
    texts.extend(form::pairs_lossy(query).into_iter().map(|(_, value)| value));
    texts.extend(form::decode_path(request.path()));
    texts
}

/// The secrets in a request, wherever they are, that the server knows as such.
pub(crate) fn in_request(state: &State, request: &Request) -> Vec<String> {
    let mut texts = address(request);
    texts.push(String::from_utf8_lossy(request.body()).into_owned());
    let headers = request
        .headers()
        .values()
        .filter_map(|value| value.to_str().ok());
    texts.extend(headers.map(str::to_owned));
    find(state, &texts)
}

/// The tokens that were issued here and the clients' secrets that stand in the texts.
pub(crate) fn find(state: &State, texts: &[String]) -> Vec<String> {
    let in_token = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let pieces = texts.iter().flat_map(|text| text.split(|c| !in_token(c)));
    let ledger = lock(&state.ledger);
    let mut found: Vec<String> = pieces
        .filter(|piece| ledger.knows(piece))
        .map(str::to_owned)
        .collect();
    drop(ledger);
    for known in state.clients() {
        let secret = known.client.authentication.secret().unwrap_or_default();
        if secret.len() >= SHORTEST && texts.iter().any(|text| text.contains(secret)) {
            found.push(secret.to_owned());
        }
    }
    found
}
