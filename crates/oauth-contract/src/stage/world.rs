//! What all clients of one stage share.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use oauth_core::clock::{Clock as _, ManualClock};
use oauth_stage::{Endpoint, Strict};
use serde_json::Value;
use tempfile::{NamedTempFile, TempDir};

use crate::check::Failure;
use crate::redact::remember;
use crate::stage::{LIFETIME, servers};

/// The server, the clock and the folder of one stage.
pub(crate) struct World {
    pub server: Strict,
    pub clock: Arc<ManualClock>,
    folder: TempDir,
    planted: Mutex<Vec<String>>,
}

/// When every trial begins: not now, so that whoever asks the system for the time is found out.
const BEGINNING: i64 = 1_927_000_000;

/// What is shorter is no secret of ours, and part of other texts by chance.
const SHORTEST: usize = 16;

impl World {
    pub async fn start(tls: bool) -> Result<Self, Failure> {
        let beginning = DateTime::<Utc>::from_timestamp(BEGINNING, 0).unwrap_or_default();
        let clock = Arc::new(ManualClock::new(beginning));
        let followed = Arc::clone(&clock);
        let mut builder = Strict::builder()
            .token_lifetime(LIFETIME)
            .clock(move || followed.now());
        if tls {
            builder = builder.tls();
        }
        let server = servers()?.spawn(builder.start()).await??;
        Ok(Self {
            server,
            clock,
            folder: TempDir::new()?,
            planted: Mutex::default(),
        })
    }

    /// Writes a secret into a file that nobody else can read, in one step; where it is.
    pub fn plant(&self, name: &str, secret: &str) -> std::io::Result<String> {
        if secret.len() >= SHORTEST {
            remember(secret);
            self.planted
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(secret.to_owned());
        }
        let path = self.path(name);
        let mut file = NamedTempFile::new_in(self.folder.path())?;
        std::io::Write::write_all(&mut file, secret.as_bytes())?;
        file.persist(&path).map_err(|error| error.error)?;
        Ok(format!("file:{}", path.display()))
    }

    fn path(&self, name: &str) -> PathBuf {
        let folder: &Path = self.folder.path();
        folder.join(name)
    }

    /// The tokens that the token endpoint has issued, in order.
    fn issued(&self) -> Vec<String> {
        let log = self.server.log();
        let answers = log
            .iter()
            .filter(|exchange| exchange.endpoint() == Endpoint::Token);
        answers
            .filter_map(|exchange| text(&exchange.answer_json()?, "access_token"))
            .collect()
    }

    pub fn name_of(&self, token: &str) -> String {
        let planted = self.planted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(position) = self.issued().iter().position(|issued| issued == token) {
            return format!("token {}", position + 1);
        }
        match planted.iter().position(|known| known == token) {
            Some(position) => format!("planted token {}", position + 1),
            None => "a text that is no token of this stage".to_owned(),
        }
    }

    pub fn secrets(&self) -> Vec<String> {
        let planted = self
            .planted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut all: BTreeSet<String> = planted.into_iter().collect();
        for exchange in self.server.log() {
            if let Some(answer) = exchange.answer_json() {
                all.extend(
                    ["access_token", "refresh_token"]
                        .iter()
                        .filter_map(|name| text(&answer, name)),
                );
            }
            let sent = ["client_assertion", "refresh_token", "client_secret"];
            all.extend(sent.iter().filter_map(|name| exchange.parameter(name)));
            let header = exchange
                .header("authorization")
                .and_then(|value| value.split_once(' '));
            all.extend(header.map(|(_, credentials)| credentials.to_owned()));
        }
        all.into_iter().collect()
    }

    pub fn story(&self) -> String {
        const LAST: usize = 12;
        let log = self.server.log();
        let mut story = format!("The stage saw {} requests", log.len());
        if log.len() > LAST {
            story.push_str(&format!("; the last {LAST}"));
        }
        story.push(':');
        for exchange in log.iter().skip(log.len().saturating_sub(LAST)) {
            story.push_str(&format!("\n{exchange}"));
        }
        for violation in self.server.violations() {
            story.push_str(&format!("\nviolation: {violation}"));
        }
        story
    }
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
}

impl Drop for World {
    fn drop(&mut self) {
        self.secrets().into_iter().for_each(remember); // a report may be written after this
    }
}
