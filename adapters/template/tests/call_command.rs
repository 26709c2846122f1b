//! The example `call` as a user runs it: what it prints, and its exit code.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

use std::ffi::OsStr;
use std::path::Path;

use oauth_contract::{Example, Ran};
use oauth_stage::{Authentication, RegisteredClient, Strict};

const SECRET: &str = "CANARY-s3cret";

fn call(config: &Path) -> Ran {
    let arguments = [
        OsStr::new("--loopback-http"),
        config.as_os_str(),
        OsStr::new("1"),
    ];
    let program = Example::find("call").unwrap();
    program
        .run(arguments, &[("TEMPLATE_TEST_SECRET", SECRET)])
        .unwrap()
}

fn config(token_url: &str, more: &str) -> String {
    format!(
        "token_url = \"{token_url}\"\napi_url = \"https://api.example/\"\nclient_id = \"c\"\n\
         client_secret = \"env:TEMPLATE_TEST_SECRET\"\n{more}"
    )
}

#[test]
fn a_config_that_cannot_work_is_one_line_and_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    let https = "https://auth.example/token";
    for (name, content, says) in [
        (
            "unknown",
            config(https, "scope = \"a\""),
            &["scope: unknown key", "did you mean `scopes`?"][..],
        ),
        (
            "type",
            config(https, "scopes = 7"),
            &["scopes: wrong type", "expected scopes: a list of strings"],
        ),
        (
            "http",
            config("http://auth.example/token", ""),
            &["token_url: `http` is refused", "write `https://…`"],
        ),
        (
            "file",
            config(https, "").replace("env:TEMPLATE_TEST_SECRET", "file:no-such-file"),
            &[
                "client_secret: the file",
                "no-such-file does not exist",
                "check the path",
            ],
        ),
        (
            "literal",
            config(https, "").replace("env:TEMPLATE_TEST_SECRET", SECRET),
            &[
                "client_secret: a secret is given by reference",
                "write `env:NAME` or `file:PATH`",
            ],
        ),
        (
            "two",
            config("http://auth.example/token", "").replace("https://api.example/", "api"),
            &[
                "token_url: `http` is refused",
                "api_url: this is not an absolute URL",
            ],
        ),
        (
            "broken",
            format!("client_secret = \"{SECRET}"),
            &["line 1", "not well-formed TOML"],
        ),
        (
            "refused",
            config("http://127.0.0.1:1/token", ""),
            &["no connection to http://127.0.0.1:1", "check the host"],
        ),
    ] {
        let path = folder.path().join(format!("{name}.toml"));
        std::fs::write(&path, content).unwrap();
        if let Err(failure) = call(&path).complains(says, SECRET) {
            panic!("{name}: {failure}");
        }
    }
    let missing = call(&folder.path().join("nowhere.toml"));
    missing
        .complains(
            &["nowhere.toml: this configuration file does not exist; check the path"],
            SECRET,
        )
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_is_printed_and_the_exit_code_is_0() {
    let client = RegisteredClient::new("c", Authentication::SecretBasic(SECRET.into()));
    let stage = Strict::builder().client(client).start().await.unwrap();
    stage.on("/api/items/1", |_| {
        Some(oauth_stage::Answer::json(
            200,
            &serde_json::json!({"id": "1", "name": "first"}),
        ))
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("good.toml");
    let config = config(&stage.token_url(), "").replace("https://api.example/", &stage.api_url());
    std::fs::write(&path, config).unwrap();
    let output = tokio::task::spawn_blocking(move || call(&path))
        .await
        .unwrap();
    assert_eq!((output.stderr.as_str(), output.code), ("", Some(0)));
    let item: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(item["name"], "first");
}
