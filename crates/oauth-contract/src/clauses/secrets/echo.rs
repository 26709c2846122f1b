//! A token endpoint that repeats what it was sent, in each place of an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oauth_stage::{Answer, Call};
use serde_json::json;

use crate::stage::Stage;

/// How it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Description,
    Unauthorized,
    Code,
    ErrorPage,
    Page,
    Garbage,
    BadToken,
    Redirect,
}

impl Mode {
    pub const ALL: [Self; 8] = [
        Self::Description,
        Self::Unauthorized,
        Self::Code,
        Self::ErrorPage,
        Self::Page,
        Self::Garbage,
        Self::BadToken,
        Self::Redirect,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Description => "a token endpoint that repeats secrets in `error_description`",
            Self::Unauthorized => "a token endpoint that answers 401 and repeats secrets",
            Self::Code => "a token endpoint that repeats secrets in `error`",
            Self::ErrorPage => "a token endpoint that answers 403 with a page that repeats secrets",
            Self::Page => "a token endpoint that answers 200 with a page that repeats secrets",
            Self::Garbage => "a token endpoint that answers a token in broken JSON",
            Self::BadToken => "a token endpoint that answers a token that fits no header",
            Self::Redirect => "a token endpoint that redirects to a place with secrets in it",
        }
    }

    fn answer(self, secrets: &str) -> Answer {
        let page = format!("<html><p>{secrets}</p></html>");
        match self {
            Self::Description => Answer::json(
                400,
                &json!({"error": "invalid_request", "error_description": secrets}),
            ),
            Self::Unauthorized => {
                let body = json!({"error": "invalid_client", "error_description": secrets, "error_uri": secrets});
                Answer::json(401, &body)
            }
            Self::Code => Answer::json(400, &json!({ "error": secrets })),
            Self::ErrorPage => Answer::text(403, "text/html", page),
            Self::Page => Answer::text(200, "text/html", page),
            Self::Garbage => {
                let text = format!("{{\"token_type\": \"Bearer\", \"access_token\": \"{secrets}\"");
                Answer::text(200, "application/json", text)
            }
            Self::BadToken => Answer::json(
                200,
                &json!({"token_type": "Bearer", "access_token": secrets}),
            ),
            Self::Redirect => {
                let query: String = secrets
                    .split_whitespace()
                    .map(|one| format!("&secret={one}"))
                    .collect();
                Answer::status(307).header("location", &format!("https://example.org/?a{query}"))
            }
        }
    }
}

/// The handler, and what it does at the moment.
pub(super) struct Echo(Arc<AtomicUsize>);

/// The server answers itself.
const OFF: usize = usize::MAX;

impl Echo {
    /// Takes the place of the token endpoint; it does nothing yet.
    pub fn at_token_endpoint(stage: &Stage) -> Self {
        let mode = Arc::new(AtomicUsize::new(OFF));
        let seen = Arc::clone(&mode);
        let path = stage
            .token_url()
            .trim_start_matches(stage.server().url())
            .to_owned();
        stage.server().on(path, move |call| {
            let mode = Mode::ALL.get(seen.load(Ordering::SeqCst))?;
            Some(mode.answer(&secrets_in(call)))
        });
        Self(mode)
    }

    pub fn set(&self, mode: Mode) {
        let position = Mode::ALL.iter().position(|one| *one == mode).unwrap_or(OFF);
        self.0.store(position, Ordering::SeqCst);
    }

    pub fn stop(&self) {
        self.0.store(OFF, Ordering::SeqCst);
    }
}

/// What a careless server would repeat: credentials as they came, decoded, and every secret parameter.
fn secrets_in(call: &Call) -> String {
    let mut secrets = Vec::new();
    if let Some((_, credentials)) = call
        .header("authorization")
        .and_then(|value| value.split_once(' '))
    {
        secrets.push(credentials.to_owned());
        let decoded = STANDARD
            .decode(credentials)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        secrets.extend(decoded);
    }
    let names = ["client_secret", "client_assertion", "refresh_token"];
    secrets.extend(
        call.form()
            .into_iter()
            .filter(|(name, _)| names.contains(&name.as_str()))
            .map(|(_, value)| value),
    );
    secrets.join(" ")
}
