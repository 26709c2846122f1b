//! URLs: where a user is sent, what comes back, and what a proof says it is for.

use std::time::Duration;

use http::Method;
use oauth_core::AuthorizedClient;
use oauth_core::authorize::{AuthorizationRequest, Callback, PendingAuthorization};
use oauth_core::dpop::Dpop;
use oauth_core::secret::Secret;
use oauth_core::server::ResourceServer;
use oauth_core::source::RenewingToken;
use oauth_core::token::Scopes;
use proptest::option;
use proptest::prelude::{Strategy, any};
use serde_json::Value;
use url::Url;

use crate::decoded::{self, Pairs, form, hash, meant, one};
use crate::for_any;
use crate::mirror::Mirror;
use crate::support::{CLIENT, basic};
use crate::texts::{details, line, resources, scopes, text};

const AT: &str = "https://app.example/callback?of=%C3%A9&x=a%2Bb";

/// What an authorization request is made of.
type Parts = (
    Scopes,
    Vec<String>,
    Vec<Value>,
    [String; 3],
    (String, String),
    Option<u32>,
);

fn parts() -> impl Strategy<Value = Parts> {
    let three = (text(), text(), text()).prop_map(|(a, b, c)| [a, b, c]);
    let extra = (text().prop_map(|name| format!("x-{name}")), text());
    (
        scopes(),
        resources(),
        details(),
        three,
        extra,
        option::of(any::<u32>()),
    )
}

fn request(
    (scopes, resource, details, [hint, locales, values], extra, age): Parts,
) -> (AuthorizationRequest, Pairs) {
    let mut request = AuthorizationRequest::new(AT)
        .scopes(scopes.clone())
        .login_hint(&hint)
        .ui_locales(&locales)
        .acr_values(&values)
        .parameter(&extra.0, &extra.1);
    for one in &resource {
        request = request.resource(one);
    }
    let mut listed = String::new();
    if !details.is_empty() {
        listed = Value::from(details.clone()).to_string();
        request = request.authorization_details(details.into());
    }
    if let Some(age) = age {
        request = request.max_age(Duration::from_secs(age.into()));
    }
    let mut pairs = vec![
        ("response_type", "code".to_owned()),
        ("client_id", CLIENT.to_owned()),
        ("redirect_uri", AT.to_owned()),
        ("scope", scopes.iter().collect::<Vec<_>>().join(" ")),
        ("code_challenge_method", "S256".to_owned()),
        ("authorization_details", listed),
        ("max_age", age.map_or(String::new(), |age| age.to_string())),
        ("acr_values", values),
        ("login_hint", hint),
        ("ui_locales", locales),
        (&extra.0, extra.1),
    ];
    pairs.extend(resource.into_iter().map(|one| ("resource", one)));
    (request, sorted(meant(pairs)))
}

fn sorted(mut pairs: Pairs) -> Pairs {
    pairs.sort();
    pairs
}

/// What is kept of it: `state` and `verifier`, as they go to a web server's session.
fn kept(pending: PendingAuthorization) -> Value {
    serde_json::from_str(pending.into_secret_form().unwrap().expose()).unwrap()
}

/// What was asked, without what is made anew for each transaction, which is right.
fn asked(mut pairs: Pairs, kept: &Value) -> Pairs {
    assert_eq!(one(&pairs, "state"), kept["state"]);
    let verifier = kept["verifier"].as_str().unwrap();
    assert_eq!(one(&pairs, "code_challenge"), hash(verifier));
    pairs.retain(|(name, _)| !["state", "code_challenge", "nonce"].contains(&&**name));
    sorted(pairs)
}

#[test]
fn a_user_is_sent_with_what_was_asked() {
    let mirror = Mirror::new();
    let client = mirror.client();
    let session = Secret::new("session");
    for_any(100, parts(), |parts| {
        let (request, meant) = request(parts);
        let begun = mirror.block_on(client.authorization(&request, &session));
        let (url, pending) = begun.unwrap();
        let url = Url::parse(url.as_str()).unwrap();
        assert_eq!(asked(form(url.query().unwrap()), &kept(pending)), meant);
    });
}

#[test]
fn what_is_pushed_is_what_was_asked() {
    let mirror = Mirror::new();
    let client = mirror.client();
    let session = Secret::new("session");
    for_any(60, parts(), |parts| {
        let (request, meant) = request(parts);
        let request = request.pushed();
        let (begun, seen) = mirror.seen(client.authorization(&request, &session));
        let (url, pending) = begun.unwrap();
        assert_eq!(asked(form(&seen.body), &kept(pending)), meant);
        let sent: Pairs = form(url.query().unwrap());
        assert_eq!(one(&sent, "request_uri"), "urn:x:1");
        assert_eq!(one(&sent, "client_id"), CLIENT);
        assert_eq!(sent.len(), 2);
    });
}

/// The other way: what a server's encoder writes is read here as it was meant.
#[test]
fn a_code_that_comes_is_the_one_that_was_sent() {
    let mirror = Mirror::new();
    let client = mirror.client();
    let session = Secret::new("session");
    let code = crate::texts::client_id(); // the same characters (RFC 6749 A.11)
    for_any(100, (code, line(), text()), |(code, other, value)| {
        let request = AuthorizationRequest::new(AT);
        let begun = mirror.block_on(client.authorization(&request, &session));
        let pending = begun.unwrap().1;
        let state = pending.state().expose().to_owned();
        let mut url = Url::parse(AT).unwrap();
        url.query_pairs_mut()
            .append_pair("code", &code)
            .append_pair("state", &state)
            .append_pair(&format!("x-{other}"), &value);
        let came = Callback::query(AT, url.query().unwrap()).unwrap();
        let taken = pending.callback(&session, came).unwrap();
        assert_eq!(taken.code().expose(), code);
    });
}

#[test]
fn a_proof_is_for_the_url_as_it_was_asked_without_its_query() {
    let mirror = Mirror::new();
    let server = mirror.server().with_dpop(Dpop::new());
    let source = RenewingToken::client_credentials(
        &mirror.env,
        server,
        basic(&mirror.env),
        Default::default(),
    );
    let base = format!("{}/", mirror.url);
    let api = ResourceServer::new(&mirror.env, "api_url", &base).unwrap();
    let client = AuthorizedClient::new(&mirror.env, api, source.unwrap());
    let methods = proptest::sample::select(vec![Method::GET, Method::POST, Method::DELETE]);
    for_any(80, (text(), text(), methods), |(path, query, method)| {
        let mut url = Url::parse(&base).unwrap();
        url.path_segments_mut().unwrap().pop_if_empty().push(&path);
        url.query_pairs_mut().append_pair("q", &query);
        let request = reqwest::Request::new(method.clone(), url.clone());
        let (_, seen) = mirror.seen(client.execute(request));
        let proof = seen.headers["dpop"].to_str().unwrap();
        let claims = decoded::claims(proof, &decoded::header(proof)["jwk"]);
        url.set_query(None);
        assert_eq!(claims["htu"], url.as_str());
        assert_eq!(
            claims["htu"].as_str().unwrap(),
            format!("{}{}", origin(&base), seen.path)
        );
        assert_eq!(
            (claims["htm"].as_str(), &seen.method),
            (Some(method.as_str()), &method)
        );
        assert_eq!(claims["ath"], hash("token"));
        assert_eq!(seen.headers["authorization"], "DPoP token");
    });
}

fn origin(url: &str) -> String {
    Url::parse(url).unwrap().origin().ascii_serialization()
}
