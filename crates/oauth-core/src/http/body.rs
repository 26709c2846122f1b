//! Reading bodies that may be endless.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, ProtocolFault};
use crate::http::fault::{self, Failure};

/// How long a body may take. The whole is cut by the request's own deadline; it is here to be told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Patience {
    /// The longest time until the next chunk.
    pub pause: Option<Duration>,
    /// The deadline of the request, where it is known.
    pub whole: Option<Duration>,
}

/// Reads a whole body of at most `limit` bytes, counted after any decoding.
///
/// # Errors
/// The body is larger, broke off, or its coding is broken.
pub async fn read_limited(response: reqwest::Response, limit: usize) -> Result<Vec<u8>, Error> {
    let from = crate::http::url::origin(response.url());
    let mut body = read(response, limit, &from, Patience::default())
        .await
        .map_err(|failure| failure.error)?;
    Ok(std::mem::take(&mut *body))
}

pub(super) async fn read(
    mut response: reqwest::Response,
    limit: usize,
    from: &str,
    patience: Patience,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let announced = response.content_length().unwrap_or(0);
    if announced > limit as u64 {
        return Err(too_large(from, limit));
    }
    // room for all at once: a buffer that grows leaves copies of a token behind
    let room = match usize::try_from(announced) {
        Ok(0) | Err(_) => 4096,
        Ok(announced) => announced,
    };
    let room = room.min(limit);
    let mut body = Zeroizing::new(Vec::with_capacity(room));
    while let Some(chunk) = next(&mut response, from, patience).await? {
        let chunk = chunk.as_ref();
        if body.len() + chunk.len() > limit {
            return Err(too_large(from, limit));
        }
        body.extend_from_slice(chunk);
    }
    Ok(body)
}

async fn next(
    response: &mut reqwest::Response,
    from: &str,
    patience: Patience,
) -> Result<Option<impl AsRef<[u8]> + use<>>, Failure> {
    let chunk = response.chunk();
    let chunk = match patience.pause {
        Some(pause) => tokio::time::timeout(pause, chunk)
            .await
            .map_err(|_| fault::of_pause(from, pause))?,
        None => chunk.await,
    };
    chunk.map_err(|error| fault::of_body(error, from, patience.whole))
}

fn too_large(from: &str, limit: usize) -> Failure {
    Failure::answered(
        Error::new(
            ErrorKind::Protocol(ProtocolFault::TooLarge),
            format!("{from} answered with more than {limit} bytes"),
        )
        .remedy("ask for less, or raise the limit"),
    )
}
