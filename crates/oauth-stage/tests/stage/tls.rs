use std::error::Error;

use std::sync::Arc;

use oauth_stage::{Authority, Certificate, Identity, Socket, Step, Strict};
use reqwest::Version;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

fn client(ca_pem: &str) -> reqwest::Client {
    let root = reqwest::Certificate::from_pem(ca_pem.as_bytes()).unwrap();
    reqwest::Client::builder()
        .tls_certs_only([root])
        .build()
        .unwrap()
}

#[tokio::test]
async fn serves_those_who_trust_its_authority() {
    let stage = Strict::builder().tls().start().await.unwrap();
    assert!(stage.url().starts_with("https://127.0.0.1:"));
    let client = client(stage.ca_pem().unwrap());
    for host in ["127.0.0.1", "localhost"] {
        let url = stage.api_url().replace("127.0.0.1", host);
        let answer = client.get(url).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.version()),
            (401, Version::HTTP_2)
        );
    }
}

#[tokio::test]
async fn speaks_http_1_to_those_who_want_it() {
    let stage = Strict::builder().tls().start().await.unwrap();
    let root = reqwest::Certificate::from_pem(stage.ca_pem().unwrap().as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([root])
        .http1_only()
        .build()
        .unwrap();
    let answer = client.get(stage.api_url()).send().await.unwrap();
    assert_eq!(answer.version(), Version::HTTP_11);
}

#[tokio::test]
async fn shows_a_bad_certificate_when_told_to() {
    for (certificate, why) in [
        (Certificate::Expired, "expired"),
        (Certificate::WrongHost, "not valid for name"),
        (Certificate::SelfSigned, ""),
        (Certificate::UnknownCa, "UnknownIssuer"),
    ] {
        let stage = Strict::builder()
            .certificate(certificate)
            .start()
            .await
            .unwrap();
        let request = client(stage.ca_pem().unwrap()).get(stage.api_url());
        let error = request.send().await.unwrap_err();
        let mut text = String::new();
        let mut source: Option<&dyn Error> = Some(&error);
        while let Some(cause) = source {
            text.push_str(&format!("{cause}; "));
            source = cause.source();
        }
        assert!(
            text.contains("certificate") && text.contains(why),
            "{certificate:?}: {text}"
        );
        assert_eq!((stage.connections(), stage.log().len()), (1, 0));
    }
}

#[tokio::test]
async fn gives_two_servers_one_authority() {
    let authority = Authority::new().unwrap();
    let client = client(&authority.pem());
    let strict = Strict::builder()
        .authority(&authority)
        .start()
        .await
        .unwrap();
    let socket = Socket::builder()
        .authority(&authority)
        .connection(vec![Step::ReadRequest, Step::json(200, &json!({}))])
        .start()
        .await
        .unwrap();
    assert_eq!(client.get(strict.url()).send().await.unwrap().status(), 404);
    assert_eq!(client.get(socket.url()).send().await.unwrap().status(), 200);
    assert!(socket.requests()[0].starts_with(b"GET / HTTP/1.1\r\n"));
}

/// What somebody else's server makes of an identity.
fn acceptor(identity: &Identity) -> TlsAcceptor {
    let chain = CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn vouches_for_a_server_of_another_make() {
    let authority = Authority::new().unwrap();
    let identity = authority.identity().unwrap();
    assert!(!format!("{identity:?}").contains("PRIVATE KEY"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor(&identity).accept(stream).await.unwrap();
        let _ = stream.read(&mut [0; 1024]).await.unwrap();
        let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let answer = client(&authority.pem()).get(url).send().await.unwrap();
    assert_eq!(answer.status(), 204);
    server.await.unwrap();
}
