//! Keys that do not load, signers that do not sign, and a key that a server does not know.

use std::sync::Arc;

use aws_lc_rs::rsa::KeySize;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use oauth_core::client_auth::{Audience, ClientAuth};
use oauth_core::error::Recovery;
use oauth_core::signing_key::{Algorithm, Signer, SignerError, SigningKey};

use super::{ES384, Lock, PASSPHRASE, RS384, other, refuses};
use crate::make::{self, int, octets, oid, pem, pkcs8_of, seq, tlv};
use crate::support::{CLIENT, Wanted};
use crate::table::{Row, row};

pub fn rows() -> Vec<Row> {
    let mut rows = numbers();
    rows.extend(sorts());
    rows.extend(encrypted());
    rows.extend(files());
    rows.extend(text());
    rows.extend(signers());
    rows
}

/// An RSA key with something changed.
fn rsa(change: fn(&mut make::Rsa)) -> impl Fn() -> Vec<u8> + Send + Sync {
    move || {
        let mut key = make::rsa();
        change(&mut key);
        pem("PRIVATE KEY", &key.pkcs8()).into_bytes()
    }
}

fn pkcs8(der: impl Fn() -> Vec<u8> + Send + Sync) -> impl Fn() -> Vec<u8> + Send + Sync {
    move || pem("PRIVATE KEY", &der()).into_bytes()
}

/// A key whose curve is named so.
fn on_the_curve(curve: &'static str) -> impl Fn() -> Vec<u8> + Send + Sync {
    move || {
        let key = make::p256().sec1_with(&[]);
        let algorithm = seq(&[&oid(make::EC), &oid(curve)]);
        pem("PRIVATE KEY", &pkcs8_of(&algorithm, &key)).into_bytes()
    }
}

fn numbers() -> Vec<Row> {
    let invalid = "";
    vec![
        row("KEY-004")
            .own(refuses(
                "2047 bits",
                RS384,
                rsa(|key| key.n[0] = 0x40 | (key.n[0] & 0x3f)),
            ))
            .own(refuses(
                "16384 bits",
                RS384,
                rsa(|key| key.n = vec![0xff; 2048]),
            )),
        row("KEY-005")
            .own(refuses(invalid, RS384, rsa(|key| key.e = vec![1])))
            .own(refuses(invalid, RS384, rsa(|key| key.e = vec![1, 0, 0])))
            .own(refuses(
                invalid,
                RS384,
                rsa(|key| key.n = make::rsa_of(KeySize::Rsa2048).n),
            ))
            .own(refuses(invalid, RS384, rsa(|key| key.q = key.p.clone()))),
        row("KEY-015")
            .own(refuses(invalid, None, || scalar(&[0; 32])))
            .own(refuses(invalid, None, || scalar(&ORDER)))
            .own(refuses(invalid, None, || scalar(&[0xff; 32])))
            .own(refuses(invalid, None, || {
                let point = make::p256().point;
                pem(
                    "EC PRIVATE KEY",
                    &make::Ec {
                        point,
                        ..make::p256()
                    }
                    .sec1(),
                )
                .into_bytes()
            })),
    ]
}

/// The order of P-256.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
    0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

fn scalar(scalar: &[u8]) -> Vec<u8> {
    let key = seq(&[&int(&[1]), &octets(scalar), &tlv(0xa0, &[&oid(make::P256)])]);
    pem("EC PRIVATE KEY", &key).into_bytes()
}

fn sorts() -> Vec<Row> {
    let kind =
        |dotted: &'static str| pkcs8(move || pkcs8_of(&seq(&[&oid(dotted)]), &octets(&[7; 32])));
    vec![
        row("KEY-008").own(refuses(
            "1.2.840.113549.1.1.10",
            RS384,
            pkcs8(|| make::rsa().pss(&[])),
        )),
        row("KEY-013")
            .own(refuses("P-521", ES384, on_the_curve("1.3.132.0.35")))
            .own(refuses("secp256k1", ES384, on_the_curve("1.3.132.0.10")))
            .own(refuses(
                "brainpool",
                ES384,
                on_the_curve("1.3.36.3.3.2.8.1.1.11"),
            )),
        row("KEY-014").own(refuses("spells out", ES384, spelled_out)),
        row("KEY-016").own(refuses("Ed25519", RS384, pkcs8(|| make::ed25519().pkcs8()))),
        row("KEY-017")
            .own(refuses("DSA", RS384, kind("1.2.840.10040.4.1")))
            .own(refuses(
                "Diffie-Hellman",
                RS384,
                kind("1.2.840.113549.1.3.1"),
            ))
            .own(refuses("X25519", RS384, kind("1.3.101.110"))),
    ]
}

fn spelled_out() -> Vec<u8> {
    let key = make::p256();
    let field = seq(&[&oid("1.2.840.10045.1.1"), &int(&[0xff; 32])]);
    let curve = seq(&[&octets(&[0; 32]), &octets(&[7; 32])]);
    let explicit = seq(&[
        &int(&[1]),
        &field,
        &curve,
        &octets(&key.point),
        &int(&[0xff; 32]),
    ]);
    pem("EC PRIVATE KEY", &key.sec1_with(&explicit)).into_bytes()
}

/// As OpenSSL encrypts it (PBES2).
fn under(passphrase: &str) -> Vec<u8> {
    use pkcs8::der::Encode as _;
    use pkcs8::pkcs5::pbes2::Parameters;
    let salt = make::random::<16>();
    let parameters =
        Parameters::generate_pbkdf2_sha256_aes256cbc(2048, &salt, make::random()).unwrap();
    let data = parameters
        .encrypt(passphrase, &make::p256().pkcs8())
        .unwrap();
    let scheme = pkcs8::pkcs5::EncryptionScheme::from(parameters);
    let der = seq(&[&scheme.to_der().unwrap(), &octets(&data)]);
    pem("ENCRYPTED PRIVATE KEY", &der).into_bytes()
}

fn encrypted() -> Vec<Row> {
    vec![
        row("KEY-018").own(refuses("passphrase", None, || under(PASSPHRASE))),
        row("KEY-019").own(a_wrong_passphrase),
        row("KEY-021").own(refuses("openssl pkcs8 -topk8", RS384, || {
            let body = STANDARD.encode(make::random::<64>());
            format!(
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n{body}\n\
                 -----END RSA PRIVATE KEY-----\n"
            )
            .into_bytes()
        })),
    ]
}

/// Every wrong passphrase is refused in the same words.
fn a_wrong_passphrase() {
    use oauth_core::client_auth::KeyConfig;
    use oauth_core::secret::SecretRef;
    let mut said = Vec::new();
    for wrong in ["", "wrong", "canary: another passphrase"] {
        let lock = Lock::new(&other(), &under(PASSPHRASE), None);
        lock.stand.hide(wrong);
        super::write(&lock.folder.path().join("passphrase"), wrong.as_bytes());
        let file = |name| SecretRef::file(lock.folder.path().join(name));
        let flow = async {
            let mut key: KeyConfig =
                oauth_core::config::parse(serde_json::json!({"source": "env:KEY"}))?;
            key.source = file("key");
            key.passphrase = Some(file("passphrase"));
            let env = &lock.stand.env;
            ClientAuth::private_key_jwt(env, CLIENT, &key, Audience::TokenEndpoint)
        };
        let error = lock.stand.look(Some("Config"), 0, flow).unwrap_err();
        let folder = lock.folder.path().display().to_string();
        said.push(error.to_string().replace(&folder, ""));
    }
    assert_eq!(said[1], said[2]);
}

fn files() -> Vec<Row> {
    vec![
        row("KEY-022")
            .own(refuses("PKCS#12", RS384, || {
                let inner = [
                    &oid("1.2.840.113549.1.7.1")[..],
                    &tlv(0xa0, &[&octets(&[1])]),
                ];
                seq(&[&int(&[3]), &seq(&inner)])
            }))
            .own(refuses("FEEDFEED", RS384, || {
                vec![0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2]
            }))
            .own(refuses("ssh-keygen", RS384, || {
                pem("OPENSSH PRIVATE KEY", b"openssh-key-v1\0none").into_bytes()
            }))
            .own(refuses("PuTTY", RS384, || {
                b"PuTTY-User-Key-File-3: ssh-rsa\r\nEncryption: none\r\n".to_vec()
            }))
            .own(refuses("age -d", RS384, || {
                b"age-encryption.org/v1\n-> X25519 abc\n".to_vec()
            })),
        row("KEY-025").own(refuses("private key", RS384, || {
            pem("PUBLIC KEY", &make::rsa().spki()).into_bytes()
        })),
        row("KEY-027").own(refuses("2 private keys", None, || {
            let [one, two] = [make::p256(), make::p256()];
            let text = [one, two].map(|key| pem("PRIVATE KEY", &key.pkcs8()));
            text.concat().into_bytes()
        })),
    ]
}

/// A text of a key with something changed.
fn spoilt(change: fn(String) -> String) -> impl Fn() -> Vec<u8> + Send + Sync {
    move || change(pem("PRIVATE KEY", &make::rsa().pkcs8())).into_bytes()
}

fn text() -> Vec<Row> {
    vec![
        row("KEY-032")
            .own(refuses(
                "`\\n`",
                RS384,
                spoilt(|text| text.replace('\n', "\\n")),
            ))
            .own(refuses(
                "line breaks",
                RS384,
                spoilt(|text| text.replace('\n', "\\r\\n")),
            )),
        row("KEY-033").own(refuses(
            "base64 -d",
            RS384,
            spoilt(|text| STANDARD.encode(text)),
        )),
        row("KEY-035")
            .own(refuses(
                "no END line",
                RS384,
                spoilt(|text| text[..text.len() / 2].to_owned()),
            ))
            .own(refuses("", RS384, || {
                let der = make::rsa().pkcs8();
                der[..der.len() / 2].to_vec()
            })),
        row("KEY-036")
            .own(refuses(
                "ends as",
                RS384,
                spoilt(|text| text.replace("END PRIVATE", "END RSA PRIVATE")),
            ))
            .own(refuses(
                "no END line",
                RS384,
                spoilt(|text| text.replace("-----END PRIVATE KEY-----", "")),
            )),
    ]
}

fn signers() -> Vec<Row> {
    vec![
        row("KEY-043").own(|| {
            let key = SigningKey::generate(Algorithm::ES256).unwrap();
            let text = key.to_pkcs8_pem().unwrap();
            let lock = Lock::new(&other(), text.expose().as_bytes(), None);
            let error = lock.ends(Some("OAuth"), 1).unwrap_err();
            assert_eq!(error.oauth().unwrap().code, "invalid_client");
            assert_eq!(error.recovery(), Recovery::FixConfig);
        }),
        row("KEY-044")
            .own(|| signer(Answer::Fails(SignerError::passing("timeout")), true))
            .own(|| signer(Answer::Fails(SignerError::passing("throttled")), true))
            .own(|| signer(Answer::Der, false))
            .own(|| signer(Answer::Short, false))
            .own(|| signer(Answer::Fails(SignerError::lasting("no permission")), false))
            .elsewhere("lib takes_a_signature_with_a_high_or_a_low_s")
            .elsewhere("lib turns_the_der_of_a_kms_into_the_form_of_jws"),
        row("KEY-045")
            .elsewhere("lib a_failed_source_of_random_bytes_has_a_kind_and_words_of_its_own"),
    ]
}

/// What a KMS answers.
#[derive(Clone, Debug)]
enum Answer {
    Fails(SignerError),
    Der,
    Short,
}

#[derive(Debug)]
struct Kms(Answer);

impl Signer for Kms {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }

    fn key_id(&self) -> &str {
        "kms"
    }

    fn sign<'a>(&'a self, _: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, SignerError>> {
        let answer = match &self.0 {
            Answer::Fails(fault) => Err(fault.clone()),
            Answer::Der => Ok(seq(&[&int(&[7; 32]), &int(&[7; 32])])),
            Answer::Short => Ok(vec![7; 63]),
        };
        Box::pin(std::future::ready(answer))
    }
}

/// Nothing is sent that is not signed.
fn signer(answer: Answer, may_pass: bool) {
    let known = other();
    let text = known.to_pkcs8_pem().unwrap();
    let lock = Lock::new(&known, text.expose().as_bytes(), None);
    let kms = Arc::new(Kms(answer));
    let client = ClientAuth::signer(CLIENT, kms, Audience::TokenEndpoint).unwrap();
    let wanted = Wanted::of(&lock.stand.env, &lock.stand.stage).client(client);
    let ended = lock.stand.look(Some("Credential"), 0, wanted.token());
    let recovery = ended.unwrap_err().recovery();
    assert_eq!(matches!(recovery, Recovery::Retry { .. }), may_pass);
}
