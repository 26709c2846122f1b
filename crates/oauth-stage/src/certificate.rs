//! A certificate authority made for the run, and server certificates, good and bad.

use std::io;
use std::sync::Arc;

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};

use crate::strict::dpop::certificate_thumbprint;

/// What the server shows to those who connect over TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Certificate {
    /// Valid, for `127.0.0.1`, `::1` and `localhost`, by the authority of the run.
    #[default]
    Good,
    /// As `Good`, but its time is over.
    Expired,
    /// As `Good`, but for a host that nobody here has.
    WrongHost,
    /// Signed by its own key.
    SelfSigned,
    /// As `Good`, but by another authority than the one whose PEM is handed out.
    UnknownCa,
}

/// A certificate authority that exists for this run only. Give the same one to several servers
/// where a client has to trust them all.
#[derive(Clone)]
pub struct Authority(Arc<CertifiedIssuer<'static, KeyPair>>);

impl Authority {
    /// Makes the key and the root certificate.
    ///
    /// # Errors
    /// When the system's cryptography fails.
    pub fn new() -> io::Result<Self> {
        let mut root = CertificateParams::default();
        root.distinguished_name
            .push(DnType::CommonName, "oauth-stage root, made for one run");
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        CertifiedIssuer::self_signed(root, key)
            .map(|issuer| Self(Arc::new(issuer)))
            .map_err(io::Error::other)
    }

    /// The root certificate, for the client's list of roots.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A new good certificate with its key, for a server that is not of this crate.
    ///
    /// # Errors
    /// When the system's cryptography fails.
    pub fn identity(&self) -> io::Result<Identity> {
        let (certificate, key) = self.leaf(Certificate::Good).map_err(io::Error::other)?;
        Ok(Identity {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }

    /// A new certificate with its key for a client of that DNS name (RFC 8705 2.1).
    ///
    /// # Errors
    /// When the system's cryptography fails.
    pub fn client_identity(&self, name: &str) -> io::Result<Identity> {
        let made = || {
            let (leaf, key) = client_leaf(name)?;
            Ok::<_, rcgen::Error>((leaf.signed_by(&key, &self.0)?, key))
        };
        Identity::of(made())
    }

    /// Whether a certificate is by this authority.
    pub(crate) fn client_verifier(&self) -> io::Result<Arc<dyn ClientCertVerifier>> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.0.der().clone()).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.build().map_err(io::Error::other)
    }

    /// What a server needs to show a certificate of this kind.
    pub(crate) fn server_config(
        &self,
        kind: Certificate,
        protocols: &[&str],
        asks_for_certificates: bool,
    ) -> io::Result<Arc<rustls::ServerConfig>> {
        let (certificate, key) = self.leaf(kind).map_err(io::Error::other)?;
        let chain = vec![certificate.der().clone()];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(io::Error::other)?;
        let builder = match asks_for_certificates {
            true => builder.with_client_cert_verifier(Arc::new(AnyCertificate(provider))),
            false => builder.with_no_client_auth(),
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(io::Error::other)?;
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        Ok(Arc::new(config))
    }

    fn leaf(&self, kind: Certificate) -> Result<(rcgen::Certificate, KeyPair), rcgen::Error> {
        let names = match kind {
            Certificate::WrongHost => vec!["elsewhere.invalid".to_owned()],
            _ => ["127.0.0.1", "::1", "localhost"]
                .map(str::to_owned)
                .to_vec(),
        };
        let mut leaf = CertificateParams::new(names)?;
        leaf.distinguished_name
            .push(DnType::CommonName, "oauth-stage server");
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        // some platforms refuse servers whose certificates are valid for years
        let (from, to) = match kind {
            Certificate::Expired => ((2020, 1, 1), (2020, 2, 1)),
            _ => (day(-2), day(30)),
        };
        leaf.not_before = date_time_ymd(from.0, from.1, from.2);
        leaf.not_after = date_time_ymd(to.0, to.1, to.2);
        let key = KeyPair::generate()?;
        let certificate = match kind {
            Certificate::SelfSigned => leaf.self_signed(&key)?,
            Certificate::UnknownCa => {
                let stranger = CertificateParams::default();
                let stranger = CertifiedIssuer::self_signed(stranger, KeyPair::generate()?)?;
                leaf.signed_by(&key, &stranger)?
            }
            _ => leaf.signed_by(&key, &self.0)?,
        };
        Ok((certificate, key))
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority { key: [redacted] }")
    }
}

/// What a server shows to those who connect over TLS, for `127.0.0.1`, `::1` and `localhost`.
pub struct Identity {
    /// The certificate, in PEM.
    pub certificate_pem: String,
    /// Its private key: PKCS#8, in PEM.
    pub key_pem: String,
}

impl Identity {
    /// A certificate that its own key has signed, for a client of that DNS name (RFC 8705 2.2).
    ///
    /// # Errors
    /// When the system's cryptography fails.
    pub fn self_signed(name: &str) -> io::Result<Self> {
        let made = || {
            let (leaf, key) = client_leaf(name)?;
            Ok((leaf.self_signed(&key)?, key))
        };
        Self::of(made())
    }

    fn of(made: Result<(rcgen::Certificate, KeyPair), rcgen::Error>) -> io::Result<Self> {
        let (certificate, key) = made.map_err(io::Error::other)?;
        Ok(Self {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }

    /// The `x5t#S256` of the certificate (RFC 8705 3.1).
    pub fn thumbprint(&self) -> String {
        let der = CertificateDer::from_pem_slice(self.certificate_pem.as_bytes());
        der.map(|der| certificate_thumbprint(&der))
            .unwrap_or_default()
    }
}

fn client_leaf(name: &str) -> Result<(CertificateParams, KeyPair), rcgen::Error> {
    let mut leaf = CertificateParams::new(vec![name.to_owned()])?;
    leaf.distinguished_name.push(DnType::CommonName, name);
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let (from, to) = (day(-2), day(30));
    leaf.not_before = date_time_ymd(from.0, from.1, from.2);
    leaf.not_after = date_time_ymd(to.0, to.1, to.2);
    Ok((leaf, KeyPair::generate()?))
}

/// Takes any certificate whose key the client has: whose it is, is a question of its registration.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Prints no key.
impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("certificate_pem", &self.certificate_pem)
            .finish_non_exhaustive()
    }
}

/// The real day, not the stage's: clients judge certificates by their own system's clock.
fn day(offset: i64) -> (i32, u8, u8) {
    let date: DateTime<Utc> = Utc::now() + TimeDelta::days(offset);
    let small = |number: u32| u8::try_from(number).unwrap_or(1);
    (date.year(), small(date.month()), small(date.day()))
}
