//! Logins on another device (RFC 8628).

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;

use crate::answer::Answer;
use crate::random;
use crate::strict::Strict;
use crate::strict::client_authentication;
use crate::strict::devices::{Decision, INTERVAL, Login};
use crate::strict::grants::{self, Commit};
use crate::strict::ledger::Granted;
use crate::strict::parameters::Parameters;
use crate::strict::refusal::Refusal;
use crate::strict::request::Request;
use crate::strict::state::State;
use crate::sync::lock;

/// How long codes count, in seconds.
const LIFETIME: i64 = 600;

/// Devices.
impl Strict {
    /// The endpoint for logins on another device; there where the builder says so.
    pub fn device_authorization_url(&self) -> String {
        self.0.state.urls.device_authorization()
    }

    /// The user enters the code and decides. `false`: nothing waits under that code.
    pub fn decide(&self, user_code: &str, decision: Decision) -> bool {
        let now = self.now();
        let mut devices = lock(&self.0.state.devices);
        let mut logins = devices.0.values_mut();
        let waiting = logins.find(|login| {
            login.user_code == user_code && login.expires_at > now && login.decision.is_none()
        });
        match waiting {
            Some(login) => {
                login.decision = Some(decision);
                true
            }
            None => false,
        }
    }
}

/// The endpoint (RFC 8628 3.1).
pub(crate) fn prepare_authorization(
    state: &Arc<State>,
    request: &Request,
) -> Result<Commit, Refusal> {
    let parameters = Parameters::read(request)?;
    let registration = client_authentication::authenticate(state, request, &parameters)?;
    let client = &registration.client;
    grants::check_targets(&parameters)?;
    let granted = Granted {
        client_id: client.id.clone(),
        scope: grants::scope(&parameters, client.scopes.iter().map(String::as_str))?,
    };
    let state = Arc::clone(state);
    Ok(Box::new(move || Ok(begin(&state, granted))))
}

fn begin(state: &State, granted: Granted) -> Answer {
    let device_code = random::token("dc_");
    let user_code = random::letters();
    let place = format!("{}/device", state.urls.issuer());
    let body = json!({
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri": place,
        "verification_uri_complete": format!("{place}?user_code={user_code}"),
        "expires_in": LIFETIME,
        "interval": INTERVAL,
    });
    let login = Login {
        user_code,
        granted,
        expires_at: state.clock.now() + TimeDelta::seconds(LIFETIME),
        interval: TimeDelta::seconds(INTERVAL),
        polled_at: None,
        decision: None,
        is_spent: false,
    };
    lock(&state.devices).0.insert(device_code, login);
    Answer::json(200, &body).header("cache-control", "no-store")
}
