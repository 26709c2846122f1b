//! From what is asked to the parameters of one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use url::Url;

use crate::authorize::pending::{IssRule, PendingAuthorization, session_mark};
use crate::authorize::pkce;
use crate::authorize::request::AuthorizationRequest;
use crate::binding::ProofKey;
use crate::error::Error;
use crate::secret::Secret;

/// Where users are sent, by whom, and what is known of the server there.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub url: Url,
    pub client_id: String,
    /// What tells the server from others.
    pub authority: String,
    /// Its issuer, where that is known.
    pub issuer: Option<String>,
    /// What its `iss` is: its issuer, unless it is declared otherwise.
    pub iss_value: Option<String>,
    pub iss: IssRule,
    pub scope_separator: char,
    /// Declared of the server, for every request.
    pub parameters: BTreeMap<String, String>,
    /// The key that the tokens are going to be bound to, where there is one.
    pub proof_key: Option<Arc<ProofKey>>,
}

impl Place {
    /// For whom a signed request is (RFC 9101 4).
    ///
    /// # Errors
    /// Nobody knows the issuer.
    pub fn audience(&self) -> Result<&str, Error> {
        self.issuer.as_deref().ok_or_else(|| {
            let problem =
                "a signed request names the issuer, and that is neither configured nor discovered";
            Error::config("issuer", problem).remedy("set `issuer`")
        })
    }
}

/// The parameters of one transaction, in order, each name once but `resource`.
pub(crate) type Pairs = Vec<(String, String)>;

/// The parameters of a new transaction, and what must be kept until its answer comes.
///
/// # Errors
/// The request cannot be asked, or the session is empty.
pub(crate) fn begin(
    request: &AuthorizationRequest,
    place: &Place,
    session: &Secret,
    now: DateTime<Utc>,
) -> Result<(Pairs, PendingAuthorization), Error> {
    request.check()?;
    if session.expose().is_empty() {
        return Err(Error::config("session", "this is empty, and everybody's")
            .remedy("give what names this user's session in your program, and nobody else's"));
    }
    let (state, verifier) = (pkce::fresh()?, pkce::fresh()?);
    let nonce = match request.scopes.contains("openid") {
        true => Some(pkce::fresh()?),
        false => None,
    };
    let mut pairs = Pairs::new();
    let mut push = |name: &str, value: &str| {
        if !value.is_empty() {
            pairs.push((name.to_owned(), value.to_owned()));
        }
    };
    push("response_type", "code");
    push("client_id", &place.client_id);
    push("redirect_uri", &request.redirect_uri);
    push("scope", &request.scopes.joined(place.scope_separator));
    push("state", state.expose());
    push("nonce", nonce.as_ref().map_or("", Secret::expose));
    push("code_challenge", &pkce::challenge(&verifier));
    push("code_challenge_method", pkce::METHOD);
    // RFC 9449 10: whoever finds the code has not the key
    let jkt = place.proof_key.as_ref().map(|key| key.thumbprint.as_str());
    push("dpop_jkt", jkt.unwrap_or_default());
    push(
        "response_mode",
        request.response_mode.parameter().unwrap_or_default(),
    );
    for resource in &request.resource {
        push("resource", resource);
    }
    if let Some(details) = &request.authorization_details {
        push("authorization_details", &details.to_string());
    }
    if let Some(age) = request.max_age {
        push("max_age", &age.as_secs().to_string());
    }
    push("claims", &request.claims());
    for (name, value) in request.others() {
        push(name, value);
    }
    // what is asked here goes before what is declared of the server
    for (name, value) in &place.parameters {
        if !request.others().any(|(asked, _)| asked == name) {
            push(name, value);
        }
    }
    let pending = PendingAuthorization {
        session: session_mark(&state, session),
        state,
        verifier,
        nonce,
        client_id: place.client_id.clone(),
        authority: place.authority.clone(),
        issuer: place.iss_value.clone(),
        iss: place.iss,
        redirect_uri: request.redirect_uri.clone(),
        response_mode: request.response_mode,
        scopes: request.scopes.clone(),
        resource: request.resource.clone(),
        max_age: request.max_age,
        acr_values: request.essential_acr_values.clone(),
        proof_key: place.proof_key.as_ref().map(|key| key.kept.clone()),
        begun_at: now,
        url_ends_at: None,
    };
    Ok((pairs, pending))
}

/// The URL to send the user to. The endpoint's own query is kept (RFC 6749 3.1).
///
/// # Errors
/// The endpoint's own query has a parameter that is going to be sent.
pub(crate) fn url<'a>(
    endpoint: &Url,
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Url, Error> {
    let own: Vec<String> = endpoint
        .query_pairs()
        .map(|(name, _)| name.into_owned())
        .collect();
    let mut url = endpoint.clone();
    {
        let mut query = url.query_pairs_mut();
        for (name, value) in pairs {
            if own.iter().any(|own| own == name) {
                let problem = format!(
                    "its query has `{}` already, which would then stand twice (RFC 6749 3.1)",
                    crate::text::escape(name)
                );
                return Err(Error::config("authorization_endpoint", problem));
            }
            query.append_pair(name, value);
        }
    }
    Ok(url)
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::authorize::response_mode::ResponseMode;
    use crate::token::Scopes;

    pub fn place() -> Place {
        Place {
            url: Url::parse("https://auth.example/authorize").unwrap(),
            client_id: "client".into(),
            authority: "https://auth.example".into(),
            issuer: Some("https://auth.example".into()),
            iss_value: Some("https://auth.example".into()),
            iss: IssRule::Required,
            scope_separator: ' ',
            parameters: BTreeMap::new(),
            proof_key: None,
        }
    }

    pub fn session() -> Secret {
        Secret::new("session of the user")
    }

    pub fn begun(
        request: &AuthorizationRequest,
    ) -> (HashMap<String, String>, PendingAuthorization) {
        let (pairs, pending) = begin(request, &place(), &session(), DateTime::UNIX_EPOCH).unwrap();
        (pairs.into_iter().collect(), pending)
    }

    #[test]
    fn r100_sends_an_s256_challenge_always() {
        let (sent, pending) = begun(&AuthorizationRequest::new("https://app.example/cb"));
        assert_eq!(sent["code_challenge_method"], "S256");
        assert_eq!(sent["code_challenge"], pkce::challenge(&pending.verifier));
        assert_eq!(sent["response_type"], "code");
        assert!(
            !sent
                .values()
                .any(|value| value == pending.verifier.expose())
        );
    }

    #[test]
    fn r101_verifier_state_and_nonce_are_fresh_in_each_transaction() {
        let request = AuthorizationRequest::new("https://app.example/cb")
            .scopes(Scopes::parse("openid").unwrap());
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1_000 {
            let (sent, pending) = begun(&request);
            for value in [&sent["state"], &sent["nonce"], pending.verifier.expose()] {
                assert!(seen.insert(value.to_owned()), "twice");
            }
        }
        assert_eq!(seen.len(), 3_000);
    }

    #[test]
    fn sends_what_is_set_and_nothing_empty() {
        let request = AuthorizationRequest::new("https://app.example/cb")
            .scopes(Scopes::parse("read openid").unwrap())
            .resource("https://x.example/")
            .resource("https://y.example/")
            .authorization_details(json!([{"type": "payment"}]))
            .prompt("consent")
            .login_hint("")
            .ui_locales("de en")
            .acr_values("urn:x")
            .max_age(Duration::from_millis(60_900))
            .response_mode(ResponseMode::FormPost)
            .parameter("access_type", "offline");
        let mut place = place();
        place.scope_separator = ',';
        place.parameters = BTreeMap::from([
            ("access_type".into(), "online".into()),
            ("tenant".into(), "t 1".into()),
        ]);
        let (pairs, pending) = begin(&request, &place, &session(), DateTime::UNIX_EPOCH).unwrap();
        let state = pending.state.expose();
        let nonce = pending.nonce.as_ref().unwrap().expose();
        let challenge = pkce::challenge(&pending.verifier);
        let sent: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            sent,
            [
                ("response_type", "code"),
                ("client_id", "client"),
                ("redirect_uri", "https://app.example/cb"),
                ("scope", "openid,read"),
                ("state", state),
                ("nonce", nonce),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
                ("response_mode", "form_post"),
                ("resource", "https://x.example/"),
                ("resource", "https://y.example/"),
                ("authorization_details", r#"[{"type":"payment"}]"#),
                ("max_age", "60"),
                ("acr_values", "urn:x"),
                ("prompt", "consent"),
                ("ui_locales", "de en"),
                ("access_type", "offline"),
                ("tenant", "t 1"),
            ]
        );
    }

    #[test]
    fn without_openid_no_nonce_is_sent_and_in_the_query_no_mode() {
        let (sent, pending) = begun(&AuthorizationRequest::new("https://app.example/cb"));
        assert!(pending.nonce.is_none());
        assert_eq!(sent.len(), 6, "{:?}", sent.keys());
    }

    #[test]
    fn keeps_the_endpoints_own_query_and_lets_nothing_stand_twice() {
        let endpoint = Url::parse("https://auth.example/authorize?tenant=a%26b").unwrap();
        let made = url(
            &endpoint,
            [("state", "x&y"), ("resource", "1"), ("resource", "2")],
        )
        .unwrap();
        assert_eq!(
            made.as_str(),
            "https://auth.example/authorize?tenant=a%26b&state=x%26y&resource=1&resource=2"
        );
        let error = url(&endpoint, [("tenant", "b")]).unwrap_err().to_string();
        assert!(
            error.starts_with("authorization_endpoint: ") && error.contains("`tenant`"),
            "{error}"
        );
    }

    #[test]
    fn a_session_of_everybody_is_none() {
        let request = AuthorizationRequest::new("https://app.example/cb");
        let error = begin(&request, &place(), &Secret::new(""), DateTime::UNIX_EPOCH).unwrap_err();
        assert!(error.to_string().starts_with("session: "), "{error}");
    }
}
