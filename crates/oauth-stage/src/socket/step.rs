//! What a script is made of.

use std::time::Duration;

use serde_json::Value;

/// One thing that a [`Socket`](crate::Socket) does on a connection. After the last one it closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reads a head and as much body as its `content-length` says, and keeps it.
    ReadRequest,
    /// Writes bytes.
    Bytes(Vec<u8>),
    /// Does nothing for so long, in real time.
    Pause(Duration),
    /// Waits for [`Socket::release`](crate::Socket::release).
    HoldUntilReleased,
    /// Waits until the client closes; what it sends meanwhile is read and dropped.
    UntilPeerCloses,
    /// Closes in good order: a FIN, over TLS after a `close_notify`.
    Close,
    /// Breaks off: a RST.
    Reset,
    /// Writes bytes one at a time.
    Drip {
        /// What to write.
        bytes: Vec<u8>,
        /// The real time before each of them.
        every: Duration,
    },
    /// Writes the chunk again and again until the client goes away, at most 256 MiB in all.
    Endless {
        /// What to write.
        chunk: Vec<u8>,
    },
    /// A complete answer whose JSON body is tiny as it is sent and of this size when it is decoded.
    GzipBomb {
        /// The size of the token in it.
        decoded_bytes: u64,
    },
}

impl Step {
    /// The most that [`Step::Endless`] writes, in bytes.
    pub const ENDLESS_CAP: usize = 256 << 20;

    /// Any text, as it is.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Bytes(text.into().into_bytes())
    }

    /// A JSON answer after which the connection is not used again.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::answer(status, body, "connection: close\r\n")
    }

    /// A JSON answer after which the client may send its next request over the same connection.
    pub fn json_keep_alive(status: u16, body: &Value) -> Self {
        Self::answer(status, body, "")
    }

    /// A JSON answer that announces more bytes than it has; let [`Step::Close`] follow.
    pub fn truncated_json(status: u16, body: &Value, missing: usize) -> Self {
        let body = body.to_string();
        let length = body.len() + missing;
        Self::text(format!(
            "HTTP/1.1 {status} Scripted\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
    }

    fn answer(status: u16, body: &Value, header: &str) -> Self {
        let body = body.to_string();
        let length = body.len();
        Self::text(format!(
            "HTTP/1.1 {status} Scripted\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{header}\r\n{body}"
        ))
    }
}
