//! What comes to a redirect URI (RFC 6749 4.1.2).
//!
//! An input is: how it came, how its issuer is known, and the query, the form (behind a line break, if there is a query too)
//! or the URL.

use oauth_core::authorize::{AuthorizationCode, Callback, PendingAuthorization};
use oauth_core::{Error, Secret};
use serde_json::json;

use crate::canary::{CANARY, check_debug, check_error, hide_in_form, is_known};
use crate::choice::one_of;

const AT: &str = "https://app.example/callback?of=acme";
const STATE: &str = "st4te-of-this-login";
const VERIFIER: &str = "v3rifier-of-this-login-v3rifier-of-this-login";
const SESSION: &str = "the session of the user";

#[derive(Clone, Copy)]
enum Way {
    Query,
    Form,
    Url,
}

/// A code is taken only with the state and the issuer of the login, and what is refused shows none of its secrets.
pub fn check(mut data: &[u8]) {
    let (Some(way), Some(iss)) = (
        one_of(&mut data, &[Way::Query, Way::Form, Way::Url]),
        one_of(&mut data, &["required", "unpromised", "optional"]),
    ) else {
        return;
    };
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match judged(*way, iss, text) {
        Ok(code) => {
            let form = came(*way, text);
            let states: Vec<String> = values(&form, "state");
            assert_eq!(states, [STATE], "{text}");
            assert_eq!(values(&form, "code"), [code.code().expose()], "{text}");
            assert!(values(&form, "error").is_empty(), "{text}");
            match *iss {
                "required" => assert_eq!(values(&form, "iss"), ["https://auth.example"]),
                "unpromised" => assert!(values(&form, "iss").is_empty()),
                _ => {}
            }
            check_debug(&code, &[STATE, VERIFIER]);
        }
        Err(error) => check_error(&error, &[STATE, VERIFIER, SESSION]),
    }
    let with_canary = hide_in_form(text, &["code", "response"]);
    if !is_known(data) && is_known(with_canary.as_bytes()) {
        match judged(*way, iss, &with_canary) {
            Ok(code) => check_debug(&code, &[CANARY]),
            Err(error) => check_error(&error, &[CANARY]),
        }
    }
}

fn judged(way: Way, iss: &str, text: &str) -> Result<AuthorizationCode, Error> {
    let (query, body) = text.split_once('\n').unwrap_or(("of=acme", text));
    let came = match way {
        Way::Query => Callback::query(AT, text),
        Way::Form => Callback::form_post(AT, query, body),
        Way::Url => Callback::url(text),
    }?;
    let shown = format!("{came:?}");
    assert!(!shown.contains('\n'), "{shown}");
    pending(way, iss)?.callback(&Secret::new(SESSION), came)
}

/// The form or the query that counts, as another library reads it.
fn came(way: Way, text: &str) -> Vec<(String, String)> {
    let url = url::Url::parse(text.trim()).ok();
    let form = match way {
        Way::Query => text,
        Way::Form => text.split_once('\n').map_or(text, |(_, body)| body),
        Way::Url => url.as_ref().and_then(url::Url::query).unwrap_or_default(),
    };
    url::form_urlencoded::parse(form.as_bytes())
        .into_owned()
        .collect()
}

fn values(pairs: &[(String, String)], name: &str) -> Vec<String> {
    let named = pairs.iter().filter(|(known, _)| known == name);
    named.map(|(_, value)| value.clone()).collect()
}

/// The login that the answer should belong to. `session` is the hash over state and session.
fn pending(way: Way, iss: &str) -> Result<PendingAuthorization, Error> {
    let mode = match way {
        Way::Form => "form_post",
        Way::Query | Way::Url => "query",
    };
    let written = json!({
        "version": 1, "state": STATE, "verifier": VERIFIER, "nonce": null, "session": mark(),
        "client_id": "client", "authority": "https://auth.example", "issuer": "https://auth.example",
        "iss": iss, "redirect_uri": AT, "response_mode": mode, "scopes": "a b", "resource": [],
        "max_age": null, "begun_at": "2026-01-01T00:00:00Z",
    });
    PendingAuthorization::from_secret_form(&Secret::new(written.to_string()))
}

fn mark() -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use sha2::{Digest as _, Sha256};
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{STATE}\0{SESSION}")))
}
