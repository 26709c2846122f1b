//! What the server believes of others: issuers of JWTs (RFC 7523 2.1), and the SAML assertions of an
//! identity provider (RFC 7522 2.1).

use std::io;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::random;
use crate::strict::Strict;
use crate::strict::assertion::check_claims;
use crate::strict::jwk::{self, Algorithm};
use crate::strict::jwt;
use crate::strict::state::State;
use crate::strict::trusted::Saml;
use crate::sync::lock;

/// The longest time from now to the `exp` of an assertion that is a grant, in seconds (RFC 7523 3 leaves it to
/// the server).
const LONGEST: i64 = 3600;

/// Why an assertion is refused.
pub(crate) enum Doubt {
    /// Nobody that is believed made it.
    Stranger(String),
    /// It breaks a rule.
    Broken(String),
}

/// Trust.
impl Strict {
    /// Believes what that issuer signs about others with one of these keys, a JWK set, each with its `kid`
    /// (RFC 7523 2.1, RFC 8693 2.1).
    ///
    /// # Errors
    /// `InvalidInput` for a key that cannot be.
    pub fn trust(&self, issuer: impl Into<String>, jwks: &Value) -> io::Result<()> {
        let invalid = |fault| io::Error::new(io::ErrorKind::InvalidInput, fault);
        let keys = jwk::read_set(jwks).map_err(invalid)?;
        let mut trusted = lock(&self.0.state.trusted);
        trusted.issuers.insert(issuer.into(), keys);
        Ok(())
    }

    /// What an identity provider says about a user: one XML document, for that audience, which this server
    /// believes once and while it lives (RFC 7522 3). The stage knows it by its bytes instead of a signature.
    pub fn saml_assertion(&self, subject: &str, audience: &str, lifetime: Duration) -> String {
        let id = random::token("_");
        let expires_at = TimeDelta::from_std(lifetime)
            .ok()
            .and_then(|lifetime| self.now().checked_add_signed(lifetime))
            .unwrap_or(DateTime::<Utc>::MAX_UTC);
        let text = format!(
            "<Assertion ID=\"{id}\"><Subject><NameID>{subject}</NameID></Subject><Conditions NotOnOrAfter=\"{}\">\
             <AudienceRestriction><Audience>{audience}</Audience></AudienceRestriction></Conditions></Assertion>",
            expires_at.to_rfc3339()
        );
        let kept = Saml {
            audience: audience.to_owned(),
            expires_at,
            is_spent: false,
        };
        lock(&self.0.state.trusted).saml.insert(text.clone(), kept);
        text
    }
}

/// Judges a JWT by which somebody speaks for somebody (RFC 7523 3); its `jti` is used up where it is right.
pub(crate) fn check_jwt(state: &State, assertion: &str) -> Result<(), Doubt> {
    let decoded = jwt::decode(assertion).map_err(Doubt::Broken)?;
    let issuer = decoded.text("iss").map_err(Doubt::Broken)?;
    {
        let trusted = lock(&state.trusted);
        let keys = trusted
            .issuers
            .get(issuer)
            .ok_or_else(|| Doubt::Stranger("nobody trusts its issuer".to_owned()))?;
        let allowed: Vec<Algorithm> = Algorithm::ALL
            .into_iter()
            .filter(|algorithm| !algorithm.is_symmetric())
            .collect();
        decoded.check_key(keys, &allowed).map_err(Doubt::Broken)?;
    }
    let subject = decoded.text("sub").map_err(Doubt::Broken)?;
    if subject.is_empty() {
        return Err(Doubt::Broken("its sub is empty (RFC 7523 3)".to_owned()));
    }
    check_claims(&decoded, state, LONGEST).map_err(Doubt::Broken)?;
    let jti = decoded.text("jti").map_err(Doubt::Broken)?;
    match state.spend_jti(issuer, jti) {
        true => Ok(()),
        false => Err(Doubt::Broken(
            "replay: its jti has been seen before (RFC 7523 3)".to_owned(),
        )),
    }
}

/// Judges a SAML assertion as it is sent (RFC 7522 2.1); it is spent by [`spend_saml`].
pub(crate) fn check_saml(state: &State, sent: &str) -> Result<String, Doubt> {
    let broken = |rule: &str| Doubt::Broken(rule.to_owned());
    let text = URL_SAFE_NO_PAD
        .decode(sent.trim_end_matches('='))
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| broken("it is no text in base64url (RFC 7522 2.1)"))?;
    let trusted = lock(&state.trusted);
    let Some(known) = trusted.saml.get(&text) else {
        let stranger = "no identity provider that is trusted made it, or somebody changed it";
        return Err(Doubt::Stranger(stranger.to_owned()));
    };
    let own = [state.urls.token(), state.urls.issuer()];
    if !own.contains(&known.audience) {
        return Err(broken("its audience is another server (RFC 7522 3)"));
    }
    if known.expires_at <= state.clock.now() {
        return Err(broken("it has expired (RFC 7522 3)"));
    }
    if known.is_spent {
        return Err(broken("replay: it has been used before (RFC 7522 3)"));
    }
    Ok(text)
}

/// `false`: it was spent in the meantime.
pub(crate) fn spend_saml(state: &State, text: &str) -> bool {
    let mut trusted = lock(&state.trusted);
    match trusted.saml.get_mut(text) {
        Some(known) => !std::mem::replace(&mut known.is_spent, true),
        None => false,
    }
}
