//! Texts that must stand in no error and in no log, made for one trial.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use oauth_core::error::Error;
use url::form_urlencoded::byte_serialize;

use crate::tape;

/// What is secret in one trial.
pub struct Canaries {
    /// The client's secret.
    pub secret: String,
    /// The access token that answers bring, where they bring one.
    pub access: String,
    /// The refresh token that answers bring, where they bring one.
    pub refresh: String,
    /// Stands where nothing of a body, a query or a header is to be shown.
    pub hidden: String,
    /// Where the tape was when the trial began.
    start: usize,
    forms: Vec<String>,
}

/// A word of this run that stands nowhere by chance.
pub fn word(name: &str) -> String {
    let mut bytes = [0; 15];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    format!("canary-{name}-{}", URL_SAFE_NO_PAD.encode(bytes))
}

impl Canaries {
    pub fn new() -> Self {
        let mut canaries = Self {
            secret: format!("{}/+=% é", word("secret")),
            access: word("access"),
            refresh: word("refresh"),
            hidden: word("hidden"),
            start: tape::here(),
            forms: Vec::new(),
        };
        for secret in [
            canaries.secret.clone(),
            canaries.access.clone(),
            canaries.refresh.clone(),
            canaries.hidden.clone(),
        ] {
            canaries.add(&secret);
        }
        canaries
    }

    /// One more, in every form in which it goes over the wire or is printed.
    pub fn add(&mut self, secret: &str) {
        if secret.len() < 16 {
            return;
        }
        let encoded: String = byte_serialize(secret.as_bytes()).collect();
        let listed = format!("{:?}", secret.as_bytes());
        self.forms.extend([
            secret.to_owned(),
            encoded,
            secret.as_bytes().escape_ascii().to_string(),
            STANDARD.encode(secret),
            listed.trim_matches(['[', ']']).to_owned(),
        ]);
    }

    /// The lines of a private key.
    pub fn add_pem(&mut self, pem: &str) {
        let is_key = |line: &&str| line.len() >= 16 && !line.contains(['-', ':']);
        let lines = pem.lines().filter(is_key);
        self.forms.extend(lines.map(str::to_owned));
    }

    /// None of them stands in the error, however it is printed, in its causes, or in what was logged.
    #[track_caller]
    pub fn are_nowhere(&self, error: Option<&Error>) {
        let mut texts = vec![("the log", tape::since(self.start))];
        if let Some(error) = error {
            texts.push(("{}", format!("{error}")));
            texts.push(("{:#}", format!("{error:#}")));
            texts.push(("{:?}", format!("{error:?}")));
            texts.push(("{:#?}", format!("{error:#?}")));
            let mut cause = std::error::Error::source(error);
            while let Some(at) = cause {
                texts.push(("a cause", format!("{at} {at:?}")));
                cause = at.source();
            }
        }
        for (place, text) in texts {
            for form in &self.forms {
                let line = text.lines().find(|line| line.contains(form.as_str()));
                assert!(line.is_none(), "{form} stands in {place}: {line:?}");
            }
        }
    }
}

/// Shows that what is logged on purpose is found, by either way of logging.
pub fn are_found_where_they_are_logged() {
    for by_log in [false, true] {
        let canaries = Canaries::new();
        if by_log {
            log::trace!(target: "purpose", "{}", canaries.access);
        } else {
            tracing::trace!(secret = %canaries.access, "on purpose");
        }
        let found = std::panic::catch_unwind(|| canaries.are_nowhere(None));
        assert!(found.is_err(), "by log: {by_log}");
    }
}
