//! What became of a request that brought no answer: what went wrong, and whether the server may
//! have processed it.

use std::error::Error as StdError;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::error::{Error, ErrorKind, ProtocolFault};
use crate::http::guard::{self, NoPublicAddress};
use crate::http::settings::HttpSettings;
use crate::text;

/// A request without a usable answer.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub error: Error,
    pub sent: Sent,
}

/// Whether the server may have processed a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Provably not: no connection, or the stream was refused (RFC 9113 8.7).
    No,
    /// Nobody knows.
    Maybe,
    /// Yes: it answered.
    Yes,
}

impl Failure {
    pub fn unsent(error: Error) -> Self {
        Self {
            error,
            sent: Sent::No,
        }
    }

    pub fn answered(error: Error) -> Self {
        Self {
            error,
            sent: Sent::Yes,
        }
    }
}

/// A failure before the head of the answer was read, of a request that had until `deadline`.
pub(crate) fn of_request(
    error: reqwest::Error,
    to: &str,
    settings: &HttpSettings,
    deadline: Duration,
) -> Failure {
    let error = error.without_url();
    if has::<NoPublicAddress>(&error) {
        return Failure::unsent(guard::private_endpoint(to));
    }
    if error.is_connect() {
        return Failure::unsent(of_connect(&error, to, settings.connect_timeout));
    }
    if error.is_builder() {
        let problem = format!("a request to {to} cannot be built: {}", causes(&error));
        return Failure::unsent(Error::new(ErrorKind::Config, problem));
    }
    if refused_stream(&error) {
        let problem = format!("{to} refused the stream before it processed the request");
        return Failure::unsent(Error::new(ErrorKind::Interrupted, problem));
    }
    of_body(error, to, Some(deadline))
}

/// What hyper says of chunk extensions and trailers that are too large or too many; it has no kind for
/// them.
const CHUNK_LIMITS: [&str; 2] = ["over limit", "trailers count overflow"];

/// A failure once the request was on its way; `deadline`: of the whole, where it is known.
pub(super) fn of_body(error: reqwest::Error, to: &str, deadline: Option<Duration>) -> Failure {
    let error = error.without_url();
    let (kind, problem) = if error.is_timeout() {
        let problem = match deadline {
            Some(deadline) => format!("{to} did not answer in full within {deadline:?}"),
            None => format!("{to} did not answer in full in time"),
        };
        (ErrorKind::Timeout, problem)
    } else if let Some(fault) = broken_http(&error) {
        let how = match fault {
            ProtocolFault::TooLarge => "a head or framing that is too large",
            _ => "broken HTTP",
        };
        let problem = format!("{to} answered with {how}: {}", causes(&error));
        (ErrorKind::Protocol(fault), problem)
    } else {
        let problem = format!("the connection to {to} broke: {}", causes(&error));
        (ErrorKind::Interrupted, problem)
    };
    Failure {
        error: Error::new(kind, problem),
        sent: Sent::Maybe,
    }
}

/// A body that stopped coming.
pub(super) fn of_pause(to: &str, pause: Duration) -> Failure {
    let problem = format!("{to} paused inside its answer for more than {pause:?}");
    Failure {
        error: Error::new(ErrorKind::Timeout, problem),
        sent: Sent::Maybe,
    }
}

fn is_over_a_limit(causes: &str) -> bool {
    CHUNK_LIMITS.iter().any(|words| causes.contains(words))
}

/// How an answer breaks HTTP, where that is what went wrong.
fn broken_http(error: &reqwest::Error) -> Option<ProtocolFault> {
    use h2::Reason;
    let hyper = find::<hyper::Error>(error);
    // what our own side found wrong, not what the server said of us
    let h2 = find::<h2::Error>(error)
        .filter(|h2| h2.is_library())
        .and_then(h2::Error::reason);
    if hyper.is_some_and(hyper::Error::is_parse_too_large)
        || h2 == Some(Reason::ENHANCE_YOUR_CALM)
        || is_over_a_limit(&causes(error))
    {
        return Some(ProtocolFault::TooLarge);
    }
    let is_broken = hyper.is_some_and(hyper::Error::is_parse)
        || is_broken_framing(error)
        || matches!(
            h2,
            Some(
                Reason::PROTOCOL_ERROR
                    | Reason::COMPRESSION_ERROR
                    | Reason::FRAME_SIZE_ERROR
                    | Reason::FLOW_CONTROL_ERROR
            )
        );
    is_broken.then_some(ProtocolFault::BadEncoding)
}

fn of_connect(error: &reqwest::Error, to: &str, deadline: Duration) -> Error {
    if let Some(tls) = find::<rustls::Error>(error) {
        let problem = format!(
            "no TLS connection to {to}: {}",
            text::escape(&tls.to_string())
        );
        let error = Error::new(ErrorKind::Tls, problem);
        return match by_the_clock(tls) {
            Some(clock) => error.adding(&clock).remedy(
                "check this machine's clock first, then the server's certificate; a private root of trust goes \
                 into `HttpSettings::ca_roots`",
            ),
            None => error.remedy(
                "check the server's certificate; a private root of trust goes into `HttpSettings::ca_roots`",
            ),
        };
    }
    if error.is_timeout() {
        let problem = format!("no connection to {to} within {deadline:?}");
        return Error::new(ErrorKind::Timeout, problem)
            .remedy("check the host, the port and the firewall");
    }
    let problem = format!("no connection to {to}: {}", causes(error));
    Error::new(ErrorKind::Connect, problem)
        .remedy("check the host, the port, the proxy and the network")
}

/// What this machine's clock says, where a certificate was refused for its time alone: a wrong clock
/// makes every certificate invalid, and a right one few. It is the system's clock that judges.
fn by_the_clock(error: &rustls::Error) -> Option<String> {
    use rustls::CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    let rustls::Error::InvalidCertificate(fault) = error else {
        return None;
    };
    let judged_at = match fault {
        ExpiredContext { time, .. } | NotValidYetContext { time, .. } => {
            i64::try_from(time.as_secs())
        }
        Expired | NotValidYet => Ok(Utc::now().timestamp()),
        _ => return None,
    };
    let judged_at = DateTime::from_timestamp(judged_at.ok()?, 0)?;
    let judged_at = judged_at.to_rfc3339_opts(SecondsFormat::Secs, true);
    Some(format!(" (this machine's clock says {judged_at})"))
}

/// The server says that it did not process the request (RFC 9113 8.7).
fn refused_stream(error: &reqwest::Error) -> bool {
    find::<h2::Error>(error).is_some_and(|h2| {
        h2.is_remote()
            && (h2.reason() == Some(h2::Reason::REFUSED_STREAM)
                || (h2.is_go_away() && h2.reason() == Some(h2::Reason::NO_ERROR)))
    })
}

/// Chunks or content codings that do not decode.
fn is_broken_framing(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(at) = cause {
        if let Some(io) = at.downcast_ref::<std::io::Error>() {
            let kind = io.kind();
            if matches!(
                kind,
                std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput
            ) {
                return true;
            }
        }
        cause = at.source();
    }
    false
}

fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut cause = Some(error);
    while let Some(at) = cause {
        if let Some(found) = at.downcast_ref::<E>() {
            return Some(found);
        }
        // io::Error shows its content's source, never the content
        if let Some(inner) = at
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
            && let Some(found) = find::<E>(inner)
        {
            return Some(found);
        }
        cause = at.source();
    }
    None
}

fn has<E: StdError + 'static>(error: &(dyn StdError + 'static)) -> bool {
    find::<E>(error).is_some()
}

/// The causes of an error in one line, without reqwest's own first words.
pub(super) fn causes(error: &(dyn StdError + 'static)) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(at) = cause {
        let line = at.to_string();
        if lines.last() != Some(&line) {
            lines.push(line);
        }
        cause = at.source();
    }
    if lines.is_empty() {
        lines.push(error.to_string());
    }
    text::escape(&lines.join(": "))
}
