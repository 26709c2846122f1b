//! What the authorization endpoint keeps: requests that were pushed, and codes that were issued.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::random;

/// What a user agreed to, until its code is redeemed (RFC 6749 4.1.2).
#[derive(Clone, Debug)]
pub(crate) struct Authorized {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) scope: String,
    /// The S256 challenge (RFC 7636 4.3).
    pub(crate) challenge: String,
    /// The key that the code is bound to (`dpop_jkt`, RFC 9449 10).
    pub(crate) jkt: Option<String>,
}

struct Code {
    authorized: Authorized,
    expires_at: DateTime<Utc>,
    /// The family of the tokens it brought.
    redeemed: Option<usize>,
}

struct Pushed {
    client_id: String,
    pairs: Vec<(String, String)>,
    expires_at: DateTime<Utc>,
}

/// How long a code and a pushed request count, in seconds.
pub(crate) const LIFETIME: i64 = 60;

/// Why a code brings nothing.
pub(crate) enum NoCode {
    Unknown,
    /// It was redeemed before; the family of the tokens that it brought.
    Spent(usize),
}

#[derive(Default)]
pub(crate) struct Codes {
    codes: HashMap<String, Code>,
    pushed: HashMap<String, Pushed>,
}

impl Codes {
    pub(crate) fn issue(&mut self, authorized: Authorized, now: DateTime<Utc>) -> String {
        let code = random::token("code_");
        let kept = Code {
            authorized,
            expires_at: now + TimeDelta::seconds(LIFETIME),
            redeemed: None,
        };
        self.codes.insert(code.clone(), kept);
        code
    }

    /// What the code stands for, while it counts.
    pub(crate) fn find(&self, code: &str, now: DateTime<Utc>) -> Result<&Authorized, NoCode> {
        let known = self.codes.get(code).ok_or(NoCode::Unknown)?;
        match known.redeemed {
            Some(family) => Err(NoCode::Spent(family)),
            None if known.expires_at > now => Ok(&known.authorized),
            None => Err(NoCode::Unknown),
        }
    }

    /// It brought the tokens of that family, and never brings any again.
    pub(crate) fn redeem(&mut self, code: &str, family: usize) {
        if let Some(code) = self.codes.get_mut(code) {
            code.redeemed = Some(family);
        }
    }

    /// Keeps a pushed request; its `request_uri` (RFC 9126 2.2).
    pub(crate) fn push(
        &mut self,
        client_id: &str,
        pairs: Vec<(String, String)>,
        now: DateTime<Utc>,
    ) -> String {
        let uri = random::token("urn:ietf:params:oauth:request_uri:");
        let pushed = Pushed {
            client_id: client_id.to_owned(),
            pairs,
            expires_at: now + TimeDelta::seconds(LIFETIME),
        };
        self.pushed.insert(uri.clone(), pushed);
        uri
    }

    /// The request that was pushed by that client under that URI, once (RFC 9126 4).
    pub(crate) fn pull(
        &mut self,
        uri: &str,
        client_id: &str,
        now: DateTime<Utc>,
    ) -> Option<Vec<(String, String)>> {
        let pushed = self.pushed.remove(uri)?;
        (pushed.client_id == client_id && pushed.expires_at > now).then_some(pushed.pairs)
    }
}
