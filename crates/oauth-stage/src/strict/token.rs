//! The token endpoint (RFC 6749 3.2).

use std::sync::Arc;

use http::header::ACCEPT;

use crate::strict::client_authentication;
use crate::strict::grants::{Commit, GRANTS};
use crate::strict::parameters::Parameters;
use crate::strict::refusal::{Refusal, UNSUPPORTED_GRANT_TYPE};
use crate::strict::request::Request;
use crate::strict::state::State;

/// Checks the whole request; only the `jti` of an assertion is used up.
pub(crate) fn prepare(state: &Arc<State>, request: &Request) -> Result<Commit, Refusal> {
    let parameters = Parameters::read(request)?;
    if !accepts_json(request) {
        let rule = "Accept does not name application/json, the type of every answer (RFC 6749 5)";
        return Err(Refusal::with_status(406, rule));
    }
    let registration = client_authentication::authenticate(state, request, &parameters)?;
    let grant_type = parameters.require("grant_type")?;
    let grant = GRANTS.iter().find(|(name, _)| *name == grant_type);
    let (_, prepare) = grant.ok_or_else(|| {
        Refusal::new(
            UNSUPPORTED_GRANT_TYPE,
            format!("there is no grant {grant_type}"),
        )
    })?;
    prepare(state, &registration, &parameters)
}

fn accepts_json(request: &Request) -> bool {
    request
        .headers()
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next())
        .any(|range| range.trim().eq_ignore_ascii_case("application/json"))
}
