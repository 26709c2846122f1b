//! Who sent a request to the authorization server (RFC 6749 2.3).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;

use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;

use crate::form;
use crate::strict::assertion;
use crate::strict::client::{Authentication, Registration};
use crate::strict::dpop::certificate_thumbprint;
use crate::strict::parameters::Parameters;
use crate::strict::refusal::{INVALID_CLIENT, INVALID_REQUEST, Refusal};
use crate::strict::request::Request;
use crate::strict::state::State;

/// The client, when it proved who it is in exactly the way it is registered for.
pub(crate) fn authenticate(
    state: &State,
    request: &Request,
    parameters: &Parameters,
) -> Result<Arc<Registration>, Refusal> {
    let client_id = parameters.find("client_id");
    let registration = match presented(request, parameters)? {
        Presented::Nothing => {
            let id = client_id.ok_or_else(|| Refusal::unauthenticated(None))?;
            let is_right = |a: &Authentication| match a {
                Authentication::None => true,
                Authentication::Tls { san_dns } => is_by_the_authority(state, request, san_dns),
                Authentication::SelfSignedTls { thumbprint } => request
                    .certificate()
                    .is_some_and(|der| certificate_thumbprint(der) == *thumbprint),
                _ => false,
            };
            known(state, id, is_right)?
        }
        Presented::Header(value) => basic(state, value)?,
        Presented::Secret(secret) => {
            let id = client_id.ok_or_else(|| {
                let rule = "client_secret came without client_id (RFC 6749 2.3.1)";
                Refusal::violation(INVALID_REQUEST, rule)
            })?;
            let is_right =
                |a: &Authentication| matches!(a, Authentication::SecretPost(s) if s == secret);
            known(state, id, is_right)?
        }
        Presented::Assertion { kind, assertion } => {
            if kind != ASSERTION_TYPE {
                let rule = "client_assertion_type is not that of JWTs (RFC 7523 2.2)";
                return Err(Refusal::violation(INVALID_CLIENT, rule));
            }
            assertion::authenticate(state, assertion, client_id)?
        }
    };
    if client_id.is_some_and(|id| id != registration.client.id) {
        let rule = "the parameter client_id names another client than the credentials";
        return Err(Refusal::violation(INVALID_REQUEST, rule));
    }
    Ok(registration)
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

enum Presented<'a> {
    Nothing,
    Header(&'a str),
    Secret(&'a str),
    Assertion { kind: &'a str, assertion: &'a str },
}

/// The one method that the request uses: two at once are forbidden (RFC 6749 2.3).
fn presented<'a>(
    request: &'a Request,
    parameters: &'a Parameters,
) -> Result<Presented<'a>, Refusal> {
    let mut headers = request.headers().get_all(AUTHORIZATION).iter();
    let (header, second) = (headers.next(), headers.next());
    let secret = parameters.find("client_secret");
    let has_assertion = ["client_assertion", "client_assertion_type"]
        .iter()
        .any(|name| parameters.find(name).is_some());
    let methods = [
        header.is_some(),
        second.is_some(),
        secret.is_some(),
        has_assertion,
    ]
    .map(usize::from);
    if methods.iter().sum::<usize>() > 1 {
        let rule = "the client authenticates in more than one way (RFC 6749 2.3)";
        return Err(Refusal::violation(INVALID_REQUEST, rule));
    }
    Ok(match (header, secret) {
        (Some(header), _) => Presented::Header(header.to_str().unwrap_or_default()),
        (None, Some(secret)) => Presented::Secret(secret),
        (None, None) if has_assertion => Presented::Assertion {
            kind: parameters.require("client_assertion_type")?,
            assertion: parameters.require("client_assertion")?,
        },
        (None, None) => Presented::Nothing,
    })
}

/// `client_secret_basic`: both halves are form-encoded before base64, except where the client is
/// registered with [`Authentication::SecretBasicRaw`].
fn basic(state: &State, header: &str) -> Result<Arc<Registration>, Refusal> {
    let broken = |rule: &str| Refusal::unauthenticated(Some(format!("{rule} (RFC 6749 2.3.1)")));
    let (scheme, credentials) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("Basic") {
        return Err(broken("the Authorization of a client is not Basic"));
    }
    let decoded = STANDARD
        .decode(credentials)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = decoded.ok_or_else(|| broken("the credentials are not base64 of UTF-8"))?;
    let (id, secret) = decoded
        .split_once(':')
        .ok_or_else(|| broken("the credentials have no colon"))?;
    let is_right_raw =
        |a: &Authentication| matches!(a, Authentication::SecretBasicRaw(s) if s == secret);
    if let Ok(registration) = known(state, id, is_right_raw) {
        return Ok(registration);
    }
    let is_raw = |a: &Authentication| matches!(a, Authentication::SecretBasicRaw(_));
    if known(state, id, is_raw).is_ok() {
        return Err(Refusal::unauthenticated(None));
    }
    let id = form::decode(id).map_err(|fault| broken(&format!("the client's id {fault}")))?;
    let secret =
        form::decode(secret).map_err(|fault| broken(&format!("the client's secret {fault}")))?;
    let is_right = |a: &Authentication| matches!(a, Authentication::SecretBasic(s) if *s == secret);
    known(state, &id, is_right)
}

/// Whether the client showed a certificate by the server's authority that has that name (RFC 8705 2.1).
fn is_by_the_authority(state: &State, request: &Request, name: &str) -> bool {
    let (Some(authority), Some(der)) = (&state.authority, request.certificate()) else {
        return false;
    };
    let der = CertificateDer::from(der);
    let is_issued = authority
        .verify_client_cert(&der, &[], UnixTime::now())
        .is_ok();
    let (Ok(certificate), Ok(name)) = (ParsedCertificate::try_from(&der), name.try_into()) else {
        return false;
    };
    is_issued && verify_server_name(&certificate, &name).is_ok()
}

/// The client of that id, if it is registered so; one answer to all that is wrong.
fn known(
    state: &State,
    id: &str,
    is_right: impl Fn(&Authentication) -> bool,
) -> Result<Arc<Registration>, Refusal> {
    state
        .client(id)
        .filter(|registration| is_right(&registration.client.authentication))
        .ok_or_else(|| Refusal::unauthenticated(None))
}
