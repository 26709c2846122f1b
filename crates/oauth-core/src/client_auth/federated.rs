//! Assertions that somebody else makes for the client, read anew for each attempt (RFC 7523 2.2).

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::error::{Error, ErrorKind, Recovery};
use crate::secret::{Secret, SecretRef, Secrets};
use crate::signing_key::SignerError;

/// Brings an assertion about this client that somebody else has signed: the platform that the workload
/// runs on, say, from its metadata service.
pub trait AssertionProvider: fmt::Debug + Send + Sync {
    /// What it is called in errors and logs. It is the same as long as it stands for the same client.
    fn name(&self) -> &str;

    /// An assertion that is good now. It is asked anew for each attempt, and given up after the deadline
    /// of a request.
    ///
    /// # Errors
    /// There is none; [`SignerError::is_retryable`] says whether trying again can help.
    fn assertion(&self) -> BoxFuture<'_, Result<Secret, SignerError>>;
}

/// Where an assertion comes from that somebody else has made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AssertionSource {
    /// A file or variable that the platform keeps fresh, read at each use.
    Reference(SecretRef),
    /// A program's own.
    Provider(Arc<dyn AssertionProvider>),
}

impl AssertionSource {
    /// By what it is known in errors.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Reference(reference) => format!("{reference:?}"),
            Self::Provider(provider) => crate::text::escape(provider.name()),
        }
    }

    /// The assertion as it is now: nothing is kept of it.
    pub(crate) async fn read(
        &self,
        secrets: &Secrets,
        patience: Duration,
    ) -> Result<Secret, Error> {
        let assertion = match self {
            Self::Reference(reference) => reference.read(secrets).map_err(|fault| {
                Error::config("client_assertion", fault).with_kind(ErrorKind::Credential)
            })?,
            Self::Provider(provider) => self.ask(&**provider, patience).await?,
        };
        if !is_compact(assertion.expose()) {
            let problem = format!("what {} holds is no JWT (RFC 7519 3)", self.name());
            return Err(Error::config("client_assertion", problem).with_kind(ErrorKind::Credential));
        }
        Ok(assertion)
    }

    async fn ask(
        &self,
        provider: &dyn AssertionProvider,
        patience: Duration,
    ) -> Result<Secret, Error> {
        let failed = |why: &dyn fmt::Display| {
            let problem = format!("no assertion from `{}`: {why}", self.name());
            Error::new(ErrorKind::Credential, problem)
        };
        let passing = |error: Error| error.with_recovery(Recovery::Retry { after: None });
        // it is foreign code: a panic of its own must not take the renewal with it
        let asking = AssertUnwindSafe(async { provider.assertion().await }).catch_unwind();
        match tokio::time::timeout(patience, asking).await {
            Ok(Ok(Ok(assertion))) => Ok(assertion),
            Ok(Ok(Err(fault))) if fault.is_retryable() => Err(passing(failed(&fault))),
            Ok(Ok(Err(fault))) => Err(failed(&fault)),
            Ok(Err(_)) => Err(failed(&"it panicked").with_recovery(Recovery::Report)),
            Err(_) => Err(passing(failed(&format_args!(
                "it did not answer within {patience:?}"
            )))),
        }
    }
}

/// Three parts in base64url, as a signed JWT has (RFC 7515 3.1).
fn is_compact(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    text.split('.').count() == 3 && text.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_jwt_is_taken_for_an_assertion() {
        assert!(is_compact("eyJ.e-_.c2ln"));
        for bad in [
            "", "a", "a.b", "a.b.", "a.b.c.d", "a.b.c\n", "<html>", "a b.c.d", "a=.b.c",
        ] {
            assert!(!is_compact(bad), "{bad:?}");
        }
    }

    #[tokio::test]
    async fn an_error_names_the_source_and_no_value() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let source = AssertionSource::Reference(SecretRef::file(&path));
        let secrets = Secrets::default();
        let read = async || {
            let read = source.read(&secrets, Duration::from_secs(1));
            read.await.map(|assertion| assertion.expose().to_owned())
        };
        let missing = read().await.unwrap_err().to_string();
        std::fs::write(&path, "s3cret and no JWT").unwrap();
        let wrong = read().await.unwrap_err().to_string();
        for text in [missing, wrong] {
            assert!(text.contains("token"), "{text}");
            assert!(text.contains("client_assertion"), "{text}");
            assert!(!text.contains("s3cret"), "{text}");
        }
        for assertion in ["a.b.c", "d.e.f"] {
            std::fs::write(&path, assertion).unwrap();
            assert_eq!(read().await.unwrap(), assertion);
        }
    }
}
