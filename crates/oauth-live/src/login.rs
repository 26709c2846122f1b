//! Somebody logs in: the authorization code grant with PKCE (RFC 6749 4.1, RFC 7636), without a browser.
//!
//! The adapters do none of this. They begin where a login has ended, with a refresh token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_contract::Failure;
use url::Url;

use crate::browser::Browser;
use crate::expect::{equal, some};
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
    let start = start.map_err(|error| Failure::new(error.to_string()))?;
    let url = Browser::new(world.http()?).open(&start).await?.away()?;
    let found = |name: &str| {
        let mut pairs = url.query_pairs();
        let pair = pairs.find(|(key, _)| key == name);
        pair.map(|(_, value)| value.into_owned())
    };
    equal("the state", Some(state), found("state"))?;
    let issuer = Some(world.issuer().to_owned());
    equal("who answered (RFC 9207)", issuer, found("iss"))?;
    some("the code", found("code"))
}
