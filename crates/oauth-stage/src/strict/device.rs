//! Logins on another device (RFC 8628).

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use crate::answer::Answer;
use crate::random;
use crate::strict::Strict;
use crate::strict::client::Registration;
use crate::strict::client_authentication;
use crate::strict::grants::{self, Commit};
use crate::strict::ledger::Granted;
use crate::strict::parameters::Parameters;
use crate::strict::refusal::{
    ACCESS_DENIED, AUTHORIZATION_PENDING, EXPIRED_TOKEN, INVALID_GRANT, Refusal, SLOW_DOWN,
};
use crate::strict::request::Request;
use crate::strict::state::State;
use crate::sync::lock;

/// How long codes count, in seconds.
const LIFETIME: i64 = 600;
/// The least pause between two polls, in seconds; each poll that comes too early adds as much
/// (RFC 8628 3.5).
const INTERVAL: i64 = 5;

/// What a user does with a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Allows the device what it asks for.
    Approve,
    /// Does not.
    Deny,
}

struct Login {
    user_code: String,
    granted: Granted,
    expires_at: DateTime<Utc>,
    interval: TimeDelta,
    polled_at: Option<DateTime<Utc>>,
    decision: Option<Decision>,
    is_spent: bool,
}

/// The logins that were begun, by their device code.
#[derive(Default)]
pub(crate) struct Devices(HashMap<String, Login>);

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

/// The grant (RFC 8628 3.4).
pub(crate) fn prepare_grant(
    state: &Arc<State>,
    registration: &Registration,
    parameters: &Parameters,
) -> Result<Commit, Refusal> {
    let code = parameters.require("device_code")?.to_owned();
    let client_id = registration.client.id.clone();
    let state = Arc::clone(state);
    Ok(Box::new(move || {
        let granted = poll(&state, &code, &client_id)?;
        let (refresh_token, family) = {
            let mut ledger = lock(&state.ledger);
            let refresh_token = ledger.begin_family(granted.clone());
            let family = ledger.refresh(&refresh_token).map(|(_, family)| family);
            (refresh_token, family)
        };
        Ok(grants::issue(&state, granted, family, Some(refresh_token)))
    }))
}

/// What the user allowed, once (RFC 8628 3.5).
fn poll(state: &State, code: &str, client_id: &str) -> Result<Granted, Refusal> {
    let now = state.clock.now();
    let mut devices = lock(&state.devices);
    let login = devices
        .0
        .get_mut(code)
        .ok_or_else(|| Refusal::new(INVALID_GRANT, "the device code is unknown"))?;
    if login.granted.client_id != client_id {
        let rule = "the device code is another client's (RFC 8628 3.4)";
        return Err(Refusal::violation(INVALID_GRANT, rule));
    }
    if login.is_spent {
        let rule = "the device code has brought its tokens (RFC 8628 3.5)";
        return Err(Refusal::violation(INVALID_GRANT, rule));
    }
    if login.expires_at <= now {
        return Err(Refusal::new(EXPIRED_TOKEN, "the device code has expired"));
    }
    let former = login.polled_at.replace(now);
    if former.is_some_and(|former| now - former < login.interval) {
        login.interval += TimeDelta::seconds(INTERVAL);
        let rule = "the poll came before the interval was over (RFC 8628 3.5)";
        return Err(Refusal::violation(SLOW_DOWN, rule));
    }
    match login.decision {
        None => Err(Refusal::new(
            AUTHORIZATION_PENDING,
            "the user has not decided",
        )),
        Some(Decision::Deny) => Err(Refusal::new(ACCESS_DENIED, "the user declined")),
        Some(Decision::Approve) => {
            login.is_spent = true;
            Ok(login.granted.clone())
        }
    }
}
