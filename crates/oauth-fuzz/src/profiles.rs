//! Servers that depart from the RFCs, each in other ways, so that each way of reading is taken.

use std::sync::OnceLock;

use oauth_core::config;
use oauth_core::server::Departures;
use serde_json::{Value, json};

/// The departures that the next byte of an input chooses.
pub fn all() -> &'static [Departures] {
    static ALL: OnceLock<Vec<Departures>> = OnceLock::new();
    ALL.get_or_init(|| written().into_iter().filter_map(read).collect())
}

fn read(value: Value) -> Option<Departures> {
    config::parse(value).ok()
}

fn written() -> [Value; 8] {
    [
        json!({}),
        json!({
            "response": {
                "success": {"pointer": "/ok", "success": [true, "yes"], "failure": [0]},
                "members": {
                    "access_token": "/data/access_token", "expires_in": "/data/0", "scope": "/a~1b",
                    "refresh_token": "/data/refresh_token", "token_type": "/data/type",
                },
                "facts": [{"name": "tenant", "pointer": "/data/tenant"}],
            },
            "errors": {"code": "/error/code", "description": "/error/text", "passing": ["busy"]},
        }),
        json!({"response": {"format": "form", "token_type": "optional"}}),
        json!({"response": {"format": "token"}}),
        json!({"response": {"expiry": "unix_milliseconds", "token_type": "optional", "scope_form": "list"}}),
        json!({"response": {"expiry": "rfc3339", "scope_separator": ","}}),
        json!({
            "response": {"expiry": "duration", "scope_form": "ignored", "media_types": ["text/html"]},
            "lifetime": {"zero_means_unknown": true, "default_expires_in": "1h"},
        }),
        json!({
            "response": {"expiry": "milliseconds", "refuse_wider_scope": true, "token_types": ["mac"], "success_statuses": [201]},
            "errors": {"log_in_again": ["gone"], "fix_config": ["7"]},
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_one_that_can_be_declared() {
        assert_eq!(all().len(), written().len());
    }
}
