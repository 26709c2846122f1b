//! Somebody logs in: the authorization code grant with PKCE (RFC 6749 4.1, RFC 7636), without a browser.
//!
//! The adapters do none of this. They begin where a login has ended, with a refresh token.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_contract::Failure;
use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use url::Url;

use crate::expect::{equal, some, that};
use crate::random;
use crate::registration::{Client, ITEMS, REDIRECT_URI};
use crate::world::{World, answered};

/// Logs somebody in; the refresh token that the client is granted.
///
/// # Errors
/// The server does not do as the RFCs say.
pub(crate) async fn log_in(world: &World, client: &Client) -> Result<String, Failure> {
    let verifier = random::text();
    let code = authorize(world, client, &verifier).await?;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", &verifier),
    ];
    let request = world
        .http()?
        .post(format!("{}/token", world.issuer()))
        .header("authorization", form_encoded_basic(world, client))
        .form(&form);
    let (status, body) = answered(request).await?;
    equal("the answer to the code", 200, status)?;
    let token = body["refresh_token"].as_str().map(str::to_owned);
    some("the refresh token of the login", token)
}

/// The header of `client_secret_basic` (RFC 6749 2.3.1).
pub(crate) fn form_encoded_basic(world: &World, client: &Client) -> String {
    let (id, secret) = (form_encoded(client.id), form_encoded(world.secret(client)));
    let pair = format!("{id}:{secret}");
    let pair = base64::engine::general_purpose::STANDARD.encode(pair);
    format!("Basic {pair}")
}

/// A text as it stands in a form (RFC 6749 B).
pub(crate) fn form_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// From the authorization request to the code, as a browser would go: redirect by redirect.
async fn authorize(world: &World, client: &Client, verifier: &str) -> Result<String, Failure> {
    let state = random::text();
    let challenge = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    let query = [
        ("response_type", "code"),
        ("client_id", client.id),
        ("redirect_uri", REDIRECT_URI),
        ("scope", ITEMS),
        ("state", &state),
        ("code_challenge", &URL_SAFE_NO_PAD.encode(challenge)),
        ("code_challenge_method", "S256"),
    ];
    let start = Url::parse_with_params(&format!("{}/auth", world.issuer()), query);
    let mut url = start.map_err(|error| Failure::new(error.to_string()))?;
    let mut browser = Browser::new(world.http()?);
    for _ in 0..LONGEST {
        url = browser.follow(&url).await?;
        if url.as_str().starts_with(REDIRECT_URI) {
            let found = |name: &str| {
                let pairs = url.query_pairs();
                pairs
                    .into_iter()
                    .find(|(key, _)| key == name)
                    .map(|(_, value)| value.into_owned())
            };
            equal("the state", Some(state), found("state"))?;
            equal(
                "who answered (RFC 9207)",
                Some(world.issuer().into()),
                found("iss"),
            )?;
            return some("the code", found("code"));
        }
    }
    Err(Failure::new("the login goes in circles"))
}

/// No login has as many redirects.
const LONGEST: usize = 12;

/// What follows redirects and keeps cookies, all of one server.
struct Browser {
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    fn new(http: reqwest::Client) -> Self {
        Self {
            http,
            cookies: BTreeMap::new(),
        }
    }

    /// Where the server sends whoever asks for this.
    async fn follow(&mut self, url: &Url) -> Result<Url, Failure> {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = self
            .http
            .get(url.clone())
            .header(COOKIE, cookies.join("; "));
        let answer = request.send().await;
        let answer = answer.map_err(|error| Failure::new(error.without_url().to_string()))?;
        that(answer.status().is_redirection(), || {
            format!(
                "{}: expected a redirect, saw {}",
                url.path(),
                answer.status()
            )
        })?;
        self.keep(answer.headers());
        let target = answer
            .headers()
            .get(LOCATION)
            .and_then(|value| value.to_str().ok());
        let target = target.and_then(|target| url.join(target).ok());
        some("the target of a redirect", target)
    }

    /// Keeps what is set, and forgets what is emptied (RFC 6265 5.3).
    fn keep(&mut self, headers: &HeaderMap) {
        for cookie in headers.get_all(SET_COOKIE) {
            let pair = cookie.to_str().unwrap_or_default().split(';').next();
            match pair.and_then(|pair| pair.split_once('=')) {
                Some((name, "")) => drop(self.cookies.remove(name)),
                Some((name, value)) => drop(self.cookies.insert(name.into(), value.into())),
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_kept_until_it_is_emptied() {
        let mut browser = Browser::new(reqwest::Client::new());
        let mut set = |cookie: &'static str| {
            let mut headers = HeaderMap::new();
            headers.append(SET_COOKIE, cookie.parse().unwrap());
            browser.keep(&headers);
            browser.cookies.clone()
        };
        set("a=1; path=/auth; secure; httponly");
        assert_eq!(set("b=x=y; path=/").len(), 2);
        assert_eq!(set("a=; expires=Thu, 01 Jan 1970 00:00:00 GMT")["b"], "x=y");
        assert_eq!(set("b=z")["b"], "z");
        assert_eq!(set("b=").len(), 0);
    }
}
