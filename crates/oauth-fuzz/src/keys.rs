//! Keys that are the same in every run, so that an input means the same. They are worth nothing: whoever reads this
//! can make them.

use std::convert::Infallible;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use pkcs8::EncodePrivateKey as _;
use pkcs8::der::Encode as _;
use pkcs8::pkcs5::pbes2::{EncryptionScheme, Kdf, Parameters, Pbkdf2Params};
use rsa::PrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};
use serde_json::json;
use sha2::{Digest as _, Sha256, Sha384};

/// What the encrypted one is encrypted under.
pub const PASSPHRASE: &str = "correct horse battery staple";

/// A key on P-256, as PKCS#8 in DER.
pub fn p256() -> Vec<u8> {
    p256_key()
        .to_pkcs8_der()
        .map_or_else(|_| Vec::new(), |der| der.as_bytes().to_vec())
}

/// Private keys in every form that is loaded.
pub fn all() -> Vec<Vec<u8>> {
    let ec = p256();
    let sec1 = p256_key()
        .to_sec1_der()
        .map_or_else(|_| Vec::new(), |der| der.to_vec());
    let p384 = p384::SecretKey::from_slice(&Sha384::digest("oauth-fuzz")).ok();
    let p384 = p384.and_then(|key| Some(key.to_pkcs8_der().ok()?.as_bytes().to_vec()));
    let edwards = ed25519_dalek::SigningKey::from_bytes(&Sha256::digest("oauth-fuzz").into());
    let edwards_der = edwards.to_pkcs8_der();
    let edwards_der = edwards_der.map_or_else(|_| Vec::new(), |der| der.as_bytes().to_vec());
    let okp = json!({
        "kty": "OKP", "crv": "Ed25519", "kid": "k", "d": encode(edwards.as_bytes()),
        "x": encode(edwards.verifying_key().as_bytes()),
    });
    let mut keys = vec![
        pem("PRIVATE KEY", &ec),
        pem("EC PRIVATE KEY", &sec1),
        pem("PRIVATE KEY", &edwards_der),
        pem("ENCRYPTED PRIVATE KEY", &encrypted(&ec).unwrap_or_default()),
        okp.to_string().into_bytes(),
        json!({"keys": [{"kty": "EC"}, okp]})
            .to_string()
            .into_bytes(),
        encrypted(&ec).unwrap_or_default(),
        ec,
        sec1,
        edwards_der,
    ];
    keys.extend(p384);
    keys.extend(rsa().unwrap_or_default());
    keys
}

fn p256_key() -> p256::SecretKey {
    p256::SecretKey::from_slice(&Sha256::digest("oauth-fuzz"))
        .unwrap_or_else(|fault| unreachable!("{fault}"))
}

fn rsa() -> Option<[Vec<u8>; 4]> {
    let key = PrivateKey::new(&mut Counter(0), 2048).ok()?;
    let number = |number: &rsa::BoxedUint| encode(&number.to_be_bytes_trimmed_vartime());
    let jwk = json!({
        "kty": "RSA", "alg": "RS256", "n": number(key.n()), "e": number(key.e()),
        "d": number(key.d()),
    });
    let pkcs1 = key.to_pkcs1_der().ok()?.as_bytes().to_vec();
    let pkcs8 = key.to_pkcs8_der().ok()?.as_bytes().to_vec();
    Some([
        pem("RSA PRIVATE KEY", &pkcs1),
        pkcs1,
        pkcs8,
        jwk.to_string().into_bytes(),
    ])
}

fn encrypted(der: &[u8]) -> Option<Vec<u8>> {
    let kdf = Pbkdf2Params::hmac_sha256(1, &[7; 16]).ok()?;
    let parameters = Parameters {
        kdf: Kdf::from(kdf),
        encryption: EncryptionScheme::Aes256Cbc { iv: [7; 16] },
    };
    let data = parameters.encrypt(PASSPHRASE, der).ok()?;
    let scheme = pkcs8::pkcs5::EncryptionScheme::from(parameters);
    let info = pkcs8::EncryptedPrivateKeyInfoOwned {
        encryption_algorithm: scheme,
        encrypted_data: pkcs8::der::asn1::OctetString::new(data).ok()?,
    };
    info.to_der().ok()
}

fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    let lines = lines.join("\n");
    format!("-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n").into_bytes()
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Numbers that look random and are the same in every run.
struct Counter(u64);

impl TryRng for Counter {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(32) {
            self.0 += 1;
            let block = Sha256::digest(self.0.to_be_bytes());
            for (byte, random) in chunk.iter_mut().zip(block) {
                *byte = random;
            }
        }
        Ok(())
    }
}

impl TryCryptoRng for Counter {}

#[cfg(test)]
mod tests {
    use oauth_core::Secret;
    use oauth_core::signing_key::{Algorithm, KeyOptions, SigningKey};

    use super::*;

    #[test]
    fn each_of_them_loads_and_is_the_same_each_time() {
        let keys = all();
        assert_eq!(keys.len(), 15);
        for (at, key) in keys.iter().enumerate() {
            let algorithm = (at >= 11).then_some(Algorithm::RS256);
            let options = KeyOptions {
                algorithm,
                passphrase: Some(Secret::new(PASSPHRASE)),
                ..KeyOptions::default()
            };
            let loaded = SigningKey::load(key, &options);
            assert!(loaded.is_ok(), "{at}: {}", loaded.unwrap_err());
        }
        assert_eq!(keys, all());
    }
}
