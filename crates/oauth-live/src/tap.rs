//! Between the adapters and oidc-provider: everything is passed on as it came, and kept.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oauth_stage::{Answer, Authority, Call, Exchange, Strict};
use reqwest::header::{CONTENT_LENGTH, HOST, HeaderName, TRANSFER_ENCODING};
use url::form_urlencoded;

/// A server that is oidc-provider to those who ask: it takes its own URLs from the `Host` it is asked by,
/// the audience of assertions among them.
pub(crate) struct Tap(Strict);

impl Tap {
    /// Listens, and passes on to the server at `target`, an origin.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) async fn start(
        authority: &Authority,
        http: reqwest::Client,
        target: &str,
    ) -> io::Result<Self> {
        let server = Strict::builder().authority(authority).start().await?;
        let target = target.to_owned();
        server.on_async("/", move |call: Call| {
            let (http, target) = (http.clone(), target.clone());
            async move {
                let answered = pass_on(&http, &target, &call).await;
                Some(answered.unwrap_or_else(|problem| {
                    Answer::text(502, "text/plain", problem.without_url().to_string())
                }))
            }
        });
        Ok(Self(server))
    }

    /// The token endpoint, through the tap.
    pub(crate) fn token_url(&self) -> String {
        format!("{}/token", self.0.url())
    }

    /// Where it listens: an origin.
    pub(crate) fn url(&self) -> String {
        self.0.url().to_owned()
    }

    /// How many requests for that path came.
    pub(crate) fn count(&self, path: &str) -> usize {
        let log = self.0.log();
        log.iter()
            .filter(|exchange| exchange.path() == path)
            .count()
    }

    /// What that client sent to the token endpoint, in order, and what it was answered.
    pub(crate) fn sent_by(&self, client_id: &str) -> Vec<Exchange> {
        let by_client = |exchange: &Exchange| sender(exchange).as_deref() == Some(client_id);
        let log = self.0.log().into_iter();
        log.filter(|exchange| exchange.path() == "/token")
            .filter(by_client)
            .collect()
    }
}

/// Headers that belong to one connection (RFC 9110 7.6.1), or that the next one sets anew.
const OF_A_CONNECTION: [HeaderName; 4] = [
    HOST,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    reqwest::header::CONNECTION,
];

async fn pass_on(
    http: &reqwest::Client,
    target: &str,
    call: &Call,
) -> Result<Answer, reqwest::Error> {
    let query = call.query().map(|query| format!("?{query}"));
    let url = format!("{target}{}{}", call.path(), query.unwrap_or_default());
    let mut headers = call.headers().clone();
    OF_A_CONNECTION.iter().for_each(|name| {
        headers.remove(name);
    });
    let host = call.origin().trim_start_matches("https://");
    let answer = http
        .request(call.method().clone(), url)
        .headers(headers)
        .header(HOST, host)
        .body(call.body().clone())
        .send()
        .await?;
    let status = answer.status();
    let headers = answer.headers().clone().into_iter();
    let headers = headers
        .filter_map(|(name, value)| Some((name?, value)))
        .filter(|(name, _)| !OF_A_CONNECTION.contains(name));
    Ok(Answer {
        status,
        headers: headers.collect(),
        body: answer.bytes().await?,
    })
}

/// The client that a token request came from, however it proves who it is.
fn sender(exchange: &Exchange) -> Option<String> {
    if let Some(claims) = exchange.claims() {
        return claims["sub"].as_str().map(str::to_owned);
    }
    let Some(authorization) = exchange.header("authorization") else {
        return exchange.parameter("client_id");
    };
    let pair = STANDARD
        .decode(authorization.strip_prefix("Basic ")?)
        .ok()?;
    let id = pair.split(|byte| *byte == b':').next()?;
    let (id, _) = form_urlencoded::parse(id).next()?;
    Some(id.into_owned())
}
