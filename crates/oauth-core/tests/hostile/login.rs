//! A user who logs in, and the ID token that says so, with something wrong in it.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_core::authorize::{AuthorizationCode, AuthorizationRequest, Callback};
use oauth_core::error::Error;
use oauth_core::oauth_client::{OAuthClient, Redeemed};
use oauth_core::secret::Secret;
use oauth_core::signing_key::{Algorithm, KeyOptions, SigningKey};
use oauth_core::token::Scopes;
use oauth_stage::{Answer, Endpoint, Strict};
use serde_json::{Value, json};

use crate::canaries::word;
use crate::make;
use crate::stand::{AT, Stand};
use crate::support::CLIENT;

pub static EC: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::ES256).unwrap());
pub static RSA: LazyLock<SigningKey> = LazyLock::new(|| {
    let options = KeyOptions {
        algorithm: Some(Algorithm::RS256),
        ..KeyOptions::default()
    };
    SigningKey::load(&make::rsa().pkcs8(), &options).unwrap()
});

const KEYS: Endpoint = Endpoint::Below("/keys");

/// What the server is about to say, right in everything until it is changed.
pub struct Draft {
    pub header: Value,
    pub claims: Value,
    /// Makes the signature of what is signed.
    pub sign: fn(&[u8]) -> Vec<u8>,
    /// Changes the whole token.
    pub finish: fn(String) -> String,
    /// The answer with the server's keys.
    pub keys: Answer,
    /// What else stands in the answer.
    pub members: Value,
    /// Where nobody may go.
    pub elsewhere: String,
}

impl Draft {
    /// Signed by the RSA key, which is published alone.
    pub fn by_rsa(&mut self) {
        self.header = json!({"alg": "RS256", "kid": RSA.key_id()});
        self.sign = |input| RSA.sign(input).unwrap();
        self.publish([RSA.public_jwk()]);
        for name in ["at_hash", "c_hash"] {
            // RS256 and ES256 have the same hash
            assert!(self.claims[name].is_string());
        }
    }

    pub fn publish(&mut self, keys: impl IntoIterator<Item = Value>) {
        let keys: Vec<Value> = keys.into_iter().collect();
        self.keys = Answer::json(200, &json!({"keys": keys}));
    }

    pub fn without(&mut self, claim: &str) {
        self.claims.as_object_mut().unwrap().remove(claim).unwrap();
    }

    fn token(&self) -> String {
        (self.finish)(signed_so(&self.header, &self.claims, self.sign))
    }
}

/// By [`EC`].
pub fn signed(header: &Value, claims: &Value) -> String {
    signed_so(header, claims, |input| EC.sign(input).unwrap())
}

fn signed_so(header: &Value, claims: &Value, sign: fn(&[u8]) -> Vec<u8>) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let input = format!("{}.{}", part(header), part(claims));
    let signature = sign(input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// What the server says of itself: it signs by several algorithms, and its keys are [`EC`] alone.
pub fn publish(stage: &Strict) -> Value {
    let document = json!({
        "issuer": stage.issuer(),
        "token_endpoint": stage.token_url(),
        "authorization_endpoint": stage.authorization_url(),
        "jwks_uri": format!("{}/keys", stage.url()),
        "authorization_response_iss_parameter_supported": true,
        "id_token_signing_alg_values_supported": ["ES256", "RS256", "none", "HS256"],
    });
    let answer = Some(Answer::json(200, &document));
    stage.answer_always(Endpoint::AuthorizationServerMetadata, answer);
    let keys = Answer::json(200, &json!({"keys": [EC.public_jwk()]}));
    stage.answer_always(KEYS, Some(keys));
    document
}

/// A user at a server.
pub struct Login {
    pub stand: Stand,
    client: OAuthClient,
}

impl Login {
    pub fn new() -> Self {
        Self::at(|_| ())
    }

    /// At a server whose document is changed so.
    pub fn at(change: impl FnOnce(&mut Value)) -> Self {
        let stand = Stand::new();
        let mut document = publish(&stand.stage);
        change(&mut document);
        let document = Some(Answer::json(200, &document));
        stand
            .stage
            .answer_always(Endpoint::AuthorizationServerMetadata, document);
        let client = stand.client();
        Self { stand, client }
    }

    /// The user agrees; the code, and the `nonce` that was sent.
    fn code(&self) -> (AuthorizationCode, String, String) {
        let session = Secret::new("session of a user");
        let request = AuthorizationRequest::new(AT).scopes(Scopes::parse("openid").unwrap());
        let authorization = self.client.authorization(&request, &session);
        let (url, pending) = self.stand.run(authorization).unwrap();
        let nonce = url.query_pairs().find(|(name, _)| name == "nonce").unwrap();
        let code = word("code");
        self.stand.hide(&code);
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("code", &code)
            .append_pair("state", pending.state().expose())
            .append_pair("iss", &self.stand.stage.issuer())
            .finish();
        let came = Callback::query(AT, &query).unwrap();
        let judged = self.client.callback(pending, &session, came);
        (self.stand.run(judged).unwrap(), code, nonce.1.into_owned())
    }

    /// The code is redeemed, and the ID token looked at.
    #[track_caller]
    pub fn ends(
        &self,
        kind: Option<&str>,
        requests: usize,
        change: impl FnOnce(&mut Draft),
    ) -> Result<Redeemed, Error> {
        let (redeemable, code, nonce) = self.code();
        let stage = &self.stand.stage;
        let (now, access) = (
            stage.now().timestamp(),
            self.stand.secret(|all| &all.access),
        );
        let mut draft = Draft {
            header: json!({"alg": "ES256", "kid": EC.key_id()}),
            claims: json!({
                "iss": stage.issuer(), "aud": CLIENT, "sub": "somebody", "exp": now + 60,
                "iat": now, "nonce": nonce, "at_hash": half(&access), "c_hash": half(&code),
            }),
            sign: |input| EC.sign(input).unwrap(),
            finish: |token| token,
            keys: Answer::status(404),
            members: json!({"refresh_token": self.stand.secret(|all| &all.refresh)}),
            elsewhere: self.stand.elsewhere.url().to_owned(),
        };
        draft.publish([EC.public_jwk()]);
        change(&mut draft);
        let token = draft.token();
        let signature = token.rsplit('.').next().unwrap();
        if signature.len() < 4096 {
            self.stand.hide(signature);
        }
        let mut answer = draft.members;
        answer["access_token"] = access.into();
        answer["token_type"] = "Bearer".into();
        answer["scope"] = "openid".into();
        answer["id_token"] = token.into();
        stage.answer(Endpoint::Token, Answer::json(200, &answer));
        stage.answer_always(KEYS, Some(draft.keys));
        self.stand
            .look(kind, requests, self.client.redeem(redeemable))
    }

    /// The server, whose keys are there, says that instead of giving tokens for the code.
    #[track_caller]
    pub fn ends_by(&self, answer: Answer, kind: &str) -> Error {
        let (redeemable, ..) = self.code();
        self.stand.stage.answer(Endpoint::Token, answer);
        let redeemed = self.client.redeem(redeemable);
        self.stand.look(Some(kind), 2, redeemed).unwrap_err()
    }
}

/// OpenID Connect Core 3.1.3.6, for ES256 and RS256.
pub fn half(of: &str) -> String {
    use sha2::Digest as _;
    URL_SAFE_NO_PAD.encode(&sha2::Sha256::digest(of.as_bytes())[..16])
}

/// A case: one login, whose ID token is changed so.
pub fn login(
    kind: Option<&'static str>,
    requests: usize,
    change: impl Fn(&mut Draft) + Send + Sync + 'static,
) -> impl Fn() + Send + Sync + 'static {
    move || drop(Login::new().ends(kind, requests, &change))
}
