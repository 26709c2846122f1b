//! The secrets in a request or an answer, and those that stand where none may be.

use crate::form;
use crate::strict::request::Request;
use crate::strict::state::State;
use crate::sync::lock;

/// A client's secret that is shorter may occur in an address by chance.
const SHORTEST: usize = 8;

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

/// The secrets in the address of a request that the server knows as such.
pub(crate) fn in_address(state: &State, request: &Request) -> Vec<String> {
    find(state, &address(request))
}

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
