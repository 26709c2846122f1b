//! What a tenant takes: thousands of them are one process's.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use oauth_core::client_auth::ClientAuth;
use oauth_core::grant::ClientCredentials;
use oauth_core::server::{AuthorizationServer, ResourceServer};
use oauth_core::{AuthorizedClient, Env, HttpSettings, RenewingToken, Secret, SecretRef};

/// The length of an access token.
const TOKEN: usize = 64;

/// A token endpoint in a thread of its own, whose allocations are not counted.
fn token_endpoint() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || answer_all(stream));
        }
    });
    url
}

fn answer_all(mut stream: TcpStream) {
    let mut requests = BufReader::new(stream.try_clone().unwrap());
    for number in 0.. {
        let mut body = 0;
        loop {
            let mut line = String::new();
            if requests.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(length) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                body = length.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        requests.read_exact(&mut vec![0; body]).unwrap();
        let token = format!("{number:0>TOKEN$}");
        let answer =
            format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":3600}}"#);
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length:";
        let answer = format!("{head} {}\r\n\r\n{answer}", answer.len());
        stream.write_all(answer.as_bytes()).unwrap(); // at once: a delayed segment is 40 ms
    }
}

struct Tenants {
    env: Env,
    server: AuthorizationServer,
    api: ResourceServer,
    secret: SecretRef,
}

impl Tenants {
    async fn connect(&self, id: String) -> AuthorizedClient {
        let client = ClientAuth::secret_basic(&self.env, id, self.secret.clone()).unwrap();
        let grant = ClientCredentials::default();
        let source =
            RenewingToken::client_credentials(&self.env, self.server.clone(), client, grant);
        let client = AuthorizedClient::new(&self.env, self.api.clone(), source.unwrap());
        client.token().await.unwrap();
        client
    }
}

#[test]
fn a_tenant_takes_little_more_than_its_token() {
    const COUNT: u32 = 256; // where maps have just grown
    // one thread, whose allocations are counted; the server's are not
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let env = Env::new(HttpSettings::loopback()).unwrap();
    let tenants = Tenants {
        server: AuthorizationServer::configured(&env, "token_url", &token_endpoint()).unwrap(),
        api: ResourceServer::new(&env, "api_url", "https://api.example/v1").unwrap(),
        secret: SecretRef::given(Secret::new("s3cret")),
        env,
    };
    let first = runtime.block_on(tenants.connect("first".into())); // connections, buffers
    let mut all = Vec::new();
    let counted = allocation_counter::measure(|| {
        runtime.block_on(async {
            for number in 0..COUNT {
                all.push(tenants.connect(format!("tenant-{number}")).await);
            }
        });
    });
    let each = counted.bytes_current / i64::from(COUNT);
    let pieces = counted.count_current / i64::from(COUNT);
    assert!(
        each <= 1240 + i64::try_from(TOKEN).unwrap(),
        "{each} bytes in {pieces} pieces a tenant"
    );
    drop((first, all));
}
