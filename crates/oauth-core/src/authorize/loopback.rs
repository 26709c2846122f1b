//! The redirect URI of a program on the user's own machine (RFC 8252 7.3).

mod head;
mod page;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use zeroize::Zeroizing;

use crate::authorize::callback::Callback;
use crate::authorize::decode;
use crate::authorize::loopback::page::Page;
use crate::authorize::pending::PendingAuthorization;
use crate::error::{BindingFault, Error, ErrorKind, Recovery};
use crate::secret::Secret;

/// Where a [`LoopbackListener`] listens and how long.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoopbackSettings {
    /// The path of the redirect URI. Servers take any port there, but no other path than the registered
    /// one (RFC 8252 7.3). Default `/callback`.
    pub path: String,
    /// The port; 0: any that is free (RFC 8252 7.3). Default 0.
    pub port: u16,
    /// Listen at `[::1]` instead of `127.0.0.1`. Default no.
    pub ipv6: bool,
    /// How long the user may take, from the beginning of the wait. Default 5 min.
    pub patience: Duration,
    /// How long one connection may take to send its request, and to take its page. Default 10 s.
    pub request_timeout: Duration,
    /// How many connections are taken at the most, the awaited one among them. Default 64.
    pub most: usize,
}

impl Default for LoopbackSettings {
    fn default() -> Self {
        Self {
            path: "/callback".into(),
            port: 0,
            ipv6: false,
            patience: Duration::from_secs(300),
            request_timeout: Duration::from_secs(10),
            most: 64,
        }
    }
}

/// A listener on loopback that takes one answer to one authorization request (RFC 8252 7.3, 8.3), and then
/// closes. The port is its own from the beginning, so that nobody else can take the answer there.
///
/// ```no_run
/// use oauth_core::authorize::{AuthorizationRequest, LoopbackListener, LoopbackSettings};
///
/// # async fn run() -> Result<(), oauth_core::Error> {
/// let listener = LoopbackListener::bind(LoopbackSettings::default()).await?;
/// let request = AuthorizationRequest::new(listener.redirect_uri());
/// # drop(request); Ok(()) }
/// ```
#[derive(Debug)]
pub struct LoopbackListener {
    listener: TcpListener,
    address: SocketAddr,
    settings: LoopbackSettings,
}

/// How many connections are open at once; browsers open some ahead of need.
const AT_ONCE: usize = 16;

impl LoopbackListener {
    /// Takes the port. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// The path is none, or the port cannot be had.
    pub async fn bind(settings: LoopbackSettings) -> Result<Self, Error> {
        let is_path = settings.path.starts_with('/')
            && !settings.path.starts_with("//")
            && settings
                .path
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"?#\\".contains(&byte));
        if !is_path {
            let problem = "this is no path: write `/callback`, without a query";
            return Err(Error::config("path", problem));
        }
        let ip: IpAddr = match settings.ipv6 {
            true => Ipv6Addr::LOCALHOST.into(),
            false => Ipv4Addr::LOCALHOST.into(),
        };
        let unavailable = |error: io::Error| {
            let problem = format!(
                "{ip} port {} cannot be had ({})",
                settings.port,
                error.kind()
            );
            Error::config("port", problem).remedy("take port 0, which is any that is free")
        };
        let listener = TcpListener::bind((ip, settings.port))
            .await
            .map_err(unavailable)?;
        let address = listener.local_addr().map_err(unavailable)?;
        Ok(Self {
            listener,
            address,
            settings,
        })
    }

    /// The redirect URI to send.
    pub fn redirect_uri(&self) -> String {
        format!("http://{}{}", self.address, self.settings.path)
    }

    /// Waits for the answer to that authorization. Whatever else comes meanwhile (other paths and methods,
    /// another `state`, a browser's search for an icon) is turned away and is no answer.
    ///
    /// `judge` turns the answer into what comes of it; the page that the user sees tells whether that went
    /// well.
    ///
    /// # Errors
    /// What `judge` refuses; nothing came in time, or too much ([`ErrorKind::Timeout`]; where something with
    /// another `state` came, [`ErrorKind::Binding`]); the redirect URI is not this listener's, or the answer
    /// is to be posted ([`ErrorKind::Config`]).
    pub async fn wait<T, F: Future<Output = Result<T, Error>>>(
        self,
        pending: PendingAuthorization,
        judge: impl FnOnce(PendingAuthorization, Callback) -> F,
    ) -> Result<T, Error> {
        let redirect_uri = self.redirect_uri();
        if pending.redirect_uri != redirect_uri {
            let problem =
                "the authorization was begun with another redirect URI than this listener's";
            return Err(Error::config("redirect_uri", problem)
                .remedy("give `AuthorizationRequest` what `redirect_uri()` says"));
        }
        if pending.response_mode.is_posted() {
            let problem = "an answer that is posted cannot be taken on loopback";
            return Err(
                Error::config("response_mode", problem).remedy("use `query` or `query.jwt`")
            );
        }
        let (mut stream, query) = self.answer(&pending).await?;
        drop(self.listener); // one answer, and nobody after it
        let judged = match Callback::query(&redirect_uri, &query) {
            Ok(callback) => judge(pending, callback).await,
            Err(error) => Err(error),
        };
        let page = if judged.is_ok() {
            Page::Done
        } else {
            Page::Failed
        };
        // a browser that went away has nothing to be told
        let _ = tokio::time::timeout(self.settings.request_timeout, show(&mut stream, page)).await;
        judged
    }

    /// The query of the first request that is the answer, and its connection.
    async fn answer(
        &self,
        pending: &PendingAuthorization,
    ) -> Result<(TcpStream, Zeroizing<String>), Error> {
        let mut taken = 0;
        let mut is_other = false;
        let mut open = FuturesUnordered::new();
        let end = tokio::time::sleep(self.settings.patience);
        tokio::pin!(end);
        loop {
            let is_full = taken >= self.settings.most;
            if is_full && open.is_empty() {
                return Err(self.nothing(is_other, "too many connections came"));
            }
            tokio::select! {
                () = &mut end => return Err(self.nothing(is_other, "the time is over")),
                accepted = self.listener.accept(), if !is_full && open.len() < AT_ONCE => {
                    taken += 1;
                    if let Ok((stream, from)) = accepted && from.ip().is_loopback() {
                        open.push(self.serve(stream, pending));
                    }
                }
                Some(served) = open.next(), if !open.is_empty() => match served {
                    Served::Answer(stream, query) => return Ok((stream, query)),
                    Served::Other => is_other = true,
                    Served::Nothing => {}
                },
            }
        }
    }

    fn nothing(&self, is_other: bool, why: &str) -> Error {
        let problem = format!("no answer came to {}: {why}", self.redirect_uri());
        match is_other {
            false => Error::new(ErrorKind::Timeout, problem).with_recovery(Recovery::LogInAgain),
            true => Error::new(
                ErrorKind::Binding(BindingFault::State),
                format!("{problem}, and all that came had another `state` or none"),
            ),
        }
        .remedy("begin the login again, and finish it in the window that opens")
    }

    /// One connection: its request is the answer, or is turned away.
    async fn serve(&self, mut stream: TcpStream, pending: &PendingAuthorization) -> Served {
        let limit = self.settings.request_timeout;
        let read = tokio::time::timeout(limit, read_head(&mut stream)).await;
        let Ok(Ok(bytes)) = read else {
            return Served::Nothing; // opened ahead of need, and not needed
        };
        let asked = head::read(&bytes).filter(|asked| {
            asked.method == "GET"
                && asked.path == self.settings.path
                && asked.host == self.address.to_string() // no name leads here (DNS rebinding)
        });
        let query = asked.and_then(|asked| asked.query);
        let (page, served) = match query {
            Some(query) if may_answer(query, pending) => {
                return Served::Answer(stream, Zeroizing::new(query.to_owned()));
            }
            Some(_) => (Page::NotAwaited, Served::Other),
            None => (Page::NotFound, Served::Nothing),
        };
        let _ = tokio::time::timeout(limit, show(&mut stream, page)).await;
        served
    }
}

/// What came over a connection.
enum Served {
    Answer(TcpStream, Zeroizing<String>),
    /// An answer to something else.
    Other,
    Nothing,
}

/// Whether a query is worth judging: it has our `state`, where it is signed inside.
fn may_answer(query: &str, pending: &PendingAuthorization) -> bool {
    let Ok(pairs) = decode::pairs(query) else {
        return false;
    };
    let is_ours = |(name, value): &(String, Secret)| match pending.response_mode.is_signed() {
        true => name == "response" && state_in(value).is_some_and(|state| state == pending.state),
        false => name == "state" && *value == pending.state,
    };
    pairs.iter().any(is_ours)
}

/// The `state` in a signed answer, before its signature is checked: by it what is another's is turned away,
/// and nothing is believed.
fn state_in(response: &Secret) -> Option<Secret> {
    let payload = response.expose().split('.').nth(1)?;
    let payload = Zeroizing::new(URL_SAFE_NO_PAD.decode(payload).ok()?);
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims.get("state")?.as_str().map(Secret::new)
}

async fn read_head(stream: &mut TcpStream) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    loop {
        if let Some(end) = head::end(&bytes) {
            bytes.truncate(end);
            return Ok(bytes);
        }
        if bytes.len() >= head::LIMIT || stream.read_buf(&mut *bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Shows a page, and waits until the browser has it: a connection that is closed before all that came was
/// read is reset, and the page may be lost.
async fn show(stream: &mut TcpStream, page: Page) -> io::Result<()> {
    stream.write_all(page.answer().as_bytes()).await?;
    stream.shutdown().await?;
    let mut rest = [0; 4096];
    let mut most = 16;
    while most > 0 && stream.read(&mut rest).await? > 0 {
        most -= 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
