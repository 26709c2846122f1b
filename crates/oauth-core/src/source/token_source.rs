//! The one question all sources of tokens answer.

use std::fmt;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::error::Error;
use crate::source::status::{ConnectionStatus, StatusChanges};
use crate::token::{GrantedToken, Token};

/// Where tokens come from. Object-safe.
pub trait TokenSource: fmt::Debug + Send + Sync {
    /// A token that is fresh now, or nothing: the hot path, without a lock or an allocation.
    fn cached(&self) -> Option<Arc<Token>>;

    /// A token that is fresh now. One that is live is served at once, also while it is renewed.
    ///
    /// # Errors
    /// None is live and none can be had; see [`Error::recovery`].
    fn token(&self) -> BoxFuture<'_, Result<Arc<Token>, Error>>;

    /// Another token than the one the API refused.
    ///
    /// # Errors
    /// There is none: the renewal failed, or the token was itself a replacement just now.
    fn replace<'a>(&'a self, refused: &'a Token) -> BoxFuture<'a, Result<Arc<Token>, Error>>;

    /// How the connection is, since when and why.
    fn status(&self) -> ConnectionStatus;

    /// The changes of [`TokenSource::status`] from now on.
    fn subscribe(&self) -> StatusChanges;

    /// Takes over a token that was granted elsewhere: by a login, by another program.
    ///
    /// # Errors
    /// The store cannot keep it, or this source has no use for it.
    fn adopt(&self, granted: GrantedToken) -> BoxFuture<'_, Result<(), Error>> {
        drop(granted);
        let error = Error::config(
            "token",
            "this connection makes its own tokens and adopts none",
        );
        std::future::ready(Err(error)).boxed()
    }
}
