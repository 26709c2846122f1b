//! A client made as a user makes it, and the environment it lives in.

use std::fmt::Debug;
use std::sync::Arc;

use http::HeaderName;
use oauth_core::adapter::Adapter;
use oauth_core::client::AuthorizedClient;
use oauth_core::env::Env;
use oauth_core::error::Error;
use oauth_core::server::Placement;
use oauth_core::token::Token;
use oauth_stage::{Endpoint, Exchange};
use serde_json::Value;

use crate::check::Failure;
use crate::stage::Stage;
use crate::subject::Subject;

/// A client of the stage, made by [`oauth_core::adapter::connect`] with what a user would write.
pub(crate) struct Connected<S: Subject> {
    pub env: Env,
    pub client: Client<S>,
}

type Client<S> = <<S as Subject>::Adapter as Adapter>::Client;

impl<S: Subject> Clone for Connected<S> {
    fn clone(&self) -> Self {
        Self {
            env: self.env.clone(),
            client: self.client.clone(),
        }
    }
}

impl<S: Subject> Connected<S> {
    /// In an environment of its own.
    ///
    /// # Errors
    /// The adapter refuses what its own [`Subject::config`] says.
    pub fn to(stage: &Stage) -> Result<Self, Failure> {
        Self::within(&stage.env()?, stage)
    }

    /// In an environment that others share.
    ///
    /// # Errors
    /// As [`Connected::to`].
    pub fn within(env: &Env, stage: &Stage) -> Result<Self, Failure> {
        let client = oauth_core::adapter::connect::<S::Adapter>(env, stage.config(S::config))
            .map_err(|error| {
                Failure::from(error).when("connecting with the subject's own config")
            })?;
        Ok(Self {
            env: env.clone(),
            client,
        })
    }

    /// Makes the subject's call.
    ///
    /// # Errors
    /// Those of the adapter.
    pub async fn call(&self) -> Result<Value, Error> {
        let (name, args) = S::probe();
        S::call(&self.client, name, args).await
    }

    /// A token, as what waits for one gets it.
    ///
    /// # Errors
    /// None can be had.
    pub async fn token(&self) -> Result<Arc<Token>, Error> {
        self.bare().token().await
    }

    /// The client below the adapter's own.
    pub fn bare(&self) -> &AuthorizedClient {
        self.client.as_ref()
    }

    /// Everything of it that can be printed.
    pub fn printed(&self) -> impl Debug {
        (self.client.clone(), self.env.clone())
    }

    /// Which tokens the API saw, by name, in the order of the calls.
    pub fn borne(&self, stage: &Stage) -> Vec<String> {
        let calls = stage.exchanges(Endpoint::Api);
        calls
            .iter()
            .map(|call| self.borne_by(call, stage))
            .collect()
    }

    /// Which token a request bears in the declared place.
    pub fn borne_by(&self, call: &Exchange, stage: &Stage) -> String {
        let (name, scheme) = place(&self.bare().api().placement);
        match call.header(name.as_str()) {
            Some(value) => match value.strip_prefix(&scheme) {
                Some(token) => stage.name_of(token),
                None => format!("a `{name}` that does not begin with `{scheme}`"),
            },
            None => "no token".to_owned(),
        }
    }
}

/// The header that holds the token, and what stands before it there.
pub(crate) fn place(placement: &Placement) -> (HeaderName, String) {
    match placement {
        Placement::Scheme(scheme) => (http::header::AUTHORIZATION, format!("{scheme} ")),
        Placement::Header(name) => (name.clone(), String::new()),
        _ => (http::header::AUTHORIZATION, "Bearer ".to_owned()),
    }
}
