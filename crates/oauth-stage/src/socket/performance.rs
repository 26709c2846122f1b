//! Playing the scripts.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::socket::bomb::Bomb;
use crate::socket::step::Step;
use crate::sync::lock;

/// The largest request that is read.
const LARGEST_REQUEST: usize = 64 << 20;

/// How long to wait before the next attempt to accept, when one has failed.
const BREATH: Duration = Duration::from_millis(10);

/// What has happened so far.
#[derive(Default)]
pub(crate) struct Record {
    pub(crate) connections: watch::Sender<usize>,
    pub(crate) bytes_seen: watch::Sender<usize>,
    pub(crate) requests: Mutex<Vec<Vec<u8>>>,
    pub(crate) read: watch::Sender<usize>,
    pub(crate) held: watch::Sender<usize>,
    pub(crate) released: watch::Sender<bool>,
    pub(crate) ended: watch::Sender<usize>,
}

/// Accepts until it is dropped, and every connection with it.
pub(crate) async fn play_all(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    scripts: Vec<Vec<Step>>,
    record: Arc<Record>,
) {
    let mut connections = JoinSet::new();
    let mut accepted = 0;
    loop {
        tokio::select! {
            stream = listener.accept() => match stream {
                Ok((stream, _)) => {
                    let script = scripts.get(accepted).or(scripts.last()).cloned();
                    accepted += 1;
                    record.connections.send_replace(accepted);
                    let (tls, record) = (tls.clone(), Arc::clone(&record));
                    connections.spawn(async move {
                        // how a connection fails is the client's business
                        let _ = play(stream, tls, script.unwrap_or_default(), &record).await;
                        increment(&record.ended, 1);
                    });
                }
                Err(_) => tokio::time::sleep(BREATH).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn play(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    script: Vec<Step>,
    record: &Record,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut connection = match tls {
        None => Connection::new(Box::new(stream), record),
        Some(tls) => Connection::new(Box::new(tls.accept(stream).await?), record),
    };
    for step in script {
        match step {
            Step::Close => return connection.close().await,
            Step::Reset => return connection.stream.reset(),
            other => connection.play(other).await?,
        }
    }
    connection.close().await
}

/// A stream that can be broken off.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {
    /// The RST goes out when the stream is dropped.
    fn reset(&self) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn reset(&self) -> io::Result<()> {
        self.set_zero_linger()
    }
}

impl Stream for TlsStream<TcpStream> {
    fn reset(&self) -> io::Result<()> {
        self.get_ref().0.set_zero_linger()
    }
}

struct Connection<'a> {
    stream: Box<dyn Stream>,
    /// What has been read and belongs to no request yet.
    pending: Vec<u8>,
    record: &'a Record,
}

impl<'a> Connection<'a> {
    fn new(stream: Box<dyn Stream>, record: &'a Record) -> Self {
        Self {
            stream,
            pending: Vec::new(),
            record,
        }
    }

    async fn play(&mut self, step: Step) -> io::Result<()> {
        match step {
            Step::ReadRequest => self.read_request().await,
            Step::Bytes(bytes) => self.write(&bytes).await,
            Step::Pause(span) => {
                tokio::time::sleep(span).await;
                Ok(())
            }
            Step::HoldUntilReleased => {
                increment(&self.record.held, 1);
                let mut released = self.record.released.subscribe();
                let _ = released.wait_for(|released| *released).await;
                Ok(())
            }
            Step::UntilPeerCloses => self.drain().await,
            Step::Drip { bytes, every } => {
                for byte in bytes {
                    tokio::time::sleep(every).await;
                    self.write(&[byte]).await?;
                }
                Ok(())
            }
            Step::Endless { chunk } => {
                let times = Step::ENDLESS_CAP
                    .checked_div(chunk.len())
                    .unwrap_or_default();
                for _ in 0..times {
                    self.write(&chunk).await?;
                }
                Ok(())
            }
            Step::GzipBomb { decoded_bytes } => self.bomb(decoded_bytes).await,
            Step::Close | Step::Reset => Ok(()), // they end the script before they come here
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Reads more; `false`: there is none.
    async fn read(&mut self) -> io::Result<bool> {
        let before = self.pending.len();
        let read = self.stream.read_buf(&mut self.pending).await;
        increment(&self.record.bytes_seen, self.pending.len() - before);
        Ok(read? > 0)
    }

    async fn read_request(&mut self) -> io::Result<()> {
        loop {
            if let Some(length) = request_length(&self.pending)
                && length <= self.pending.len()
            {
                let rest = self.pending.split_off(length);
                let request = std::mem::replace(&mut self.pending, rest);
                lock(&self.record.requests).push(request);
                increment(&self.record.read, 1);
                return Ok(());
            }
            if self.pending.len() > LARGEST_REQUEST || !self.read().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    async fn drain(&mut self) -> io::Result<()> {
        while self.read().await? {
            self.pending.clear();
        }
        Ok(())
    }

    /// A FIN, and nothing dropped unread: that would make it a RST.
    async fn close(&mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        self.drain().await
    }

    async fn bomb(&mut self, decoded_bytes: u64) -> io::Result<()> {
        let bomb = Bomb::new(decoded_bytes)?;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
            bomb.len()
        );
        self.write(head.as_bytes()).await?;
        self.write(&bomb.head).await?;
        for _ in 0..bomb.repeats {
            self.write(&bomb.block).await?;
        }
        self.write(&bomb.tail).await
    }
}

/// How long the request is that begins here; `None`: its head is not complete.
fn request_length(bytes: &[u8]) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    let head = bytes.windows(END.len()).position(|window| window == END)? + END.len();
    let body = String::from_utf8_lossy(&bytes[..head])
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, length)| length.trim().parse::<usize>().ok());
    Some(head.saturating_add(body.unwrap_or_default()))
}

fn increment(count: &watch::Sender<usize>, by: usize) {
    count.send_modify(|count| *count += by);
}
