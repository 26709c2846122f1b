//! What a connection's tokens are bound to: a key of their own (RFC 9449), the certificate that is shown
//! (RFC 8705).

use std::sync::Arc;
use std::time::Duration;

use crate::binding::{Bound, BoundKey, ProofKey};
use crate::dpop::Dpop;
use crate::error::{Error, ErrorKind};
use crate::http::clients::Clients;
use crate::source::renewing::Renewing;
use crate::source::start::Start;
use crate::token::{Token, TokenType};
use crate::tokens::{Access, TokenRecord};

impl Renewing {
    /// What the next token is asked for with. A key that is made for it is noted in the record; what is
    /// refreshed stays bound to the key it has (RFC 9449 5).
    pub(super) fn bind(&self, record: &mut TokenRecord) -> Result<Option<Arc<Bound>>, Error> {
        let clients = self.endpoint.clients()?;
        let is_kept = matches!(self.start, Start::RefreshToken { .. });
        let dpop = self.endpoint.server().dpop.as_deref();
        let key = match (&record.bound_key, dpop) {
            // what a client has for itself can be had again with any key
            (Some(_), None) if !is_kept => None,
            (Some(kept), _) => match (self.key(kept), dpop) {
                (Err(_), Some(dpop)) if !is_kept => Some(Arc::new(dpop.new_key()?)),
                (key, _) => Some(key?),
            },
            (None, Some(dpop)) => Some(Arc::new(dpop.new_key()?)),
            (None, None) => None,
        };
        record.bound_key = key.as_ref().map(|key| key.kept.clone());
        Ok(bound(key, clients))
    }

    /// What a stored access token is shown with; `None`: it cannot be shown any more, as where it is
    /// bound to another certificate than the one that is shown now (RFC 8705 6.3).
    pub(super) fn bound_of(
        &self,
        key: Option<&BoundKey>,
        access: &Access,
    ) -> Option<Option<Arc<Bound>>> {
        let clients = match self.endpoint.clients() {
            Ok(clients) => clients,
            Err(error) => {
                tracing::warn!(%error, "a stored token cannot be used");
                return None;
            }
        };
        let shown = clients.as_ref().and_then(|clients| clients.thumbprint());
        if access.certificate.is_some() && access.certificate.as_deref() != shown {
            tracing::info!(
                "the client's certificate has changed: the token of the former one is given up"
            );
            return None;
        }
        let dpop = self.endpoint.server().dpop.as_deref();
        let is_wanted = dpop.is_none_or(Dpop::is_bearer_accepted);
        if access.scheme != TokenType::Dpop && !is_wanted {
            tracing::info!("a stored token that is bound to nothing is given up");
            return None;
        }
        let mut proof_key = None;
        if access.scheme == TokenType::Dpop {
            match self.key(key?) {
                Ok(key) => proof_key = Some(key),
                Err(error) => {
                    tracing::warn!(%error, "a stored token cannot be used");
                    return None;
                }
            }
        }
        Some(bound(proof_key, clients))
    }

    /// The live token, if it is fresh and its certificate is still the client's.
    #[inline]
    pub(super) fn fresh_and_shown(&self, ticks: Duration) -> Option<Arc<Token>> {
        let fresh = self.flights.fresh(ticks)?;
        self.is_shown_still(&fresh).then_some(fresh)
    }

    /// Gives the live token up where its certificate is the client's no longer (RFC 8705 6.3).
    pub(super) fn give_up_if_shown_no_longer(&self) {
        if let Some(live) = &self.flights.live()
            && !self.is_shown_still(live)
        {
            live.life().refuse();
        }
    }

    /// Whether the certificate that a token is shown with is still the client's.
    #[inline]
    pub(super) fn is_shown_still(&self, token: &Token) -> bool {
        let clients = token.bound().and_then(|bound| bound.clients.as_deref());
        let Some(clients) = clients else { return true };
        match self.endpoint.clients() {
            Ok(Some(current)) => current.thumbprint() == clients.thumbprint(),
            _ => false,
        }
    }

    /// A key that was kept, as the live token has it where it is the same.
    fn key(&self, kept: &BoundKey) -> Result<Arc<ProofKey>, Error> {
        if let Some(live) = self.flights.live()
            && let Some(key) = live.bound().and_then(|bound| bound.key.as_ref())
            && key.kept == *kept
        {
            return Ok(key.clone());
        }
        let key = match kept {
            BoundKey::Private(pem) => ProofKey::load(pem).map_err(|fault| {
                let problem =
                    format!("the key that this token is bound to cannot be used: {fault}");
                Error::new(ErrorKind::Credential, problem).remedy("log in again")
            }),
            BoundKey::Signer(name) => {
                let dpop = self.endpoint.server().dpop.as_deref();
                dpop.and_then(|dpop| dpop.key_of(name)).ok_or_else(|| {
                    let name = crate::text::escape(name);
                    let problem = format!(
                        "this token is bound to the key `{name}` of a signer that is not here"
                    );
                    Error::config("dpop.signer", problem)
                        .remedy("give that signer again, or log in again")
                })
            }
        };
        key.map(Arc::new)
    }
}

fn bound(key: Option<Arc<ProofKey>>, clients: Option<Arc<Clients>>) -> Option<Arc<Bound>> {
    (key.is_some() || clients.is_some()).then(|| Arc::new(Bound { key, clients }))
}
