//! What the user is asked for (RFC 6749 4.1.1).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use url::{Host, Url};

use crate::authorize::response_mode::ResponseMode;
use crate::error::{Error, ErrorKind};
use crate::server::is_own_parameter;
use crate::signing_key::Signer;
use crate::text::escape;
use crate::token::Scopes;

/// What is asked of a user, by way of the authorization server (RFC 6749 4.1.1). It can be sent any number
/// of times: what is fresh each time (`state`, `nonce`, the PKCE verifier) is not part of it.
///
/// ```
/// use oauth_core::Scopes;
/// use oauth_core::authorize::AuthorizationRequest;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let request = AuthorizationRequest::new("https://app.example/callback/acme")
///     .scopes(Scopes::parse("openid read")?)
///     .prompt("consent")
///     .parameter("access_type", "offline");
/// # drop(request); Ok(()) }
/// ```
///
/// `Debug` prints no value but the redirect URI and the scopes: a `login_hint` is a person's.
#[derive(Clone)]
pub struct AuthorizationRequest {
    pub(super) redirect_uri: String,
    pub(super) scopes: Scopes,
    pub(super) resource: Vec<String>,
    pub(super) authorization_details: Option<Value>,
    pub(super) response_mode: ResponseMode,
    pub(super) max_age: Option<Duration>,
    pub(super) essential_acr_values: Vec<String>,
    /// Those that are texts and change nothing here: `prompt`, `login_hint` and so on.
    texts: BTreeMap<&'static str, String>,
    parameters: Vec<(String, String)>,
    pub(crate) signer: Option<Arc<dyn Signer>>,
    pub(crate) is_pushed: bool,
}

impl AuthorizationRequest {
    /// A request whose answer comes to that redirect URI, which is sent as it is written here
    /// (RFC 6749 3.1.2). Where several servers or connections send answers to one program, give each
    /// its own: by it their answers are told apart.
    pub fn new(redirect_uri: impl Into<String>) -> Self {
        Self {
            redirect_uri: redirect_uri.into(),
            scopes: Scopes::none(),
            resource: Vec::new(),
            authorization_details: None,
            response_mode: ResponseMode::default(),
            max_age: None,
            essential_acr_values: Vec::new(),
            texts: BTreeMap::new(),
            parameters: Vec::new(),
            signer: None,
            is_pushed: false,
        }
    }

    /// The scopes (RFC 6749 3.3). With `openid` among them, an ID token comes with the code's token, and a
    /// `nonce` is sent.
    #[must_use]
    pub fn scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = scopes;
        self
    }

    /// Adds an API that the tokens are for (RFC 8707 2): an absolute URI without a fragment.
    #[must_use]
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resource.push(resource.into());
        self
    }

    /// What is wanted in detail (RFC 9396 2): an array of objects, each with its `type`.
    #[must_use]
    pub fn authorization_details(mut self, details: Value) -> Self {
        self.authorization_details = Some(details);
        self
    }

    /// What the user must see: `login`, `consent`, `select_account`, several with spaces between, or `none`
    /// (OpenID Connect Core 3.1.2.1).
    #[must_use]
    pub fn prompt(self, prompt: impl Into<String>) -> Self {
        self.text("prompt", prompt)
    }

    /// Who is likely to log in (OpenID Connect Core 3.1.2.1).
    #[must_use]
    pub fn login_hint(self, hint: impl Into<String>) -> Self {
        self.text("login_hint", hint)
    }

    /// The languages of the user, the best first, with spaces between (OpenID Connect Core 3.1.2.1).
    #[must_use]
    pub fn ui_locales(self, locales: impl Into<String>) -> Self {
        self.text("ui_locales", locales)
    }

    /// How strongly the user should log in, the best first, with spaces between (OpenID Connect Core
    /// 3.1.2.1).
    #[must_use]
    pub fn acr_values(self, values: impl Into<String>) -> Self {
        self.text("acr_values", values)
    }

    /// How strongly the user must log in: in one of these ways (OpenID Connect Core 5.5.1.1, where `acr_values`
    /// is no more than a wish). The ID token's `acr` is then checked. It is sent as the parameter `claims`.
    #[must_use]
    pub fn essential_acr<S: Into<String>>(mut self, values: impl IntoIterator<Item = S>) -> Self {
        self.essential_acr_values = values.into_iter().map(Into::into).collect();
        self
    }

    /// How long ago the user may have logged in at the most, in whole seconds (OpenID Connect Core
    /// 3.1.2.1). The ID token's `auth_time` is then checked.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// How the answer comes back. Default: in the query.
    #[must_use]
    pub fn response_mode(mut self, mode: ResponseMode) -> Self {
        self.response_mode = mode;
        self
    }

    /// Adds a parameter of this server's own. None may be one that the protocol sets, and none twice.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Signs the request with that key (RFC 9101): what is asked travels as a JWT, which the user's browser
    /// cannot change.
    #[must_use]
    pub fn signed_by(mut self, signer: Arc<dyn Signer>) -> Self {
        self.signer = Some(signer);
        self
    }

    /// Pushes the request to the server first (RFC 9126): what is asked does not pass the user's browser, and
    /// the client's authentication comes with it. Default: only where the server demands it.
    #[must_use]
    pub fn pushed(mut self) -> Self {
        self.is_pushed = true;
        self
    }

    fn text(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.texts.insert(name, value.into());
        self
    }

    /// The parameter `claims` (OpenID Connect Core 5.5); empty: there is none.
    pub(super) fn claims(&self) -> String {
        match self.essential_acr_values.as_slice() {
            [] => String::new(),
            values => {
                let acr = json!({"essential": true, "values": values});
                json!({"id_token": {"acr": acr}}).to_string()
            }
        }
    }

    /// Those parameters that change nothing here, in the order they are sent; none is empty.
    pub(super) fn others(&self) -> impl Iterator<Item = (&str, &str)> {
        let texts = self
            .texts
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        let parameters = self.parameters.iter();
        let parameters = parameters.map(|(name, value)| (name.as_str(), value.as_str()));
        texts
            .chain(parameters)
            .filter(|(_, value)| !value.is_empty())
    }

    /// Whether it can be asked.
    ///
    /// # Errors
    /// Every fault of it in one line, each with its field.
    pub(super) fn check(&self) -> Result<(), Error> {
        let mut faults: Vec<String> = Vec::new();
        if let Err(fault) = check_redirect_uri(&self.redirect_uri) {
            faults.push(format!("redirect_uri: {fault}"));
        }
        for resource in &self.resource {
            let is_usable = Url::parse(resource).is_ok_and(|url| url.fragment().is_none());
            if !is_usable {
                let shown = escape(resource);
                faults.push(format!(
                    "resource: `{shown}` is no absolute URI without a fragment (RFC 8707 2)"
                ));
            }
        }
        if self
            .authorization_details
            .as_ref()
            .is_some_and(|details| !are_details(details))
        {
            faults.push(
                "authorization_details: this is not an array of objects that each have a `type` (RFC 9396 2)"
                    .into(),
            );
        }
        if let Some(prompt) = self.texts.get("prompt") {
            let mut words = prompt.split(' ');
            if words.clone().count() > 1 && words.any(|word| word == "none") {
                faults.push(
                    "prompt: `none` stands beside another value (OpenID Connect Core 3.1.2.1)"
                        .into(),
                );
            }
        }
        if !self.essential_acr_values.is_empty() {
            if !self.scopes.contains("openid") {
                faults.push(
                    "scopes: without `openid` no ID token says how the user logged in".into(),
                );
            }
            if self.parameters.iter().any(|(name, _)| name == "claims") {
                faults.push("parameter: `claims` is set by `essential_acr`; take it out".into());
            }
        }
        let names: Vec<&str> = self
            .parameters
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        for (index, name) in names.iter().enumerate() {
            let shown = escape(name);
            if is_own_parameter(name) || self.texts.contains_key(name) {
                faults.push(format!(
                    "parameter: `{shown}` is set by the protocol; take it out"
                ));
            } else if names.iter().take(index).any(|earlier| earlier == name) {
                faults.push(format!("parameter: `{shown}` stands twice (RFC 6749 3.1)"));
            }
        }
        match faults.is_empty() {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Config, faults.join("; "))),
        }
    }
}

/// Parameters of the answer, which a redirect URI cannot have of its own.
const ANSWERED: [&str; 7] = [
    "code",
    "state",
    "iss",
    "error",
    "error_description",
    "error_uri",
    "response",
];

/// RFC 6749 3.1.2, RFC 8252 7 and 8.3.
fn check_redirect_uri(uri: &str) -> Result<(), String> {
    let url = Url::parse(uri).map_err(|error| {
        format!("this is not an absolute URL ({error}); write `https://host/path`")
    })?;
    if url.fragment().is_some() {
        return Err(
            "this URL has a fragment (`#…`), which none may have (RFC 6749 3.1.2); take it out"
                .into(),
        );
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("this URL holds a user name or password; take it out".into());
    }
    let is_loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    };
    match url.scheme() {
        "https" => {}
        "http" if is_loopback => {}
        "http" => {
            return Err("`http` is for a program on the user's machine alone, and then at `http://127.0.0.1:PORT/…` \
                 or `http://[::1]:PORT/…`, since a name such as `localhost` may lead elsewhere (RFC 8252 7.3, 8.3); \
                 write `https://…`"
                .into());
        }
        scheme if scheme.contains('.') => {} // private use (RFC 8252 7.1)
        _ => {
            return Err(
                "a scheme of a program's own is a domain name turned around, such as \
                 `com.example.app:/callback` (RFC 8252 7.1); else write `https://host/path`"
                    .into(),
            );
        }
    }
    let taken = url
        .query_pairs()
        .find(|(name, _)| ANSWERED.contains(&name.as_ref()));
    match taken {
        None => Ok(()),
        Some((name, _)) => Err(format!(
            "its query has `{name}`, which is a parameter of the answer; take it out"
        )),
    }
}

fn are_details(details: &Value) -> bool {
    let is_detail = |detail: &Value| detail.get("type").is_some_and(Value::is_string);
    details
        .as_array()
        .is_some_and(|list| !list.is_empty() && list.iter().all(is_detail))
}

impl fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others: Vec<&str> = self.others().map(|(name, _)| name).collect();
        f.debug_struct("AuthorizationRequest")
            .field("redirect_uri", &escape(&self.redirect_uri))
            .field("scopes", &self.scopes)
            .field("response_mode", &self.response_mode)
            .field("others", &others)
            .field("signer", &self.signer)
            .field("is_pushed", &self.is_pushed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::OWN_PARAMETERS;

    fn fault(request: &AuthorizationRequest) -> String {
        let error = request.check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        error.to_string()
    }

    #[test]
    fn takes_the_redirect_uris_of_the_rfcs() {
        for uri in [
            "https://app.example/callback",
            "https://app.example/callback?tenant=1",
            "http://127.0.0.1:51004/callback",
            "http://[::1]:51004/callback",
            "com.example.app:/callback",
        ] {
            AuthorizationRequest::new(uri).check().unwrap();
        }
    }

    #[test]
    fn refuses_what_no_redirect_uri_is() {
        for (uri, says) in [
            ("/callback", "not an absolute URL"),
            ("https://app.example/cb#x", "fragment"),
            ("https://user:pa55@app.example/cb", "user name"),
            ("http://app.example/cb", "127.0.0.1"),
            ("http://localhost:8080/cb", "localhost"),
            ("http://127.0.0.1.example/cb", "127.0.0.1"),
            ("javascript:alert(1)", "turned around"),
            ("myapp:/cb", "turned around"),
            ("https://app.example/cb?code=1", "`code`"),
            ("https://app.example/cb?%69ss=1", "`iss`"),
        ] {
            let text = fault(&AuthorizationRequest::new(uri));
            assert!(
                text.starts_with("redirect_uri: ") && text.contains(says),
                "{uri}: {text}"
            );
            assert!(!text.contains("pa55"), "{text}");
        }
    }

    #[test]
    fn r112_no_parameter_of_the_protocol_is_anybodys_to_set() {
        for name in OWN_PARAMETERS {
            let request =
                AuthorizationRequest::new("https://app.example/cb").parameter(name, "token");
            let text = fault(&request);
            assert!(
                text.contains(&format!("`{name}` is set by the protocol")),
                "{text}"
            );
        }
    }

    #[test]
    fn names_every_fault_at_once() {
        let text = fault(
            &AuthorizationRequest::new("/cb")
                .resource("api")
                .resource("https://api.example/#x")
                .authorization_details(json!({"type": "payment"}))
                .prompt("none login")
                .parameter("a", "1")
                .parameter("a", "2")
                .parameter("prompt", "x"),
        );
        for says in [
            "redirect_uri: ",
            "resource: `api`",
            "resource: `https://api.example/#x`",
            "authorization_details: ",
            "prompt: `none`",
            "`a` stands twice",
            "`prompt` is set by the protocol",
        ] {
            assert!(text.contains(says), "{says:?} is not in: {text}");
        }
    }

    #[test]
    fn prints_nobodys_login_hint() {
        let request = AuthorizationRequest::new("https://app.example/cb").login_hint("a person");
        let shown = format!("{request:?}");
        assert!(
            shown.contains("login_hint") && !shown.contains("a person"),
            "{shown}"
        );
    }
}
