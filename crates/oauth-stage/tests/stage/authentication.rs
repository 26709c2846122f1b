use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use oauth_stage::{Authentication, RegisteredClient, Strict};
use serde_json::{Value, json};

use crate::support::{self, CREDENTIALS, SECRET, assert_violation, grant, post, stage};

const ID: &str = "client:of/a tenant";

async fn basic_stage() -> Strict {
    let client = RegisteredClient::new(ID, Authentication::SecretBasic(SECRET.into()));
    Strict::builder().client(client).start().await.unwrap()
}

async fn basic(stage: &Strict, credentials: &str, more: &[(&str, &str)]) -> (u16, Value) {
    let form = [&[("grant_type", "client_credentials")], more].concat();
    let header = format!("Basic {}", STANDARD.encode(credentials));
    support::answer(
        post(&stage.token_url())
            .header("authorization", header)
            .form(&form),
    )
    .await
}

/// By hand, and not by the library that the client under test may use.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b' ' => "+".to_owned(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

#[tokio::test]
async fn accepts_basic_that_is_form_encoded() {
    let stage = basic_stage().await;
    let credentials = format!("{}:{}", encoded(ID), encoded(SECRET));
    assert_eq!(basic(&stage, &credentials, &[]).await.0, 200);
    assert_eq!(
        basic(&stage, &credentials, &[("client_id", ID)]).await.0,
        200
    );
    assert_eq!(stage.violations(), [""; 0]);
}

#[tokio::test]
async fn refuses_basic_that_is_not_form_encoded() {
    for credentials in [
        format!("{}:{SECRET}", encoded(ID)),
        format!("client/:{}", encoded(SECRET)),
        format!("{}:100%", encoded(ID)),
    ] {
        let stage = basic_stage().await;
        let (status, answer) = basic(&stage, &credentials, &[]).await;
        assert_eq!(
            (status, &answer["error"]),
            (401, &json!("invalid_client")),
            "{credentials}"
        );
        assert_violation(&stage, "RFC 6749 2.3.1");
    }
}

#[tokio::test]
async fn refuses_basic_that_is_broken() {
    for header in [
        "Basic",
        "Basic ?",
        "Basic YQ",
        "Basic YQ==",
        "Bearer abc",
        "Digest abc",
    ] {
        let stage = basic_stage().await;
        let form = [("grant_type", "client_credentials")];
        let request = post(&stage.token_url())
            .header("authorization", header)
            .form(&form);
        assert_eq!(support::answer(request).await.0, 401, "{header}");
        assert_violation(&stage, "RFC 6749 2.3.1");
    }
}

#[tokio::test]
async fn accepts_raw_basic_only_where_it_is_declared() {
    let raw = Authentication::SecretBasicRaw(SECRET.into());
    let stage = stage(raw).await;
    assert_eq!(basic(&stage, &format!("client:{SECRET}"), &[]).await.0, 200);
    let encoded = format!("client:{}", encoded(SECRET));
    assert_eq!(basic(&stage, &encoded, &[]).await.0, 401);
    assert_eq!(stage.violations(), [""; 0]);
}

#[tokio::test]
async fn refuses_two_methods_at_once() {
    let assertion = [
        ("client_assertion_type", support::ASSERTION_TYPE),
        ("client_assertion", "a.b.c"),
    ];
    let stage = support::post_stage().await;
    let (status, answer) = grant(&stage, &assertion).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_request")));
    assert_violation(&stage, "more than one way");

    let stage = basic_stage().await;
    let credentials = format!("{}:{}", encoded(ID), encoded(SECRET));
    let (status, answer) = basic(&stage, &credentials, &[("client_secret", SECRET)]).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_request")));
    assert_violation(&stage, "more than one way");
}

#[tokio::test]
async fn refuses_two_authorization_headers() {
    let stage = basic_stage().await;
    let header = format!(
        "Basic {}",
        STANDARD.encode(format!("{}:{}", encoded(ID), encoded(SECRET)))
    );
    let request = post(&stage.token_url())
        .header("authorization", &header)
        .header("authorization", &header)
        .form(&[("grant_type", "client_credentials")]);
    assert_eq!(support::answer(request).await.0, 400);
    assert_violation(&stage, "more than one way");
}

#[tokio::test]
async fn refuses_an_id_beside_the_credentials_of_another() {
    let stage = basic_stage().await;
    let credentials = format!("{}:{}", encoded(ID), encoded(SECRET));
    let (status, _) = basic(&stage, &credentials, &[("client_id", "other")]).await;
    assert_eq!(status, 400);
    assert_violation(&stage, "another client");
}

#[tokio::test]
async fn refuses_another_method_than_the_registered_one() {
    for authentication in [
        Authentication::None,
        Authentication::SecretBasic(SECRET.into()),
        Authentication::SecretBasicRaw(SECRET.into()),
        Authentication::secret_jwt(SECRET),
        Authentication::private_key_jwt(json!({"keys": []})),
    ] {
        let stage = stage(authentication.clone()).await;
        let (status, answer) = grant(&stage, &[]).await;
        assert_eq!(
            (status, &answer["error"]),
            (401, &json!("invalid_client")),
            "{authentication:?}"
        );
    }
}

#[tokio::test]
async fn answers_the_same_to_everything_that_is_wrong_about_a_secret() {
    let stage = support::post_stage().await;
    let form = |id, secret| {
        let stage = &stage;
        async move {
            let form = [
                ("grant_type", "client_credentials"),
                ("client_id", id),
                ("client_secret", secret),
            ];
            support::token(stage, &form).await
        }
    };
    let unknown = form("nobody", SECRET).await;
    assert_eq!(unknown.0, 401);
    assert_eq!(unknown, form("client", "wrong").await);
    let nothing = support::token(&stage, &[("grant_type", "client_credentials")]).await;
    assert_eq!(unknown, nothing);
    assert_eq!(unknown, basic(&stage, "client:wrong", &[]).await);
    assert_eq!(stage.violations(), [""; 0]);
}

#[tokio::test]
async fn challenges_a_client_that_it_does_not_know() {
    let stage = support::post_stage().await;
    let request = post(&stage.token_url()).form(&[("client_id", "nobody")]);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert!(
        answer.headers()["www-authenticate"]
            .to_str()
            .unwrap()
            .starts_with("Basic ")
    );
}

#[tokio::test]
async fn refuses_a_secret_without_an_id() {
    let stage = support::post_stage().await;
    let form = [("grant_type", "client_credentials"), CREDENTIALS[1]];
    assert_eq!(support::token(&stage, &form).await.0, 400);
    assert_violation(&stage, "without client_id");
}

#[tokio::test]
async fn prints_no_secret_of_a_registration() {
    let client = support::client(Authentication::SecretPost(SECRET.into()));
    let builder = Strict::builder().client(client.clone());
    assert!(!format!("{client:?}{builder:?}").contains(SECRET));
    assert!(format!("{client:?}").contains("client_secret_post"));
}
