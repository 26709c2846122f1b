//! What clients do that the RFCs forbid: secrets in the address of a request (RFC 6750 5.3, OAuth 2.1 2.4.1)
//! or in the form of an API call, and whatever else is noted here.

use crate::redact;
use crate::strict::bearer;
use crate::strict::endpoint::Endpoint;
use crate::strict::leaks;
use crate::strict::request::Request;
use crate::strict::state::State;
use crate::sync::lock;

/// Notes every secret that the request has in the wrong place.
pub(crate) fn inspect(state: &State, place: Endpoint, request: &Request) {
    let refuses_itself = matches!(
        place,
        Endpoint::Token
            | Endpoint::PushedAuthorization
            | Endpoint::DeviceAuthorization
            | Endpoint::Introspection
            | Endpoint::Revocation
    );
    if let Some(name) = leaks::in_query(request).filter(|_| !refuses_itself) {
        note(
            state,
            request,
            &format!("{name} is in the query (OAuth 2.1 5.1)"),
        );
    }
    if !leaks::in_address(state, request).is_empty() {
        note(
            state,
            request,
            "a token or a client's secret is in the address (RFC 6750 5.3)",
        );
    }
    if place == Endpoint::Api
        && let Some(rule) = bearer::violation(request)
    {
        note(state, request, rule);
    }
}

/// Notes that the request breaks the rule; no secret of it comes along.
pub(crate) fn note(state: &State, request: &Request, rule: &str) {
    let mut secrets = request.secrets();
    secrets.extend(leaks::in_request(state, request));
    let path = redact::path(request.path(), &secrets);
    let place = format!("{} {path}: {rule}", request.method());
    lock(&state.violations).push(redact::scrub(&place, &secrets));
}
