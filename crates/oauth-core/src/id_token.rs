//! What an OpenID Provider says of a user and its login (OpenID Connect Core 1.0 2, 3.1.3.7, 12.2).

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, JwtFault};
use crate::jwt::{LEEWAY, Verified, refused, required};
use crate::secret::Secret;
use crate::signing_key::Algorithm;

#[cfg(test)]
mod tests;

/// What an id_token is signed by where nothing was registered (OpenID Connect Core 3.1.3.7 step 7).
pub const DEFAULT_ALGORITHMS: &[Algorithm] = &[Algorithm::RS256];

/// No id_token that has just been asked for was issued longer ago (OpenID Connect Core 3.1.3.7 step 10).
const OLDEST: TimeDelta = TimeDelta::hours(24);

/// What is known of a login before its id_token comes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Expected<'a> {
    /// The issuer, letter by letter.
    pub issuer: &'a str,
    /// The client that asked.
    pub client_id: &'a str,
    /// The `nonce` that was sent; without one, none may come back.
    pub nonce: Option<&'a Secret>,
    /// The access token beside it, for `at_hash`, which may be absent (OpenID Connect Core 3.1.3.8).
    pub access_token: Option<&'a Secret>,
    /// The code beside it, for `c_hash`, which may be absent where it came from the token endpoint.
    pub code: Option<&'a Secret>,
    /// The `max_age` that was asked for: how long ago the user may have logged in.
    pub max_age: Option<TimeDelta>,
    /// The `acr` values one of which was asked for as essential; empty: none was.
    pub acr_values: &'a [&'a str],
    /// How far the server's clock may differ; [`LEEWAY`] by default.
    pub leeway: TimeDelta,
}

impl<'a> Expected<'a> {
    /// Issuer and client; nothing else was asked for.
    pub fn new(issuer: &'a str, client_id: &'a str) -> Self {
        Self {
            issuer,
            client_id,
            nonce: None,
            access_token: None,
            code: None,
            max_age: None,
            acr_values: &[],
            leeway: LEEWAY,
        }
    }
}

/// A login that was checked.
#[derive(Clone, PartialEq)]
pub struct IdToken {
    login: Login,
    expires_at: DateTime<Utc>,
    claims: Map<String, Value>,
}

/// What of a login must stay as it is when its tokens are renewed (OpenID Connect Core 12.2): keep it beside
/// the refresh token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    issuer: String,
    subject: String,
    audience: Vec<String>,
    issued_at: DateTime<Utc>,
    authenticated_at: Option<DateTime<Utc>>,
    nonce: Option<String>,
}

impl IdToken {
    /// The user, as the issuer knows it (`sub`); unique with [`IdToken::issuer`] alone.
    pub fn subject(&self) -> &str {
        &self.login.subject
    }

    /// Who says so.
    pub fn issuer(&self) -> &str {
        &self.login.issuer
    }

    /// From when on it must not be taken (`exp`).
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.expires_at
    }

    /// When it was issued (`iat`).
    pub fn issued_at(&self) -> DateTime<Utc> {
        self.login.issued_at
    }

    /// When the user logged in (`auth_time`), where the issuer says so.
    pub fn authenticated_at(&self) -> Option<DateTime<Utc>> {
        self.login.authenticated_at
    }

    /// How strongly (`acr`).
    pub fn acr(&self) -> Option<&str> {
        self.claims.get("acr").and_then(Value::as_str)
    }

    /// What must stay as it is.
    pub fn login(&self) -> &Login {
        &self.login
    }

    /// All claims, those that are checked and others.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }
}

/// Prints nothing of the user.
impl fmt::Debug for IdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdToken")
            .field("issuer", &self.login.issuer)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

/// Checks the id_token of a login (OpenID Connect Core 3.1.3.7).
///
/// # Errors
/// [`ErrorKind::Jwt`](crate::error::ErrorKind::Jwt): it is not the one that was asked for. The tokens that came
/// with it must be dropped.
pub fn validate(
    token: &Verified,
    expected: &Expected<'_>,
    now: DateTime<Utc>,
) -> Result<IdToken, Error> {
    let checked = checked(token, expected, now)?;
    check_nonce(token, expected.nonce.map(Secret::expose))?;
    Ok(checked)
}

/// Checks the id_token that came with renewed tokens (OpenID Connect Core 12.2); `expected.nonce` does not
/// count, that of the login does.
///
/// # Errors
/// As [`validate`], and where it is about another login. The renewed tokens must be dropped.
pub fn validate_refreshed(
    token: &Verified,
    expected: &Expected<'_>,
    former: &Login,
    now: DateTime<Utc>,
) -> Result<IdToken, Error> {
    let checked = checked(token, expected, now)?;
    if token.text("nonce")?.is_some() {
        check_nonce(token, former.nonce.as_deref())?;
    }
    check_same(&checked.login, former, expected.leeway)?;
    Ok(checked)
}

fn checked(
    token: &Verified,
    expected: &Expected<'_>,
    now: DateTime<Utc>,
) -> Result<IdToken, Error> {
    token.check_issuer(expected.issuer)?;
    let audience = token.check_audience(expected.client_id)?;
    check_authorized_party(token, &audience, expected.client_id)?;
    let expires_at = token.check_times(now, expected.leeway)?;
    let issued_at = token.check_age(now, OLDEST)?;
    let subject = token.text("sub")?.filter(|subject| !subject.is_empty());
    let subject = required("sub", subject)?;
    check_hash(token, "at_hash", expected.access_token)?;
    check_hash(token, "c_hash", expected.code)?;
    let authenticated_at = check_authentication(token, expected, now)?;
    Ok(IdToken {
        login: Login {
            issuer: expected.issuer.to_owned(),
            subject: subject.to_owned(),
            audience: audience.into_iter().map(str::to_owned).collect(),
            issued_at,
            authenticated_at,
            nonce: token.text("nonce")?.map(str::to_owned),
        },
        expires_at,
        claims: token.claims().clone(),
    })
}

/// Steps 3 to 5: where it is for others too, it must say that this client asked for it.
fn check_authorized_party(
    token: &Verified,
    audience: &[&str],
    client_id: &str,
) -> Result<(), Error> {
    let is_ours_alone = audience.iter().all(|one| *one == client_id);
    match token.text("azp")? {
        Some(party) if party == client_id => Ok(()),
        None if is_ours_alone => Ok(()),
        _ => Err(refused(
            JwtFault::Audience,
            "the token was issued to another client, or for others too (`azp`, `aud`)",
            "check `client_id`; if it is right, the token was meant for somebody else",
        )),
    }
}

/// Step 11.
fn check_nonce(token: &Verified, sent: Option<&str>) -> Result<(), Error> {
    let problem = match (sent, token.text("nonce")?) {
        (Some(sent), Some(nonce)) if is_same(sent, nonce) => return Ok(()),
        (None, None) => return Ok(()),
        (Some(_), Some(_)) => "the token's `nonce` is not the one that was sent",
        (Some(_), None) => "the token has no `nonce`, although one was sent",
        (None, Some(_)) => "the token has a `nonce`, although none was sent",
    };
    Err(refused(
        JwtFault::Nonce,
        problem,
        "begin the login anew; if it happens again, somebody mixes logins up",
    ))
}

/// OpenID Connect Core 3.1.3.8, 3.3.2.10: where it stands, it must be right.
fn check_hash(token: &Verified, name: &str, of: Option<&Secret>) -> Result<(), Error> {
    let (Some(hash), Some(of)) = (token.text(name)?, of) else {
        return Ok(());
    };
    match is_same(hash, &token.half_hash(of.expose())) {
        true => Ok(()),
        false => Err(refused(
            JwtFault::Hash,
            format!("the token belongs to something else than what came with it (`{name}`)"),
            "begin the login anew; if it happens again, report it to whoever runs the server",
        )),
    }
}

/// Steps 12 and 13.
fn check_authentication(
    token: &Verified,
    expected: &Expected<'_>,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Error> {
    let acr = token.text("acr")?;
    if !expected.acr_values.is_empty() && !acr.is_some_and(|acr| expected.acr_values.contains(&acr))
    {
        return Err(not_as_asked(
            "the user did not log in as strongly as was asked for (`acr`)",
        ));
    }
    let authenticated_at = token.instant("auth_time")?;
    let Some(max_age) = expected.max_age else {
        return Ok(authenticated_at);
    };
    let instant = required("auth_time", authenticated_at)?;
    let is_recent = instant
        .checked_add_signed(max_age)
        .and_then(|end| end.checked_add_signed(expected.leeway))
        .is_none_or(|end| now <= end);
    match is_recent {
        true => Ok(authenticated_at),
        false => Err(not_as_asked(
            "the user logged in longer ago than was asked for (`auth_time`)",
        )),
    }
}

fn not_as_asked(problem: &str) -> Error {
    refused(
        JwtFault::Authentication,
        problem,
        "begin the login anew; if it happens again, the server does not do what was asked for",
    )
}

/// OpenID Connect Core 12.2.
fn check_same(login: &Login, former: &Login, leeway: TimeDelta) -> Result<(), Error> {
    let other = |fault, problem: &str| Err(refused(fault, problem, "have the user log in again"));
    if login.issuer != former.issuer {
        return other(
            JwtFault::Issuer,
            "the renewed id_token is of another issuer (`iss`)",
        );
    }
    if login.subject != former.subject {
        return other(
            JwtFault::Subject,
            "the renewed id_token is about another user (`sub`)",
        );
    }
    let [new, old] = [login, former].map(|login| {
        let mut audience: Vec<&str> = login.audience.iter().map(String::as_str).collect();
        audience.sort_unstable();
        audience.dedup();
        audience
    });
    if new != old {
        return other(
            JwtFault::Audience,
            "the renewed id_token is for others than before (`aud`)",
        );
    }
    let is_older = login
        .issued_at
        .checked_add_signed(leeway)
        .is_some_and(|latest| latest < former.issued_at);
    if is_older {
        return other(
            JwtFault::Stale,
            "the renewed id_token is older than the one before (`iat`)",
        );
    }
    let is_another_login = login.authenticated_at.is_some()
        && former.authenticated_at.is_some()
        && login.authenticated_at != former.authenticated_at;
    if is_another_login {
        return other(
            JwtFault::Authentication,
            "the renewed id_token is of another login (`auth_time`)",
        );
    }
    Ok(())
}

/// In a time that tells nothing of where they differ.
fn is_same(one: &str, other: &str) -> bool {
    verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}
