//! The tokens that the server has issued.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::random;

/// What becomes of a refresh token that is used (RFC 6749 6, RFC 9700 4.14.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// It stays valid, and the answer has none.
    #[default]
    Keep,
    /// It stays valid, and the answer repeats it.
    Repeat,
    /// The answer has its successor. The spent one may be presented again for `grace` since it was
    /// first spent, for a client that lost the answer, and yields another successor; after that its
    /// use revokes every token of its family.
    Rotate {
        /// Zero: never again.
        grace: Duration,
    },
}

/// What became of a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has not been used since it was issued, or stays valid when it is.
    Unspent,
    /// It was used and has a successor.
    Spent,
    /// Its family was revoked, by the client or because a spent one came again.
    Revoked,
}

/// What a token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) client_id: String,
    /// As on the wire: separated by single spaces.
    pub(crate) scope: String,
}

#[derive(Clone)]
pub(crate) struct AccessToken {
    pub(crate) granted: Granted,
    pub(crate) expires_at: DateTime<Utc>,
    family: Option<usize>,
}

struct RefreshToken {
    family: usize,
    spent_at: Option<DateTime<Utc>>,
}

/// All refresh tokens that descend from one grant.
struct Family {
    granted: Granted,
    revoked: bool,
}

/// What the use of a refresh token yields.
pub(crate) struct Refreshed {
    pub(crate) family: usize,
    /// What the answer says; `None`: nothing.
    pub(crate) successor: Option<String>,
}

/// Why a refresh token yields nothing.
pub(crate) enum Dead {
    Unknown,
    /// It was spent before, and its time of grace is over: the family is revoked now.
    Reused,
}

#[derive(Default)]
pub(crate) struct Ledger {
    access: HashMap<String, AccessToken>,
    refresh: HashMap<String, RefreshToken>,
    families: Vec<Family>,
    pub(crate) issued: usize,
    pub(crate) reused: usize,
    pub(crate) repeated: usize,
}

impl Ledger {
    /// A new access token, or the given text as one.
    pub(crate) fn issue_access(
        &mut self,
        token: Option<String>,
        granted: Granted,
        expires_at: DateTime<Utc>,
        family: Option<usize>,
    ) -> String {
        let token = token.unwrap_or_else(|| random::token("at_"));
        self.access.insert(
            token.clone(),
            AccessToken {
                granted,
                expires_at,
                family,
            },
        );
        token
    }

    /// The access token, if it is live.
    pub(crate) fn access(&self, token: &str, now: DateTime<Utc>) -> Option<&AccessToken> {
        self.access
            .get(token)
            .filter(|token| token.expires_at > now)
    }

    /// Whether the text is a token that was issued here, live or not.
    pub(crate) fn knows(&self, text: &str) -> bool {
        self.access.contains_key(text) || self.refresh.contains_key(text)
    }

    pub(crate) fn revoke_all_access(&mut self, now: DateTime<Utc>) {
        self.access
            .values_mut()
            .for_each(|token| token.expires_at = token.expires_at.min(now));
    }

    /// The first refresh token of a new family.
    pub(crate) fn begin_family(&mut self, granted: Granted) -> String {
        self.families.push(Family {
            granted,
            revoked: false,
        });
        self.issue_refresh(self.families.len() - 1)
    }

    /// What became of a refresh token; `None`: it was never issued here.
    pub(crate) fn fate(&self, token: &str) -> Option<Fate> {
        let known = self.refresh.get(token)?;
        let family = self.families.get(known.family)?;
        Some(match (family.revoked, known.spent_at) {
            (true, _) => Fate::Revoked,
            (false, Some(_)) => Fate::Spent,
            (false, None) => Fate::Unspent,
        })
    }

    fn issue_refresh(&mut self, family: usize) -> String {
        let token = random::token("rt_");
        self.refresh.insert(
            token.clone(),
            RefreshToken {
                family,
                spent_at: None,
            },
        );
        token
    }

    /// What the refresh token was granted for, and its family, unless it is unknown or revoked.
    pub(crate) fn refresh(&self, token: &str) -> Option<(&Granted, usize)> {
        let number = self.refresh.get(token)?.family;
        let family = self.families.get(number).filter(|family| !family.revoked)?;
        Some((&family.granted, number))
    }

    /// Uses the refresh token.
    pub(crate) fn spend(
        &mut self,
        token: &str,
        rotation: Rotation,
        now: DateTime<Utc>,
    ) -> Result<Refreshed, Dead> {
        let (_, family) = self.refresh(token).ok_or(Dead::Unknown)?;
        let is_spent = |token: &RefreshToken| token.spent_at.is_some();
        if self.refresh.get(token).is_some_and(is_spent) {
            self.repeated += 1;
        }
        let successor = match rotation {
            Rotation::Keep => None,
            Rotation::Repeat => Some(token.to_owned()),
            Rotation::Rotate { grace } => {
                let grace = TimeDelta::from_std(grace).unwrap_or(TimeDelta::MAX);
                let known = self.refresh.get_mut(token).ok_or(Dead::Unknown)?;
                match known.spent_at {
                    Some(spent_at) if grace.is_zero() || now - spent_at > grace => {
                        self.reused += 1;
                        self.revoke_family(family, now);
                        return Err(Dead::Reused);
                    }
                    Some(_) => {}
                    None => known.spent_at = Some(now),
                }
                Some(self.issue_refresh(family))
            }
        };
        Ok(Refreshed { family, successor })
    }

    /// Revokes the access token alone, or the refresh token with its family (RFC 7009 2.1).
    pub(crate) fn revoke(&mut self, token: &str, now: DateTime<Utc>) {
        if let Some(access) = self.access.get_mut(token) {
            access.expires_at = access.expires_at.min(now);
        }
        if let Some((_, family)) = self.refresh(token) {
            self.revoke_family(family, now);
        }
    }

    pub(crate) fn revoke_family(&mut self, number: usize, now: DateTime<Utc>) {
        if let Some(family) = self.families.get_mut(number) {
            family.revoked = true;
        }
        let of_family = |token: &&mut AccessToken| token.family == Some(number);
        for token in self.access.values_mut().filter(of_family) {
            token.expires_at = token.expires_at.min(now);
        }
    }

    /// Whose token it is, live or not.
    pub(crate) fn owner(&self, token: &str) -> Option<&str> {
        let access = self.access.get(token).map(|token| &token.granted);
        let refresh = self
            .refresh
            .get(token)
            .and_then(|token| self.families.get(token.family));
        access
            .or(refresh.map(|family| &family.granted))
            .map(|granted| granted.client_id.as_str())
    }
}
