//! reqwest with a header that was made once: nobody who sends requests with it gets below that.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA384, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::HeaderValue;
use http::header::AUTHORIZATION;
use oauth_core::HttpSettings;
use reqwest::{Client, ClientBuilder};
use serde_json::{Value, json};

use crate::call::Call;
use crate::subject::{Fault, Subject};

/// A client with one token for ever.
#[derive(Debug)]
pub struct Floor {
    http: Client,
    api: reqwest::Url,
    token_url: String,
    token: Arc<str>,
    header: HeaderValue,
    key: Arc<Key>,
}

/// What is shared.
#[derive(Debug)]
pub struct Shared {
    http: Client,
    api: reqwest::Url,
    token_url: String,
    key: Arc<Key>,
}

/// What signs, parsed once.
#[derive(Debug)]
enum Key {
    None,
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
}

impl Key {
    fn load(call: &Call) -> Result<Self, Fault> {
        let Some(algorithm) = call.algorithm() else {
            return Ok(Self::None);
        };
        let pem = std::fs::read_to_string(call.key(algorithm)?)?;
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(body)?;
        Ok(match algorithm {
            "RS384" => Self::Rsa(RsaKeyPair::from_pkcs8(&der)?),
            "ES384" => Self::Ec(EcdsaKeyPair::from_pkcs8(
                &ECDSA_P384_SHA384_FIXED_SIGNING,
                &der,
            )?),
            _ => return Err(format!("nothing here signs {algorithm}").into()),
        })
    }

    /// A text as long as an assertion, and its signature where there is a key.
    fn assertion(&self) -> Result<String, Fault> {
        const SIGNED: usize = 290;
        let text = "e".repeat(SIGNED);
        let random = SystemRandom::new();
        let signature = match self {
            Self::None => vec![0; 256],
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA384, &random, text.as_bytes(), &mut signature)?;
                signature
            }
            Self::Ec(key) => key.sign(&random, text.as_bytes())?.as_ref().to_vec(),
        };
        Ok(format!("a.b.{text}{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// The client; with `alike=1` it has the deadline that ours has.
fn client(call: &Call) -> Result<ClientBuilder, Fault> {
    let bare = Client::builder().no_proxy().tcp_nodelay(true);
    let ours = HttpSettings::default();
    Ok(match call.number("alike", 0)? {
        0 => bare,
        _ => bare.timeout(ours.api_timeout),
    })
}

impl Subject for Floor {
    type Shared = Shared;
    type Token = Arc<str>;

    fn meta() -> Value {
        let none = "no token is ever renewed";
        json!({
            "name": "reqwest with a header made once",
            "version": "reqwest 0.13",
            "margin_s": 0,
            "skip": {"herd": none, "expiry": none, "revoke": none, "mem": none, "refused": none},
        })
    }

    fn share(call: &Call) -> Result<Shared, Fault> {
        Ok(Shared {
            http: client(call)?.build()?,
            api: call.url("api").parse()?,
            token_url: call.url("token"),
            key: Key::load(call)?.into(),
        })
    }

    async fn connect(shared: &Shared, _: Option<u64>) -> Result<Self, Fault> {
        let answer: Value = shared
            .http
            .post(&shared.token_url)
            .basic_auth("client", Some("s3cret"))
            .form(&[("grant_type", "client_credentials")])
            .send()
            .await?
            .json()
            .await?;
        let token = answer["access_token"].as_str().ok_or("there is no token")?;
        let mut header = HeaderValue::try_from(format!("Bearer {token}"))?;
        header.set_sensitive(true);
        Ok(Self {
            http: shared.http.clone(),
            api: shared.api.clone(),
            token_url: shared.token_url.clone(),
            token: token.into(),
            header,
            key: shared.key.clone(),
        })
    }

    async fn token(&self) -> Result<Arc<str>, Fault> {
        Ok(self.token.clone())
    }

    /// The request and the signature alone: a form as long as one with an assertion.
    async fn fetch(&self) -> Result<(), Fault> {
        let assertion = self.key.assertion()?;
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "client"),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", &assertion),
        ];
        let answer = self.http.post(&self.token_url).form(&form).send().await?;
        answer.error_for_status()?.json::<Value>().await?;
        Ok(())
    }

    async fn call(&self) -> Result<u16, Fault> {
        let request = self.http.get(self.api.clone());
        let answer = request
            .header(AUTHORIZATION, self.header.clone())
            .send()
            .await?;
        let status = answer.status().as_u16();
        answer.bytes().await?;
        Ok(status)
    }
}
