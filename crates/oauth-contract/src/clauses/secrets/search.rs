//! Looking for secrets in everything that was printed and logged.

use std::error::Error as StdError;
use std::fmt::Debug;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use oauth_core::error::Error;

use crate::capture::Listening;
use crate::check::{Failure, Outcome, that};
use crate::stage::Stage;

/// Everything that was printed, and the log of the trial.
pub(super) struct Search {
    stage: Stage,
    log: Listening,
    /// What was printed, and not searched yet.
    shown: Vec<(String, String)>,
    /// How much of the log has been searched.
    searched: usize,
}

impl Search {
    pub fn new(stage: Stage, log: Listening) -> Self {
        Self {
            stage,
            log,
            shown: Vec::new(),
            searched: 0,
        }
    }

    /// Takes note of how a value prints itself for programmers.
    pub fn show(&mut self, what: &str, value: &impl Debug) {
        self.shown
            .push((format!("`{{:?}}` of {what}"), format!("{value:?}")));
        self.shown
            .push((format!("`{{:#?}}` of {what}"), format!("{value:#?}")));
    }

    /// Takes note of all texts of an error, and of a panic with it.
    pub fn error(&mut self, what: &str, error: &Error) {
        self.show(&format!("the error of {what}"), error);
        self.shown
            .push((format!("the error of {what}"), error.to_string()));
        self.shown.push((
            format!("a panic with the error of {what}"),
            format!("called `unwrap()`: {error:?}"),
        ));
        let mut cause = error.source();
        while let Some(at) = cause {
            self.shown.push((
                format!("a source of the error of {what}"),
                format!("{at} {at:?} {at:#}"),
            ));
            cause = at.source();
        }
    }

    /// Whether a text was printed or logged since the last search.
    pub fn finds(&self, text: &str) -> bool {
        let log = self.log.heard();
        log.get(self.searched..)
            .is_some_and(|log| log.contains(text))
            || self.shown.iter().any(|(_, shown)| shown.contains(text))
    }

    /// Fails unless something was logged under that target: what is not logged proves nothing.
    pub fn heard_of(&self, target: &str) -> Outcome {
        that(self.log.heard().contains(target), || {
            format!("nothing was logged by `{target}`: its events would not be searched")
        })
    }

    /// Fails where any secret that there is by now was printed or logged since the last search, in
    /// whatever form. No secret is in what came before it was made.
    pub fn nothing_so_far(&mut self, when: &str) -> Outcome {
        let log = self.log.heard();
        let new = log.get(self.searched..).unwrap_or_default();
        let mut texts: Vec<(&str, &str)> = self
            .shown
            .iter()
            .map(|(what, text)| (what.as_str(), text.as_str()))
            .collect();
        texts.push(("the log", new));
        for secret in self.stage.secrets() {
            for (form, needle) in forms(&secret) {
                if let Some((place, text)) = texts.iter().find(|(_, text)| text.contains(&needle)) {
                    let line = line_with(text, &needle).replace(&needle, "[THE SECRET]");
                    return Err(Failure::new(format!(
                        "{when}: a secret is printed, {form}, in {place}: {line}"
                    )));
                }
            }
        }
        self.searched = log.len();
        self.shown.clear();
        Ok(())
    }
}

/// The line of a text that holds the needle; the whole text, where that is more than a line.
fn line_with<'a>(text: &'a str, needle: &str) -> &'a str {
    text.lines()
        .find(|line| line.contains(needle))
        .unwrap_or(text)
}

/// How a secret may be printed: as it is, line by line, as a list of bytes, in Base64; of an
/// assertion its signature is enough.
fn forms(secret: &str) -> Vec<(&'static str, String)> {
    let mut forms = vec![("as it is", secret.to_owned())];
    if secret.contains('\n') {
        let lines = secret
            .lines()
            .filter(|line| !line.starts_with("-----") && line.len() >= 16);
        forms.extend(lines.map(|line| ("a line of it", line.to_owned())));
    }
    if let [_, _, signature] = *secret.split('.').collect::<Vec<_>>() {
        forms.push(("its signature", signature.to_owned()));
    }
    let bytes: Vec<String> = secret.bytes().map(|byte| byte.to_string()).collect();
    forms.push(("as a list of bytes", bytes.join(", ")));
    forms.push(("in Base64", STANDARD_NO_PAD.encode(secret)));
    forms.push(("in Base64 for URLs", URL_SAFE_NO_PAD.encode(secret)));
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_in_each_of_its_forms() {
        let all = |secret: &str, text: &str| {
            forms(secret)
                .iter()
                .any(|(_, form)| text.contains(form.as_str()))
        };
        assert!(all("canary-1", "x canary-1 x"));
        assert!(all("canary-1", &format!("{:?}", b"canary-1")));
        assert!(all(
            "canary-1",
            &format!("<{}>", STANDARD_NO_PAD.encode("canary-1"))
        ));
        assert!(all(
            "-----BEGIN X-----\nMIGHAgEAMBMGByqG\n-----END X-----\n",
            "x MIGHAgEAMBMGByqG x"
        ));
        assert!(all("aa.bb.signature", "x signature x"));
        assert!(!all("canary-1", "canary-2"));
    }
}
