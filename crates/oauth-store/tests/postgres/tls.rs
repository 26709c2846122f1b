//! TLS by the URL.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use oauth_core::error::StoreFault;
use oauth_store::PostgresStore;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::support::{Server, keys};
use crate::{id, renew, value};
use oauth_core::record::RecordStore as _;

#[tokio::test]
async fn a_server_proves_its_name_by_the_root_that_the_url_names() {
    let root_key = KeyPair::generate().unwrap();
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_pem = root.self_signed(&root_key).unwrap().pem();
    let issuer = Issuer::new(root, root_key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let server = Server::prepared(|folder| {
        let (certificate, secret) = (folder.join("server.crt"), folder.join("server.key"));
        fs::write(&certificate, leaf.pem()).unwrap();
        fs::write(&secret, key.serialize_pem()).unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        format!(
            "ssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'",
            certificate.display(),
            secret.display()
        )
    });
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("root.pem");
    fs::write(&trusted, root_pem).unwrap();
    let trusted = trusted.display();

    let named = server.url.replace("127.0.0.1", "localhost");
    let keys = keys::new();
    let url = format!("{named}?sslmode=verify-full&sslrootcert={trusted}");
    let store = PostgresStore::connect(&url, keys.clone()).await.unwrap();
    renew(&store, "a", "1").await;
    assert_eq!(
        store.load(&id("a")).await.unwrap().unwrap().value,
        Some(value("1"))
    );

    let unnamed = format!("{}?sslmode=verify-full&sslrootcert={trusted}", server.url);
    let unknown = format!("{named}?sslmode=verify-full");
    for url in [unnamed, unknown] {
        let error = PostgresStore::connect(&url, keys.clone())
            .await
            .unwrap_err();
        assert_eq!(error.fault(), StoreFault::Unavailable, "{error}");
        assert!(error.to_string().contains("certificate"), "{error}");
    }
}
