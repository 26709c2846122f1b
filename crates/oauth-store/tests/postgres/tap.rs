//! What stands between a store and its server: it counts round trips, and falls silent when told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use url::Url;

/// A forwarder to a server. It ends with this value.
pub(crate) struct Tap {
    /// Where a store connects.
    pub(crate) url: String,
    seen: Arc<Seen>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    /// How often the client spoke after the server had.
    turns: AtomicUsize,
    client_spoke: AtomicBool,
    connections: AtomicUsize,
    silent: AtomicBool,
}

impl Tap {
    /// A forwarder to the server of that URL.
    pub(crate) async fn before(url: &str) -> Self {
        let mut url = Url::parse(url).unwrap();
        let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port()))
            .unwrap();
        let seen = Arc::<Seen>::default();
        let accepting = tokio::spawn({
            let seen = seen.clone();
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    seen.connections.fetch_add(1, Ordering::SeqCst);
                    let Ok(server) = TcpStream::connect(&server).await else {
                        continue;
                    };
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    tokio::spawn(forward(from_client, to_server, seen.clone(), true));
                    tokio::spawn(forward(from_server, to_client, seen.clone(), false));
                }
            }
        });
        Self {
            url: url.into(),
            seen,
            accepting,
        }
    }

    /// The round trips since the last call.
    pub(crate) fn round_trips(&self) -> usize {
        self.seen.turns.swap(0, Ordering::SeqCst)
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// Whether what is said arrives nowhere any more, as behind a cable that was pulled.
    pub(crate) fn fall_silent(&self, silent: bool) {
        self.seen.silent.store(silent, Ordering::SeqCst);
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn forward(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    seen: Arc<Seen>,
    is_client: bool,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let client_spoke = seen.client_spoke.swap(is_client, Ordering::SeqCst);
        if is_client && !client_spoke {
            seen.turns.fetch_add(1, Ordering::SeqCst);
        }
        if seen.silent.load(Ordering::SeqCst) {
            continue;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
