//! One proof: a JWT for one request, made anew for each (RFC 9449 4.2).

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use http::{HeaderName, HeaderValue, Method};
use serde::Serialize;
use serde_json::Value;
use url::{Position, Url};

use crate::binding::ProofKey;
use crate::client_auth::apply::{fresh_name, signature};
use crate::error::{Error, ErrorKind};
use crate::secret::Secret;

/// The header of a request that bears a proof (RFC 9449 4.1).
pub(crate) const DPOP: HeaderName = HeaderName::from_static("dpop");
/// What a server says that wants a nonce, or another one (RFC 9449 8, 9).
pub(crate) const USE_NONCE: &str = "use_dpop_nonce";

#[derive(Serialize)]
struct Header<'a> {
    typ: &'static str,
    alg: &'static str,
    jwk: &'a Value,
}

#[derive(Serialize)]
struct Claims<'a> {
    jti: String,
    htm: &'a str,
    htu: &'a str,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ath: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
}

/// What a proof is of.
#[derive(Debug)]
pub(crate) struct Statement<'a> {
    pub method: &'a Method,
    /// Its query and fragment are left out (RFC 9449 4.2).
    pub url: &'a Url,
    /// Now, by the server's clock.
    pub now: DateTime<Utc>,
    /// The token that is shown with it; none at the token endpoint (RFC 9449 7).
    pub access_token: Option<&'a Secret>,
    /// What the server wants in it.
    pub nonce: Option<Arc<str>>,
    /// How long a signer may take.
    pub patience: Duration,
}

impl ProofKey {
    /// A proof as the value of a header, marked sensitive.
    pub(crate) async fn prove(&self, statement: &Statement<'_>) -> Result<HeaderValue, Error> {
        let url = statement.url;
        let header = Header {
            typ: "dpop+jwt",
            alg: self.signer.algorithm().name(),
            jwk: &self.jwk,
        };
        let claims = Claims {
            jti: fresh_name()?,
            htm: statement.method.as_str(),
            htu: &url[..Position::AfterPath],
            iat: statement.now.timestamp(),
            ath: statement
                .access_token
                .map(|token| URL_SAFE_NO_PAD.encode(digest(&SHA256, token.expose().as_bytes()))),
            nonce: statement.nonce.as_deref(),
        };
        let mut proof = String::with_capacity(1024);
        encode(&header, &mut proof)?;
        proof.push('.');
        encode(&claims, &mut proof)?;
        let signer = &*self.signer;
        let signature = signature(signer, proof.as_bytes(), statement.patience).await?;
        proof.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut proof);
        let mut value = HeaderValue::try_from(proof).map_err(|_| unmakeable("fits no header"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

fn encode(part: &impl Serialize, into: &mut String) -> Result<(), Error> {
    let json = serde_json::to_vec(part).map_err(|_| unmakeable("cannot be encoded"))?;
    URL_SAFE_NO_PAD.encode_string(json, into);
    Ok(())
}

fn unmakeable(why: &str) -> Error {
    Error::new(ErrorKind::Credential, format!("a proof {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing_key::Algorithm;
    use chrono::DateTime;

    fn part(proof: &HeaderValue, number: usize) -> Value {
        let text = proof.to_str().unwrap().split('.').nth(number).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    }

    fn statement<'a>(url: &'a Url, token: Option<&'a Secret>) -> Statement<'a> {
        Statement {
            method: &Method::GET,
            url,
            now: DateTime::from_timestamp(1_767_225_600, 999_000_000).unwrap(),
            access_token: token,
            nonce: None,
            patience: Duration::from_secs(1),
        }
    }

    #[tokio::test]
    async fn r150_a_proof_names_its_request_and_shows_the_public_key_alone() {
        for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA] {
            let key = ProofKey::generate(algorithm).unwrap();
            let url: Url = "https://a.example:8443/api/x%20y?q=1#f".parse().unwrap();
            let proof = key.prove(&statement(&url, None)).await.unwrap();
            assert!(proof.is_sensitive());
            let (header, claims) = (part(&proof, 0), part(&proof, 1));
            assert_eq!(header["typ"], "dpop+jwt");
            assert_eq!(header["alg"], algorithm.name());
            assert_eq!(header.as_object().unwrap().len(), 3);
            for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
                assert_eq!(header["jwk"].get(private), None, "{header}");
            }
            assert_eq!(claims["htm"], "GET");
            assert_eq!(claims["htu"], "https://a.example:8443/api/x%20y");
            assert_eq!(claims["iat"], 1_767_225_600);
            assert!(claims["jti"].as_str().unwrap().len() >= 22);
            assert_eq!(claims.as_object().unwrap().len(), 4, "{claims}");
        }
    }

    /// The token and its hash are RFC 9449 7.1's.
    #[tokio::test]
    async fn r152_ath_is_of_the_token_that_is_shown_and_else_absent() {
        let key = ProofKey::generate(Algorithm::ES256).unwrap();
        let url: Url = "https://resource.example.org/protectedresource"
            .parse()
            .unwrap();
        let token = Secret::new("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
        let proof = key.prove(&statement(&url, Some(&token))).await.unwrap();
        let ath = "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo";
        assert_eq!(part(&proof, 1)["ath"], ath);
        let proof = key.prove(&statement(&url, None)).await.unwrap();
        assert_eq!(part(&proof, 1).get("ath"), None);
    }

    #[tokio::test]
    async fn r151_no_two_proofs_have_one_jti() {
        let key = ProofKey::generate(Algorithm::ES256).unwrap();
        let url: Url = "https://a.example/".parse().unwrap();
        let mut names = std::collections::HashSet::new();
        for _ in 0..200 {
            let proof = key.prove(&statement(&url, None)).await.unwrap();
            assert!(names.insert(part(&proof, 1)["jti"].to_string()));
        }
    }
}
