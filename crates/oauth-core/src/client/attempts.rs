//! One request in its attempts, with a credential or without.

use http::{HeaderName, HeaderValue, Method};
use reqwest::{Request, Response};

use crate::env::Env;
use crate::error::{Error, ErrorKind, Recovery};
use crate::http::url::{check, origin};
use crate::http::{Failure, Sent, failure_of_request, redirect_refused};
use crate::retry::{Attempts, ReplayClass, Verdict, retry_after};
use crate::traffic::Repeats;

/// Sends a request that bears no token: to a URL that is itself the secret, or one that was signed.
///
/// It is sent again where [`AuthorizedClient::execute`](crate::client::AuthorizedClient::execute) would,
/// and follows no redirect. No error names more of the URL than its origin. (Its answer knows the whole
/// URL: [`read_json`](crate::client::read_json) would name its path.)
///
/// # Errors
/// The URL is not one that may be used (see [`Http::parse_url`](crate::http::Http::parse_url)), the
/// connection fails, or the server answers with a redirect. A passing status that lasts comes back as an
/// answer, as any other does.
pub async fn send_without_token(env: &Env, request: Request) -> Result<Response, Error> {
    check(request.url(), env.http().settings().loopback_http)
        .map_err(|problem| Error::config("url", problem))?;
    let class = class_of(request.method());
    let (response, _) = send(env, request, None, class, None).await?;
    let from = origin(response.url());
    match redirect_refused(response.status(), response.headers(), response.url(), &from) {
        Some(error) => Err(error),
        None => Ok(response),
    }
}

/// What a method says about sending a request again (RFC 9110 9.2.1).
pub(super) fn class_of(method: &Method) -> ReplayClass {
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS => ReplayClass::Safe,
        _ => ReplayClass::Once,
    }
}

/// Sends one request, with that header, again where the server provably did not process it or doing so
/// does no harm. With the answer comes the request once more, where its body can be sent again.
pub(super) async fn send(
    env: &Env,
    mut request: Request,
    header: Option<(HeaderName, HeaderValue)>,
    class: ReplayClass,
    repeats: Option<&Repeats>,
) -> Result<(Response, Option<Request>), Error> {
    let clock = env.clock();
    let overall = env.http().settings().overall_timeout;
    let mut attempts = Attempts::new(class, clock.ticks(), overall);
    let mut over = Over::Any;
    loop {
        attempts.begin();
        let again = request.try_clone(); // without the header: there is less to copy
        if let Some((name, value)) = &header {
            request.headers_mut().insert(name, value.clone());
        }
        let (failure, response) = match send_once(env, request, over).await {
            Ok(response) => {
                if let Some(repeats) = repeats {
                    repeats.earn();
                }
                return Ok((response, again));
            }
            Err(failed) => failed,
        };
        let (error, again) = match (attempts.judge(&failure, clock.ticks()), again) {
            (Verdict::Again(pause), Some(again)) => {
                if repeats.is_some_and(|repeats| !repeats.pay(env, again.url(), &failure.error)) {
                    let error = attempts.settle(&failure);
                    return response.map_or(Err(error), |response| Ok((*response, Some(again))));
                }
                // over the connection that brought 421 the next answer would be the same
                if matches!(failure.error.status(), Some(421 | 425)) {
                    over = Over::New;
                }
                clock.sleep(pause).await;
                request = again;
                continue;
            }
            (Verdict::Stop(error), again) => (error, again),
            (Verdict::Again(_), None) => (failure.error, None),
        };
        // what the API answered is the caller's to judge
        return response.map_or(Err(error), |response| Ok((*response, again)));
    }
}

/// One attempt. A passing status is a failure that carries its answer.
async fn send_once(
    env: &Env,
    request: Request,
    over: Over,
) -> Result<Response, (Failure, Option<Box<Response>>)> {
    let http = env.http();
    let settings = http.settings();
    let deadline = request.timeout().copied().unwrap_or(settings.api_timeout);
    let client = match over {
        Over::Any => http.api(),
        Over::New => http.fresh_api().map_err(|failure| (failure, None))?,
    };
    let response = client.execute(request).await.map_err(|error| {
        let to = error.url().map_or_else(|| "the API".to_owned(), origin);
        (failure_of_request(error, &to, settings, deadline), None)
    })?;
    let status = response.status().as_u16();
    if !matches!(status, 421 | 425 | 429 | 502 | 503 | 504) {
        return Ok(response);
    }
    let to = origin(response.url());
    let after = retry_after(response.headers(), env.clock().now());
    let error = Error::new(
        ErrorKind::Http,
        format!("{to} answered with status {status}"),
    )
    .with_status(status)
    .with_recovery(Recovery::Retry { after });
    Err((
        Failure {
            error,
            sent: Sent::Yes,
        },
        Some(Box::new(response)),
    ))
}

/// Which connection an attempt goes over.
#[derive(Clone, Copy, Debug)]
enum Over {
    Any,
    New,
}
