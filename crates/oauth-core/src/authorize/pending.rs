//! What must be kept between the question and its answer.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::authorize::pkce;
use crate::authorize::response_mode::ResponseMode;
use crate::binding::BoundKey;
use crate::error::{Error, ErrorKind};
use crate::secret::Secret;
use crate::text::escape;
use crate::token::Scopes;

/// An authorization that was begun and not answered yet. It can be answered once: the answer takes it.
///
/// It holds secrets, so that `Debug` redacts them and there is no `Serialize`. A web server keeps it on its
/// own side, in the session of the user who began it, with
/// [`into_secret_form`](Self::into_secret_form), and takes it out of there before it calls
/// [`callback`](Self::callback): what is left there could be answered again.
pub struct PendingAuthorization {
    pub(super) state: Secret,
    pub(super) verifier: Secret,
    pub(super) nonce: Option<Secret>,
    /// A hash over the state and the user session.
    pub(super) session: String,
    pub(super) client_id: String,
    pub(super) authority: String,
    pub(super) issuer: Option<String>,
    pub(super) iss: IssRule,
    pub(super) redirect_uri: String,
    pub(super) response_mode: ResponseMode,
    pub(super) scopes: Scopes,
    pub(super) resource: Vec<String>,
    pub(super) max_age: Option<Duration>,
    pub(super) acr_values: Vec<String>,
    /// The key that the code is bound to (RFC 9449 10).
    pub(super) proof_key: Option<BoundKey>,
    pub(super) begun_at: DateTime<Utc>,
    /// Not kept in the secret form: by then the user was sent away.
    pub(crate) url_ends_at: Option<DateTime<Utc>>,
}

/// What is known of a server's `iss` (RFC 9207 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IssRule {
    /// It is promised, or declared: an answer without it is none.
    Required,
    /// It is not promised: an answer with it is none.
    Unpromised,
    /// It may be there; where it is, it is compared.
    Optional,
}

/// What ties a transaction to the user session that began it, without showing it.
pub(super) fn session_mark(state: &Secret, session: &Secret) -> String {
    pkce::hash(&[
        state.expose().as_bytes(),
        b"\0",
        session.expose().as_bytes(),
    ])
}

/// As it is kept by somebody else.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u8,
    state: String,
    verifier: String,
    nonce: Option<String>,
    session: String,
    client_id: String,
    authority: String,
    issuer: Option<String>,
    iss: IssRule,
    redirect_uri: String,
    response_mode: ResponseMode,
    scopes: String,
    resource: Vec<String>,
    max_age: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    acr_values: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proof_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proof_signer: Option<String>,
    begun_at: DateTime<Utc>,
}

impl Drop for Written {
    fn drop(&mut self) {
        use zeroize::Zeroize as _;
        self.state.zeroize();
        self.verifier.zeroize();
        self.nonce.zeroize();
        self.proof_key.zeroize();
    }
}

const VERSION: u8 = 1;

impl PendingAuthorization {
    /// All of it as one text, for the session of a web server. Whoever reads it can finish the login: keep it
    /// on the server, or seal it before it leaves.
    ///
    /// # Errors
    /// None that is known; it is JSON.
    pub fn into_secret_form(self) -> Result<Secret, Error> {
        let (proof_key, proof_signer) = match self.proof_key {
            None => (None, None),
            Some(BoundKey::Private(pem)) => (Some(pem.expose().to_owned()), None),
            Some(BoundKey::Signer(name)) => (None, Some(name)),
        };
        let written = Written {
            version: VERSION,
            state: self.state.expose().to_owned(),
            verifier: self.verifier.expose().to_owned(),
            nonce: self.nonce.as_ref().map(|nonce| nonce.expose().to_owned()),
            session: self.session,
            client_id: self.client_id,
            authority: self.authority,
            issuer: self.issuer,
            iss: self.iss,
            redirect_uri: self.redirect_uri,
            response_mode: self.response_mode,
            scopes: self.scopes.joined(' '),
            resource: self.resource,
            max_age: self.max_age.map(|age| age.as_secs()),
            acr_values: self.acr_values,
            proof_key,
            proof_signer,
            begun_at: self.begun_at,
        };
        let text = serde_json::to_string(&written).map_err(|_| unreadable())?;
        Ok(Secret::new(text))
    }

    /// What [`into_secret_form`](Self::into_secret_form) gave.
    ///
    /// # Errors
    /// It is not that, or was written by another version; the user has to begin again.
    pub fn from_secret_form(form: &Secret) -> Result<Self, Error> {
        let mut written: Written = serde_json::from_str(form.expose()).map_err(|_| unreadable())?;
        let verifier = Secret::new(std::mem::take(&mut written.verifier));
        let is_whole = written.version == VERSION
            && pkce::is_verifier(&verifier)
            && !written.state.is_empty()
            && !written.session.is_empty();
        if !is_whole {
            return Err(unreadable());
        }
        Ok(Self {
            state: Secret::new(std::mem::take(&mut written.state)),
            verifier,
            nonce: written.nonce.take().map(Secret::new),
            session: std::mem::take(&mut written.session),
            client_id: std::mem::take(&mut written.client_id),
            authority: std::mem::take(&mut written.authority),
            issuer: written.issuer.take(),
            iss: written.iss,
            redirect_uri: std::mem::take(&mut written.redirect_uri),
            response_mode: written.response_mode,
            scopes: Scopes::granted(&written.scopes, ' '),
            resource: std::mem::take(&mut written.resource),
            max_age: written.max_age.map(Duration::from_secs),
            acr_values: std::mem::take(&mut written.acr_values),
            proof_key: match (written.proof_key.take(), written.proof_signer.take()) {
                (Some(pem), _) => Some(BoundKey::Private(Secret::new(pem))),
                (None, Some(name)) => Some(BoundKey::Signer(name)),
                (None, None) => None,
            },
            begun_at: written.begun_at,
            url_ends_at: None,
        })
    }

    /// The `state` that its answer has. A web server may find the pending authorization by it; it is a
    /// secret until the answer is there.
    pub fn state(&self) -> &Secret {
        &self.state
    }

    /// What tells the server that the user was sent to from others.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// What the server's `iss` is.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// How the answer comes.
    pub fn response_mode(&self) -> ResponseMode {
        self.response_mode
    }

    /// Where the answer comes.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// From when on the URL no longer works, where the request was pushed (RFC 9126 2.2): send the user there
    /// before, and once.
    pub fn url_ends_at(&self) -> Option<DateTime<Utc>> {
        self.url_ends_at
    }

    /// When the user was sent away.
    pub fn begun_at(&self) -> DateTime<Utc> {
        self.begun_at
    }
}

fn unreadable() -> Error {
    Error::new(
        ErrorKind::LoggedOut,
        "this is no pending authorization of this version",
    )
    .remedy("let the user begin the login again")
}

impl fmt::Debug for PendingAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingAuthorization")
            .field("state", &self.state)
            .field("verifier", &self.verifier)
            .field("client_id", &escape(&self.client_id))
            .field("issuer", &self.issuer)
            .field("redirect_uri", &escape(&self.redirect_uri))
            .field("response_mode", &self.response_mode)
            .field("scopes", &self.scopes)
            .field("begun_at", &self.begun_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::request::AuthorizationRequest;
    use crate::authorize::start::tests::begun;

    fn pending() -> PendingAuthorization {
        let request = AuthorizationRequest::new("https://app.example/cb")
            .scopes(Scopes::parse("openid read").unwrap())
            .resource("https://api.example/")
            .max_age(Duration::from_secs(60));
        begun(&request).1
    }

    #[test]
    fn comes_back_whole_from_its_secret_form() {
        let form = pending().into_secret_form().unwrap();
        let back = PendingAuthorization::from_secret_form(&form).unwrap();
        assert_eq!(back.scopes, Scopes::parse("openid read").unwrap());
        assert_eq!(back.into_secret_form().unwrap(), form);
    }

    #[test]
    fn takes_no_other_text_for_its_secret_form() {
        let form = pending().into_secret_form().unwrap().expose().to_owned();
        for bad in [
            String::new(),
            "{}".into(),
            form.replace(r#""version":1"#, r#""version":2"#),
            form.replace(r#""version":1"#, r#""version":1,"more":1"#),
            form.replace(r#""verifier":""#, r#""verifier":"é"#),
            form.replace(r#""iss":"required""#, r#""iss":"never""#),
        ] {
            let error = PendingAuthorization::from_secret_form(&Secret::new(bad)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::LoggedOut);
        }
    }

    #[test]
    fn prints_none_of_its_secrets() {
        let pending = pending();
        let shown = format!("{pending:?} {pending:#?}");
        for secret in [
            &pending.state,
            &pending.verifier,
            pending.nonce.as_ref().unwrap(),
        ] {
            assert!(!shown.contains(secret.expose()), "{shown}");
        }
    }
}
