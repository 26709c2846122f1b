//! No secret is printed: not by values, not by errors, not into any log.

mod echo;
mod search;

use std::time::Duration;

use oauth_core::error::Error;
use oauth_stage::{Answer, Endpoint};

use crate::capture::Listening;
use crate::check::{Outcome, refused, that};
use crate::clauses::secrets::echo::{Echo, Mode};
use crate::clauses::secrets::search::Search;
use crate::connected::Connected;
use crate::stage::{Stage, random};
use crate::subject::Subject;

/// Whatever succeeds or fails, no secret is in what can be printed or in what is logged, by any crate,
/// at any level.
pub(super) async fn prints_no_secret<S: Subject>(_: Stage) -> Outcome {
    // over TLS, and so over HTTP/2, whose crates log the most
    let stage = Stage::start_tls().await?;
    S::prepare(&stage);
    let outcome = all::<S>(&stage).await;
    outcome.map_err(|failure| failure.with(stage.story()))
}

async fn all<S: Subject>(stage: &Stage) -> Outcome {
    let mut search = Search::new(stage.clone(), Listening::begin()?);
    search.finds_what_is_logged_on_purpose().await?;

    let it = Connected::<S>::to(stage)?;
    search.show("a client before its first call", &it.printed());
    it.call().await?;
    search.show("a client after a call", &it.printed());
    search.show("a token", &it.token().await?);
    search.nothing_so_far("after a success")?;
    if stage.token_requests() > 0 {
        search.heard_of("oauth_core::")?;
        token_endpoint::<S>(stage, &mut search).await?;
    }
    search.heard_of("h2::")?;
    api::<S>(stage, &mut search).await
}

/// Each way in which a token request fails, with a server that repeats what it was sent.
async fn token_endpoint<S: Subject>(stage: &Stage, search: &mut Search) -> Outcome {
    let echo = Echo::at_token_endpoint(stage);
    for mode in Mode::ALL {
        echo.set(mode);
        let it = Connected::<S>::to(stage)?;
        search.fails(mode.name(), &it.printed(), it.call().await.map(drop))?;
    }
    echo.stop();

    for _ in 0..3 {
        stage.server().lose_answer(Endpoint::Token);
    }
    let it = Connected::<S>::to(stage)?;
    // a connection that breaks may be tried again, and a rotated token be asked for once more
    let lost = it.call().await.map(drop);
    search.show("the outcome of lost answers", &lost);
    search.nothing_so_far("after lost answers")?;

    let mut settings = stage.settings();
    settings.overall_timeout = Duration::from_millis(80);
    settings.request_timeout = Duration::from_millis(40);
    settings.late_answer = Duration::from_millis(20);
    let hold = stage.server().hold(Endpoint::Token);
    let it = Connected::<S>::within(&stage.env_of(settings)?, stage)?;
    search.fails(
        "a token endpoint that does not answer",
        &it.printed(),
        it.call().await.map(drop),
    )?;
    it.env.idle().await;
    drop(hold);
    search.nothing_so_far("after the background has ended")
}

/// Each way in which the API fails, with an answer that repeats the token.
async fn api<S: Subject>(stage: &Stage, search: &mut Search) -> Outcome {
    let it = Connected::<S>::to(stage)?;
    let token = it.token().await?;
    let token = token.access_token().expose();
    let place = format!("https://example.org/?access_token={token}");
    let scope = format!("Bearer error=\"insufficient_scope\", scope=\"{token}\"");
    for (what, answer) in [
        (
            "an API that answers 400",
            Answer::json(400, &serde_json::json!({ "error": token })),
        ),
        (
            "an API that answers 500 with a page",
            Answer::text(500, "text/html", format!("<p>{token}</p>")),
        ),
        (
            "an API that answers 200 with garbage",
            Answer::text(200, "application/json", format!("{{\"{token}")),
        ),
        (
            "an API that wants a scope",
            Answer::status(403).header("www-authenticate", &scope),
        ),
        (
            "an API that redirects",
            Answer::status(302).header("location", &place),
        ),
    ] {
        stage.server().answer_always(Endpoint::Api, Some(answer));
        let bare = it.bare().get("contract/probe").send().await.map(drop);
        search.show(what, &bare);
        search.fails(what, &it.printed(), it.call().await.map(drop))?;
    }
    stage.server().answer_always(Endpoint::Api, None);

    for _ in 0..3 {
        stage.server().lose_answer(Endpoint::Api);
    }
    search.fails(
        "an API that breaks off",
        &it.printed(),
        it.call().await.map(drop),
    )?;

    let challenge =
        format!("Bearer realm=\"{token}\", error=\"invalid_token\", error_description=\"{token}\"");
    for _ in 0..6 {
        let refusal = Answer::json(401, &serde_json::json!({ "error": token }));
        stage.server().answer(
            Endpoint::Api,
            refusal.header("www-authenticate", &challenge),
        );
    }
    search.fails(
        "an API that refuses",
        &it.printed(),
        it.call().await.map(drop),
    )
}

impl Search {
    /// Fails unless that is an error, and one without a secret.
    fn fails(
        &mut self,
        what: &str,
        client: &impl std::fmt::Debug,
        result: Result<(), Error>,
    ) -> Outcome {
        let error = refused(what, result)?;
        self.error(what, &error);
        self.show(what, client);
        self.nothing_so_far(what)
    }

    /// Fails unless this search finds what is there to be found: in logs of both kinds, on other
    /// threads, in panics and in what is printed.
    async fn finds_what_is_logged_on_purpose(&mut self) -> Outcome {
        let canaries: Vec<String> = (0..5).map(|_| random("canary-on-purpose-")).collect();
        tracing::trace!(canary = %canaries[0], "on purpose");
        log::trace!(target: "some_crate", "on purpose: {}", canaries[1]);
        let other = canaries[2].clone();
        tokio::spawn(async move {
            let span = tracing::trace_span!("on_purpose", canary = other.as_str());
            let _entered = span.enter();
        })
        .await?;
        let other = canaries[3].clone();
        tokio::task::spawn_blocking(move || tracing::error!("on purpose: {other}")).await?;
        self.show("on purpose", &Some(canaries[4].as_str()));
        for (number, canary) in canaries.iter().enumerate() {
            that(self.finds(canary), || {
                format!("the search does not find canary {number}: it would find nothing")
            })?;
        }
        self.nothing_so_far("before the first call")
    }
}
