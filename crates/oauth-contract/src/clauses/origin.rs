//! No token and no credential goes where it is not for.

use oauth_stage::{Answer, Endpoint};
use serde_json::json;

use crate::check::{Outcome, equal, kind, recovery, refused};
use crate::connected::Connected;
use crate::stage::Stage;
use crate::subject::Subject;

/// Nothing is sent to another origin, whether a caller or the API itself points there.
pub(super) async fn never_leaves_the_api<S: Subject>(stage: Stage) -> Outcome {
    let it = Connected::<S>::to(&stage)?;
    let other = Stage::start().await?;
    let authority = other.server().url().trim_start_matches("http:").to_owned();
    for foreign in [
        other.api_url(),
        format!("{authority}/api/x"),
        authority.replace('/', "\\"),
        stage.api_url().replacen("http:", "https:", 1),
        stage.api_url().replacen("//", "//user@", 1),
    ] {
        let error = refused(&foreign, it.bare().get(&foreign).send().await)?;
        kind(&foreign, "ForeignOrigin", &error)?;
    }
    equal(
        "connections to the API before it was called",
        0,
        stage.server().connections(),
    )?;

    for status in [301, 302, 303, 307, 308] {
        let what = format!("an API that answers {status} with another origin as `Location`");
        let redirect =
            Answer::status(status).header("location", &format!("{}items/1", other.api_url()));
        stage.server().answer_always(Endpoint::Api, Some(redirect));
        let before = stage.api_calls();
        for result in [
            it.call().await.map(drop),
            it.bare()
                .post("contract/probe")
                .json(&json!({}))
                .send()
                .await
                .map(drop),
        ] {
            let error = refused(&what, result)?;
            kind(&what, "Protocol.RedirectRefused", &error)?;
            recovery(&what, &["FixConfig"], &error)?;
        }
        equal(format!("requests of {what}"), before + 2, stage.api_calls())?;
    }
    equal(
        "connections to the other origin",
        0,
        other.server().connections(),
    )
}

/// A token endpoint that redirects gets no second request, and its target none at all.
pub(super) async fn follows_no_redirect_of_the_token_endpoint<S: Subject>(stage: Stage) -> Outcome {
    let other = Stage::start().await?;
    for status in [301, 302, 303, 307, 308] {
        let what =
            format!("a token endpoint that answers {status} with another origin as `Location`");
        let redirect = Answer::status(status).header("location", &other.token_url());
        stage
            .server()
            .answer_always(Endpoint::Token, Some(redirect));
        let before = stage.token_requests();
        let error = refused(&what, Connected::<S>::to(&stage)?.call().await)?;
        kind(&what, "Protocol.RedirectRefused", &error)?;
        recovery(&what, &["FixConfig"], &error)?;
        equal(
            format!("requests of {what}"),
            before + 1,
            stage.token_requests(),
        )?;
    }
    equal("requests of the API without a token", 0, stage.api_calls())?;
    equal(
        "connections to the target of the redirects",
        0,
        other.server().connections(),
    )
}
