//! `client_secret_basic` (RFC 6749 2.3.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oauth_stage::Endpoint;

use crate::check::{Failure, Outcome, equal, that};
use crate::connected::Connected;
use crate::redact::remember;
use crate::stage::Stage;
use crate::subject::Subject;

const ID: &str = "a:b c";
const SECRET: &str = "100% +/=&é:canary";
/// Both as `application/x-www-form-urlencoded` (RFC 6749 Appendix B), joined by a colon.
const ENCODED: &str = "a%3Ab+c:100%25+%2B%2F%3D%26%C3%A9%3Acanary";

/// Id and secret are encoded as a form before they are joined and go through Base64.
pub(super) async fn encodes_basic_as_a_form<S: Subject>(stage: Stage) -> Outcome {
    remember(ENCODED);
    let it = Connected::<S>::to(&stage.as_client_with(ID, SECRET))?;
    let called = it.call().await;
    let requests = stage.exchanges(Endpoint::Token);
    equal("token requests", 1, requests.len())?;
    for request in &requests {
        let header = request.header("authorization").unwrap_or("nothing");
        let credentials = header.strip_prefix("Basic ").ok_or_else(|| {
            Failure::new("expected the credentials in `Authorization: Basic`, saw them elsewhere")
        })?;
        let decoded = STANDARD
            .decode(credentials)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        that(decoded.as_deref() == Some(ENCODED), || {
            "expected id and secret each encoded as a form (RFC 6749 2.3.1), saw them encoded otherwise".into()
        })?;
        let form = request.form();
        that(
            !form.iter().any(|(name, _)| name == "client_secret"),
            || "the secret is in the form too".into(),
        )?;
    }
    called.map_err(Failure::from)?;
    equal("violations", Vec::new(), stage.server().violations())
}
