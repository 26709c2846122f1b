//! Whether what came is the answer to the question that was asked.

use crate::authorize::callback::{Callback, broken, in_fragment};
use crate::authorize::code::AuthorizationCode;
use crate::authorize::pending::{IssRule, PendingAuthorization, session_mark};
use crate::authorize::refusal;
use crate::error::{BindingFault, Error, ErrorKind, ProtocolFault, Recovery};
use crate::secret::{Secret, escape_without};
use crate::text::escape;

/// The parameters of an answer (RFC 6749 4.1.2, RFC 9207 2), each once.
#[derive(Default)]
struct Answer {
    code: Option<Secret>,
    state: Option<Secret>,
    iss: Option<Secret>,
    error: Option<Secret>,
    error_description: Option<Secret>,
    error_uri: Option<Secret>,
    /// A signed response (JARM 2.3).
    response: Option<Secret>,
    /// What no RFC knows: ignored here (RFC 6749 4.1.2).
    others: Vec<(String, Secret)>,
}

impl Answer {
    /// # Errors
    /// A parameter stands twice (RFC 6749 3.1).
    fn of(pairs: impl IntoIterator<Item = (String, Secret)>) -> Result<Self, Error> {
        let mut answer = Self::default();
        for (name, value) in pairs {
            let place = match name.as_str() {
                "code" => &mut answer.code,
                "state" => &mut answer.state,
                "iss" => &mut answer.iss,
                "error" => &mut answer.error,
                "error_description" => &mut answer.error_description,
                "error_uri" => &mut answer.error_uri,
                "response" => &mut answer.response,
                _ => {
                    answer.others.push((name, value));
                    continue;
                }
            };
            if place.is_some() {
                let problem = format!("it has `{name}` twice (RFC 6749 3.1)");
                return Err(match name.as_str() {
                    "iss" => unbound(BindingFault::Issuer, &problem),
                    _ => broken(ProtocolFault::DuplicateKey, &problem),
                });
            }
            *place = Some(value);
        }
        Ok(answer)
    }
}

impl PendingAuthorization {
    /// Judges what came to the redirect URI: it is of the user session that began this, came where this was to
    /// come, and has the `state` and the issuer of this. `session` is what
    /// [`OAuthClient::authorization`](crate::authorize) was given, taken anew from the request that brought
    /// the answer.
    ///
    /// Whatever comes of it, this authorization has then been answered. A refusal is
    /// [`ErrorKind::OAuth`] with the server's own code, and as well checked as a code is.
    ///
    /// A signed answer (JARM) is judged by `OAuthClient::callback`, which knows the server's keys.
    ///
    /// # Errors
    /// [`ErrorKind::Binding`]: it answers something else, and is not to be believed in anything.
    /// [`ErrorKind::Protocol`]: it is no answer. [`ErrorKind::OAuth`]: the server or the user refused.
    pub fn callback(self, session: &Secret, came: Callback) -> Result<AuthorizationCode, Error> {
        let answer = self.open(session, came)?;
        if self.response_mode.is_signed() {
            return Err(Error::config(
                "response_mode",
                "the answer is signed, and the keys are wanted",
            )
            .remedy("hand the callback to the `OAuthClient`"));
        }
        self.settle(answer, false)
    }

    /// What came, where it came to the right place in the right session.
    fn open(&self, session: &Secret, came: Callback) -> Result<Answer, Error> {
        let mark = Secret::new(session_mark(&self.state, session));
        if mark != Secret::new(self.session.as_str()) {
            let problem = "it came in another user session than the one that began this";
            return Err(unbound(BindingFault::Session, problem)
                .remedy("let this session's own user log in"));
        }
        let is_posted = came.is_posted;
        let pairs = came.answer(&self.redirect_uri)?.ok_or_else(|| {
            let problem = "it came to another redirect URI than the one that was sent";
            unbound(BindingFault::Context, problem).with_recovery(Recovery::Report)
        })?;
        if is_posted != self.response_mode.is_posted() {
            let problem = format!(
                "it came as a {}, and `response_mode` is `{}`",
                if is_posted { "form" } else { "query" },
                self.response_mode.name()
            );
            return Err(broken(ProtocolFault::BadValue, &problem));
        }
        if pairs.is_empty() {
            // a fragment never reaches a server: what is left of the answer is nothing
            return Err(match is_posted {
                true => broken(ProtocolFault::Empty, "it is empty"),
                false => in_fragment_perhaps(),
            });
        }
        Answer::of(pairs)
    }

    /// The signed response (JARM 2.3), which then is all that counts; it came to the right place in the right
    /// session.
    pub(crate) fn response(&self, session: &Secret, came: Callback) -> Result<Secret, Error> {
        self.open(session, came)?.response.ok_or_else(|| {
            let problem = format!(
                "`response_mode` is `{}`, and there is no `response` (JARM 2.3)",
                self.response_mode.name()
            );
            broken(ProtocolFault::MissingField, &problem)
        })
    }

    /// A code, where the parameters of a signed response have one and are bound to this. Their issuer is
    /// proven.
    pub(crate) fn settle_signed(
        self,
        pairs: Vec<(String, Secret)>,
    ) -> Result<AuthorizationCode, Error> {
        self.settle(Answer::of(pairs)?, true)
    }

    /// A code, where the answer has one and is bound to this.
    fn settle(self, answer: Answer, is_issuer_proven: bool) -> Result<AuthorizationCode, Error> {
        self.check_state(answer.state.as_ref())?;
        if !is_issuer_proven {
            self.check_issuer(answer.iss.as_ref())?;
        }
        match (answer.code, answer.error) {
            (Some(_), Some(_)) => Err(broken(
                ProtocolFault::BadValue,
                "it has a `code` and an `error`, and can be only one of them",
            )),
            (None, Some(error)) => {
                let secrets = [self.state, self.verifier];
                let (description, uri) = (&answer.error_description, &answer.error_uri);
                Err(refusal::read(
                    error.expose(),
                    description.as_ref(),
                    uri.as_ref(),
                    &secrets,
                ))
            }
            (Some(code), None) if is_code(&code) => {
                Ok(AuthorizationCode::new(self, code, answer.others))
            }
            (Some(_), None) => Err(broken(
                ProtocolFault::BadValue,
                "its `code` is none: empty, too long, or of other characters than RFC 6749 A.11 allows",
            )),
            (None, None) => Err(broken(
                ProtocolFault::MissingField,
                "it has neither a `code` nor an `error` (RFC 6749 4.1.2)",
            )),
        }
    }

    fn check_state(&self, state: Option<&Secret>) -> Result<(), Error> {
        let problem = match state {
            Some(state) if *state == self.state => return Ok(()), // in constant time
            Some(_) => "its `state` is another one: it answers something else that was asked",
            None => "it has no `state`, although one was sent (RFC 6749 4.1.2)",
        };
        Err(unbound(BindingFault::State, problem).remedy("let the user begin the login again"))
    }

    /// RFC 9207 2.4: simple string comparison, nothing is made equal.
    fn check_issuer(&self, iss: Option<&Secret>) -> Result<(), Error> {
        let secrets = [self.state.clone(), self.verifier.clone()];
        let shown = |iss: &str| escape_without(iss, &secrets);
        match (self.iss, iss.map(Secret::expose)) {
            (IssRule::Unpromised | IssRule::Optional, None) => Ok(()),
            (IssRule::Required, None) => {
                let problem = "it has no `iss`, which this server promises (RFC 9207 2.4)";
                Err(unbound(BindingFault::Issuer, problem).remedy(
                    "if this server leaves it out at times, declare `departures.authorization.iss = \"optional\"`",
                ))
            }
            (IssRule::Unpromised, Some(iss)) => {
                let problem = format!(
                    "it has the `iss` `{}`, which this server does not promise (RFC 9207 2.4)",
                    shown(iss)
                );
                Err(unbound(BindingFault::Issuer, &problem).remedy(
                    "if this server sends it without saying so, set `issuer` and declare \
                     `departures.authorization.iss = \"required\"`",
                ))
            }
            (IssRule::Required | IssRule::Optional, Some(iss)) => match &self.issuer {
                Some(issuer) if issuer == iss => Ok(()),
                Some(issuer) => Err(unbound(
                    BindingFault::Issuer,
                    &format!(
                        "its `iss` is `{}`, and the user was sent to `{}` (RFC 9207 2.4)",
                        shown(iss),
                        escape(issuer)
                    ),
                )
                .remedy(
                    "somebody may be mixing servers up; only if this server's own answers always say so, declare \
                     that `iss` as `departures.authorization.iss_value`",
                )),
                None => Err(unbound(
                    BindingFault::Issuer,
                    "it has an `iss`, and nobody knows this server's",
                )
                .remedy("set `issuer`")
                .with_recovery(Recovery::FixConfig)),
            },
        }
    }
}

/// RFC 6749 A.11: visible ASCII and space.
fn is_code(code: &Secret) -> bool {
    let code = code.expose().as_bytes();
    (1..=16 * 1024).contains(&code.len()) && code.iter().all(|byte| matches!(byte, 0x20..=0x7e))
}

fn in_fragment_perhaps() -> Error {
    in_fragment()
        .adding(", or nothing came at all")
        .with_kind(ErrorKind::Protocol(ProtocolFault::Empty))
}

pub(crate) fn unbound(fault: BindingFault, problem: &str) -> Error {
    let problem =
        format!("the answer at the redirect URI is not the one that is awaited: {problem}");
    let error = Error::new(ErrorKind::Binding(fault), problem);
    match fault {
        // somebody may be mixing servers up on purpose
        BindingFault::Issuer | BindingFault::Context => error.with_recovery(Recovery::Report),
        _ => error,
    }
}

#[cfg(test)]
mod tests;
