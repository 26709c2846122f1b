//! How a token endpoint refuses.

use oauth_core::error::{Error, ErrorKind};
use oauth_core::source::TokenSource as _;
use oauth_stage::Answer;
use serde_json::json;

use crate::{Vendor, granted};

/// What becomes of an answer: kind, code and recovery.
fn told(error: &Error) -> (&str, Option<&str>, &str) {
    let code = error.oauth().map(|oauth| oauth.code.as_str());
    (error.kind().name(), code, error.recovery().name())
}

#[tokio::test]
async fn q048_an_error_with_status_200() {
    for (config, body, code, recovery) in [
        // as Slack
        (
            r#"departures.response.success = { pointer = "/ok", success = [true] }"#,
            json!({"ok": false, "error": "invalid_client"}),
            "invalid_client",
            "FixConfig",
        ),
        // as GitHub, nothing declared
        (
            "",
            json!({"error": "bad_verification_code", "error_description": "it has expired"}),
            "bad_verification_code",
            "Report",
        ),
        // as COROS
        (
            r#"
                departures.response.success = { pointer = "/result", success = ["0000"] }
                departures.errors = { code = "/result", description = "/message" }
            "#,
            json!({"result": "1001", "message": "no such client"}),
            "1001",
            "Report",
        ),
        // as WeChat
        (
            r#"
                departures.response.success = { pointer = "/errcode", failure = [40029, -1] }
                departures.errors = { code = "/errcode", description = "/errmsg", passing = ["-1"] }
            "#,
            json!({"errcode": -1, "errmsg": "system busy"}),
            "-1",
            "Retry",
        ),
        // as DingTalk
        (
            r#"departures.errors = { code = "/code", description = "/message", fix_config = ["invalidClientIdOrSecret"] }"#,
            json!({"code": "invalidClientIdOrSecret", "message": "no"}),
            "invalidClientIdOrSecret",
            "FixConfig",
        ),
    ] {
        let vendor = Vendor::new().await;
        for _ in 0..3 {
            vendor.answers_json(body.clone()); // what passes is asked again
        }
        let error = vendor.refused(config).await;
        assert_eq!(told(&error), ("OAuth", Some(code), recovery), "{error}");
    }
}

#[tokio::test]
async fn q048_a_code_that_means_success_is_none() {
    let vendor = Vendor::new().await;
    let config = r#"
        departures.response.success = { pointer = "/errcode", success = [0] }
        departures.errors.code = "/errcode"
    "#;
    vendor.answers_json(json!({"errcode": 0, "access_token": "token-1", "token_type": "Bearer"}));
    vendor.token(config).await;
}

#[tokio::test]
async fn q049_errors_of_other_shapes() {
    for (config, status, body, code, says) in [
        // as Fitbit
        (
            r#"departures.errors = { code = "/errors/0/errorType", description = "/errors/0/message" }"#,
            401,
            json!({"success": false, "errors": [{"errorType": "invalid_client", "message": "no such id"}]}),
            "invalid_client",
            "no such id",
        ),
        // as Twitch
        (
            r#"departures.errors.code = "/message""#,
            403,
            json!({"status": 403, "error": 7, "message": "invalid client secret"}),
            "invalid client secret",
            "without a description",
        ),
        // as LINE
        (
            r#"departures.errors = { code = "/errorCode", description = "/errorMessage" }"#,
            400,
            json!({"errorCode": 20, "errorMessage": "expired"}),
            "20",
            "expired",
        ),
    ] {
        let vendor = Vendor::new().await;
        vendor.answers(Answer::json(status, &body));
        let error = vendor.refused(config).await;
        assert_eq!(error.oauth().unwrap().code, code);
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(error.status(), Some(status));
    }
}

#[tokio::test]
async fn q050_a_throttle_as_an_oauth_error() {
    let denied = Answer::json(400, &json!({"error": "Access Denied"}));
    for (config, recovery, requests) in [
        (
            r#"departures.errors.passing = ["Access Denied"]"#,
            "Retry",
            3,
        ),
        ("", "Report", 1),
    ] {
        let vendor = Vendor::new().await;
        for _ in 0..requests {
            vendor.answers(denied.clone());
        }
        let error = vendor.refused(config).await;
        assert_eq!(told(&error), ("OAuth", Some("Access Denied"), recovery));
        assert_eq!(vendor.count(), requests);
    }
}

#[tokio::test]
async fn q051_a_description_that_is_null() {
    let vendor = Vendor::new().await;
    let body = json!({"error": "invalid_client", "error_description": null});
    vendor.answers(Answer::json(400, &body));
    let error = vendor.refused("").await;
    assert_eq!(told(&error), ("OAuth", Some("invalid_client"), "FixConfig"));
    assert!(
        error.to_string().contains("without a description"),
        "{error}"
    );
}

#[tokio::test]
async fn q057_a_code_that_means_that_the_refresh_token_has_expired() {
    let vendor = Vendor::new().await;
    let config = r#"departures.errors = { code = "/code", log_in_again = ["20037"] }"#;
    let source = vendor.refreshing(config);
    vendor.answers(Answer::json(400, &json!({"code": 20037})));
    assert_eq!(
        source.token().await.unwrap_err().kind(),
        ErrorKind::LoggedOut
    );
    vendor.answers(granted());
    source.token().await.unwrap_err();
    assert_eq!(vendor.count(), 1, "a dead refresh token is presented once");
}
