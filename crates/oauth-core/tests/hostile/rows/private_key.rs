//! Keys by which a client proves who it is, as a user has them in a file.

mod refused;
mod taken;

use std::path::Path;
use std::sync::Arc;

use oauth_core::client_auth::{Audience, ClientAuth, KeyConfig};
use oauth_core::config;
use oauth_core::env::Env;
use oauth_core::error::Error;
use oauth_core::signing_key::{Algorithm, KeyOptions, SigningKey};
use oauth_core::token::Token;
use oauth_stage::{Authentication, RegisteredClient};
use serde_json::json;
use tempfile::TempDir;

use crate::make::{self, pem};
use crate::stand::Stand;
use crate::support::{CLIENT, SCOPES, Wanted};
use crate::table::Row;

const PASSPHRASE: &str = "canary: correct horse";
const RS384: Option<Algorithm> = Some(Algorithm::RS384);
const ES384: Option<Algorithm> = Some(Algorithm::ES384);

pub fn rows() -> Vec<Row> {
    let mut rows = taken::rows();
    rows.extend(refused::rows());
    rows
}

/// A file that its owner alone reads.
fn write(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A server that knows a key, and a file with one.
struct Lock {
    stand: Stand,
    folder: TempDir,
    algorithm: Option<Algorithm>,
}

impl Lock {
    fn new(known: &SigningKey, file: &[u8], algorithm: Option<Algorithm>) -> Self {
        let keys = json!({"keys": [known.public_jwk()]});
        let stand = Stand::with(|builder, _| {
            let known = Authentication::private_key_jwt(keys);
            builder.client(RegisteredClient::new(CLIENT, known).scopes(SCOPES))
        });
        stand.hide(PASSPHRASE);
        stand.hide_pem(&String::from_utf8_lossy(file));
        stand.hide_pem(&pem("", file));
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("key"), file);
        Self {
            stand,
            folder,
            algorithm,
        }
    }

    /// The client whose key stands in that file.
    fn client(&self, env: &Env, file: &str) -> Result<ClientAuth, Error> {
        let path = self.folder.path().join(file);
        let mut key: KeyConfig =
            config::parse(json!({"source": format!("file:{}", path.display())}))?;
        key.algorithm = self.algorithm;
        ClientAuth::private_key_jwt(env, CLIENT, &key, Audience::TokenEndpoint)
    }

    /// Loads the key, and asks for a token.
    #[track_caller]
    fn ends(&self, kind: Option<&str>, requests: usize) -> Result<Arc<Token>, Error> {
        let flow = async {
            let client = self.client(&self.stand.env, "key")?;
            let wanted = Wanted::of(&self.stand.env, &self.stand.stage);
            wanted.client(client).token().await
        };
        self.stand.look(kind, requests, flow)
    }
}

/// Some key that the server knows.
fn other() -> SigningKey {
    SigningKey::load(&make::p256().pkcs8(), &KeyOptions::default()).unwrap()
}

/// A key that cannot be used is refused when it is loaded, and the message says that.
fn refuses(
    says: &'static str,
    algorithm: Option<Algorithm>,
    file: impl Fn() -> Vec<u8> + Send + Sync + 'static,
) -> impl Fn() + Send + Sync + 'static {
    move || {
        let lock = Lock::new(&other(), &file(), algorithm);
        let error = lock.ends(Some("Config"), 0).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(says), "{says:?} is not in: {text}");
    }
}
