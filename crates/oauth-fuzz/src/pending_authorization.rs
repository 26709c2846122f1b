//! What a web server kept of a login that was begun, and gives back.
//!
//! An input is the text.

use oauth_core::Secret;
use oauth_core::authorize::PendingAuthorization;
use serde_json::Value;

use crate::canary::{CANARY, check_debug, check_error, hide, is_known, quotes_nothing};

/// What is taken is written as it was read, and no secret of it is shown.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match read(text) {
        Err(error) => {
            check_error(&error, &[]);
            quotes_nothing(&error, data);
        }
        Ok(pending) => {
            let written = pending.into_secret_form();
            let again = written.as_ref().map(|form| read(form.expose()));
            let again =
                again.map(|pending| pending.and_then(PendingAuthorization::into_secret_form));
            assert_eq!(again.ok().and_then(Result::ok), written.ok());
        }
    }
    let Ok(mut value) = serde_json::from_str::<Value>(text) else {
        return;
    };
    hide(&mut value, &["state", "verifier", "nonce"]);
    let hidden = value.to_string();
    if is_known(data) || !is_known(hidden.as_bytes()) {
        return;
    }
    match read(&hidden) {
        Ok(pending) => check_debug(&pending, &[CANARY]),
        Err(error) => check_error(&error, &[CANARY]),
    }
}

fn read(text: &str) -> Result<PendingAuthorization, oauth_core::Error> {
    PendingAuthorization::from_secret_form(&Secret::new(text))
}
