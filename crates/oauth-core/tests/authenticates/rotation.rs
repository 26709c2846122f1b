//! Credentials that change while the process runs.

use std::path::Path;
use std::time::Duration;

use oauth_core::client_auth::{Audience, ClientAuth};
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::secret::SecretRef;
use oauth_core::signing_key::{Algorithm, SigningKey};
use oauth_core::source::TokenSource as _;
use oauth_stage::{Authentication, Endpoint};
use serde_json::{Value, json};

use crate::support::{CLIENT, SECRET, Wanted, clock, env, strict};
use crate::{assert_taken, key, key_config, key_pem, register, register_keys, strict_for};

fn write_private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[tokio::test]
async fn r043_a_changed_secret_file_counts_at_the_next_request() {
    let clock = clock();
    let stage = strict(&clock).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    write_private(&path, &format!("{SECRET}\n"));
    let env = env(&clock);
    let client = ClientAuth::secret_basic(&env, CLIENT, SecretRef::file(&path)).unwrap();
    let token = Wanted::of(&env, &stage).client(client).build();
    token.token().await.unwrap();

    write_private(&path, "the next secret\n");
    register(
        &stage,
        Authentication::SecretBasic("the next secret".into()),
    );
    clock.advance(Duration::from_secs(600));
    token.token().await.unwrap();
    assert_taken(&stage, 2, &["header"]);
}

#[tokio::test]
async fn r043_a_changed_key_file_counts_at_the_next_request() {
    let clock = clock();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    write_private(&path, key_pem(Algorithm::ES256));
    let next = SigningKey::generate(Algorithm::ES256).unwrap();
    let stage = strict_for(&clock, &[&key(Algorithm::ES256), &next]).await;
    let env = env(&clock);
    let source = format!("file:{}", path.display());
    let config = key_config(json!({ "source": source }));
    let client =
        ClientAuth::private_key_jwt(&env, CLIENT, &config, Audience::TokenEndpoint).unwrap();
    let token = Wanted::of(&env, &stage).client(client).build();
    token.token().await.unwrap();

    write_private(&path, next.to_pkcs8_pem().unwrap().expose());
    clock.advance(Duration::from_secs(600));
    token.token().await.unwrap();
    let kids: Vec<Value> = stage
        .log()
        .iter()
        .map(|one| one.assertion_header().unwrap()["kid"].clone())
        .collect();
    assert_eq!(kids, [key(Algorithm::ES256).key_id(), next.key_id()]);
    assert_taken(&stage, 2, &["client_assertion"]);
}

// KEY-043
#[tokio::test]
async fn a_rotated_key_that_the_server_does_not_know_is_one_request_and_a_word_what_to_mend() {
    let clock = clock();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    write_private(&path, key_pem(Algorithm::ES256));
    let next = SigningKey::generate(Algorithm::ES256).unwrap();
    let stage = strict_for(&clock, &[&key(Algorithm::ES256)]).await;
    let env = env(&clock);
    let config = key_config(json!({ "source": format!("file:{}", path.display()) }));
    let client =
        ClientAuth::private_key_jwt(&env, CLIENT, &config, Audience::TokenEndpoint).unwrap();
    let token = Wanted::of(&env, &stage).client(client).build();
    token.token().await.unwrap();

    write_private(&path, next.to_pkcs8_pem().unwrap().expose());
    clock.advance(Duration::from_secs(600));
    // everybody who asks gets the one answer, and the server is not asked again
    for _ in 0..3 {
        let error = token.token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OAuth);
        assert_eq!(error.recovery(), Recovery::FixConfig);
        assert_eq!(error.oauth().unwrap().code, "invalid_client");
        assert!(
            error.to_string().contains("public key is current"),
            "{error}"
        );
        assert_eq!(stage.count(Endpoint::Token), 2);
    }
    assert!(clock.slept().is_empty(), "{:?}", clock.slept());
    let refused = &stage.log()[1];
    assert_eq!(refused.assertion_header().unwrap()["kid"], next.key_id());

    register_keys(&stage, &[&next]);
    clock.advance(Duration::from_secs(61));
    token.token().await.unwrap();
    assert_eq!(stage.count(Endpoint::Token), 3);
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_any_more_is_named_and_nothing_is_sent() {
    let clock = clock();
    let stage = strict(&clock).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    write_private(&path, SECRET);
    let env = env(&clock);
    let client = ClientAuth::secret_basic(&env, CLIENT, SecretRef::file(&path)).unwrap();
    let token = Wanted::of(&env, &stage).client(client).build();
    token.token().await.unwrap();

    std::fs::remove_file(&path).unwrap();
    clock.advance(Duration::from_secs(600));
    let error = token.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credential);
    assert_eq!(error.recovery(), Recovery::FixConfig);
    assert!(error.to_string().starts_with("client_secret: "), "{error}");
    assert!(clock.slept().is_empty(), "{:?}", clock.slept());
    assert_eq!(stage.count(Endpoint::Token), 1);

    write_private(&path, SECRET);
    clock.advance(Duration::from_secs(61));
    token.token().await.unwrap();
    assert_taken(&stage, 2, &["header"]);
}
