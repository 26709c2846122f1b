//! A listener that follows a script.

mod bomb;
pub(crate) mod builder;
mod performance;
pub(crate) mod step;

use std::fmt;
use std::io;
use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::socket::builder::Builder;
use crate::socket::performance::Record;
use crate::socket::step::Step;
use crate::sync::lock;

/// A TCP or TLS listener on loopback that does what its script says, well-formed or not. Dropping it ends
/// every connection.
pub struct Socket {
    record: Arc<Record>,
    url: String,
    ca_pem: Option<String>,
    task: JoinHandle<()>,
}

impl Socket {
    /// A listener whose script is still to be written.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A plain listener that follows the same script on every connection.
    ///
    /// # Errors
    /// Those of the system.
    pub async fn script(steps: Vec<Step>) -> io::Result<Self> {
        Self::builder().connection(steps).start().await
    }

    /// The origin, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The root certificate to trust; `None`: this listener speaks plain TCP.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// How many connections have been accepted.
    pub fn connections(&self) -> usize {
        *self.record.connections.borrow()
    }

    /// The requests that [`Step::ReadRequest`] has read, each as it came: head and body, secrets included.
    pub fn requests(&self) -> Vec<Vec<u8>> {
        lock(&self.record.requests).clone()
    }

    /// How many bytes have been read from clients, after decryption; a request that was cut short counts too.
    pub fn bytes_seen(&self) -> usize {
        *self.record.bytes_seen.borrow()
    }

    /// Lets every [`Step::HoldUntilReleased`] pass, now and later.
    pub fn release(&self) {
        self.record.released.send_replace(true);
    }

    /// Resolves when `n` connections have been accepted.
    pub async fn wait_for_connections(&self, n: usize) {
        reached(&self.record.connections, n).await;
    }

    /// Resolves when `n` requests have been read.
    pub async fn wait_for_requests(&self, n: usize) {
        reached(&self.record.read, n).await;
    }

    /// Resolves when `n` connections wait, or have waited, at a [`Step::HoldUntilReleased`].
    pub async fn wait_for_held(&self, n: usize) {
        reached(&self.record.held, n).await;
    }

    /// Resolves when `n` connections are at their end: the script was played, or the client went away.
    pub async fn wait_for_ended(&self, n: usize) {
        reached(&self.record.ended, n).await;
    }
}

async fn reached(count: &tokio::sync::watch::Sender<usize>, n: usize) {
    // the sender lives in the record, so that this cannot fail
    let _ = count.subscribe().wait_for(|count| *count >= n).await;
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
