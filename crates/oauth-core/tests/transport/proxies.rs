//! Proxies: what they answer is no answer of the server, and their credentials are theirs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oauth_core::error::ErrorKind;
use oauth_core::http::{HttpSettings, Proxy};
use oauth_core::secret::Secret;
use oauth_core::server::DiscoveryKind;
use oauth_stage::{Endpoint, Socket, Step, Strict};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Wanted, clock, env_with, impatient, strict_builder};
use crate::{IN_BODY, ask_of, says, socket};

const USER: &str = "the-proxy-user";
const PASSWORD: &str = "canary-of-the-proxy";

/// A wanted token of that server, by way of a proxy at that address.
fn through(proxy: &str, stage: &Strict, change: impl FnOnce(&mut HttpSettings)) -> Wanted {
    let env = env_with(&clock(), |settings| {
        change(settings);
        settings.ca_roots = vec![stage.ca_pem().unwrap().to_owned()];
        let proxy = format!("http://{USER}:{PASSWORD}@{proxy}");
        settings.proxy = Proxy::Url(Secret::new(proxy));
    });
    assert!(!format!("{env:?}").contains(PASSWORD));
    Wanted::of(&env, stage)
}

#[tokio::test]
async fn a_proxy_that_opens_no_way_is_no_connection_and_the_server_sees_nothing() {
    let html = format!("<html>{IN_BODY}</html>");
    let length = html.len();
    for (case, script, kinds) in [
        (
            "407",
            says(
                "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n",
            ),
            &[ErrorKind::Connect][..],
        ),
        (
            "403 with a page",
            says(&format!(
                "HTTP/1.1 403 Forbidden\r\ncontent-type: text/html\r\ncontent-length: {length}\r\n\r\n{html}"
            )),
            &[ErrorKind::Connect],
        ),
        (
            "a page behind a way that is none",
            says(&format!("HTTP/1.1 200 OK\r\n\r\n{html}")),
            &[ErrorKind::Connect, ErrorKind::Tls],
        ),
        ("garbage", says(&html), &[ErrorKind::Connect]),
        (
            "a FIN",
            vec![Step::ReadRequest, Step::Close],
            &[ErrorKind::Connect],
        ),
        (
            "silence",
            vec![Step::ReadRequest, Step::UntilPeerCloses],
            &[ErrorKind::Timeout],
        ),
    ] {
        let clock = clock();
        let stage = strict_builder(&clock).tls().start().await.unwrap();
        let proxy = socket(script).await;
        let address = proxy.url().trim_start_matches("http://");
        let wanted = through(address, &stage, |settings| {
            if case == "silence" {
                impatient(settings);
            }
        });
        let error = ask_of(wanted).await.unwrap_err();
        assert!(kinds.contains(&error.kind()), "{case}: {error:?}");
        let credentials = STANDARD.encode(format!("{USER}:{PASSWORD}"));
        for secret in [PASSWORD, &credentials] {
            assert!(!format!("{error:?}").contains(secret), "{case}: {error:?}");
        }
        assert_eq!(stage.connections(), 0, "{case}");
        let asked = String::from_utf8(proxy.requests().remove(0)).unwrap();
        assert!(asked.starts_with("CONNECT 127.0.0.1:"), "{asked}");
        assert!(asked.contains(&credentials), "{asked}");
    }
}

/// A proxy that opens every way it is asked for.
async fn open_proxy() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(open_way(stream));
        }
    });
    address
}

async fn open_way(stream: TcpStream) -> std::io::Result<()> {
    let mut client = BufReader::new(stream);
    let mut first = String::new();
    client.read_line(&mut first).await?;
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        client.read_line(&mut line).await?;
    }
    let target = first.split(' ').nth(1).unwrap_or_default();
    let mut server = TcpStream::connect(target).await?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

#[tokio::test]
async fn r012_the_credentials_of_a_proxy_go_to_the_proxy_alone() {
    let stage = strict_builder(&clock()).tls().start().await.unwrap();
    ask_of(through(&open_proxy().await, &stage, |_| ()))
        .await
        .unwrap();
    assert_eq!(stage.count(Endpoint::Token), 1);
    let headers = stage.log()[0].headers().clone();
    assert!(headers.get("proxy-authorization").is_none(), "{headers:?}");
}

#[tokio::test]
async fn a_proxy_named_by_a_private_host_is_the_way_to_a_foreign_endpoint() {
    let issuer = "http://127.0.0.1:9";
    let metadata = json!({
        "issuer": issuer,
        "token_endpoint": "https://elsewhere.example/token",
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
    });
    let refuses = says("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
    let proxy = Socket::builder()
        .connection(vec![Step::ReadRequest, Step::json(200, &metadata)])
        .connection(refuses.clone())
        .connection(refuses.clone())
        .connection(refuses)
        .start()
        .await
        .unwrap();
    let env = env_with(&clock(), |settings| {
        let named = proxy.url().replace("127.0.0.1", "localhost");
        settings.proxy = Proxy::Url(Secret::new(named));
    });
    let wanted = Wanted::discovered(&env, issuer, DiscoveryKind::OAuth);
    let error = ask_of(wanted).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
    let asked = String::from_utf8(proxy.requests().remove(1)).unwrap();
    assert!(
        asked.starts_with("CONNECT elsewhere.example:443 "),
        "{asked}"
    );
}

#[tokio::test]
async fn a_proxy_that_is_no_url_is_refused_without_showing_it() {
    let mut settings = crate::support::settings();
    settings.proxy = Proxy::Url(Secret::new(format!("http://{USER}:{PASSWORD}@[broken")));
    let error = oauth_core::env::Env::new(settings).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(!format!("{error:?}").contains(PASSWORD), "{error:?}");
}
