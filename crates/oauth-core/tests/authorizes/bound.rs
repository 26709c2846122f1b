//! Answers that belong to something else: no token request follows.

use oauth_core::authorize::{Callback, PendingAuthorization};
use oauth_core::client_auth::ClientAuth;
use oauth_core::error::{BindingFault, ErrorKind};
use oauth_core::oauth_client::OAuthClient;
use oauth_core::secret::Secret;
use oauth_core::server::{AuthorizationServer, Departures, IssParameter};
use oauth_stage::{Answer, Endpoint};

use crate::support::{basic, strict_builder};
use crate::{AT, Scene, assert_unsaid, browse, discovered, env, request, session};

/// As the server answered, with one pair changed: `None` takes it out.
fn changed(location: &str, name: &str, value: Option<&str>) -> String {
    let mut url = url::Url::parse(location).unwrap();
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let kept = pairs.into_iter().filter_map(|(known, old)| {
        if known != name {
            return Some((known, old));
        }
        value.map(|value| (known, value.to_owned()))
    });
    let kept: Vec<_> = kept.collect();
    url.query_pairs_mut().clear().extend_pairs(kept);
    url.into()
}

#[tokio::test]
async fn r102_cbk_001_another_state_sends_nothing_to_the_token_endpoint() {
    let scene = Scene::new().await;
    for value in [None, Some(""), Some("wrong"), Some(&*"x".repeat(44))] {
        let (pending, location) = scene.answered(&request()).await;
        let state = pending.state().expose().to_owned();
        let came = Callback::url(&changed(&location, "state", value)).unwrap();
        let error = scene
            .client
            .callback(pending, &session(), came)
            .await
            .unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::Binding(BindingFault::State),
            "{value:?}"
        );
        assert_unsaid(&error, &[&state, "code_"]);
    }
    assert_eq!(scene.token_requests(), 0);
}

#[tokio::test]
async fn r102_cbk_001_an_answer_counts_once() {
    let scene = Scene::new().await;
    let (pending, location) = scene.answered(&request()).await;
    let kept = pending.into_secret_form().unwrap();
    let again = || PendingAuthorization::from_secret_form(&kept).unwrap();
    let came = || Callback::url(&location).unwrap();
    // what was refused is no answer: the right one may still come
    let other = changed(&location, "state", Some("wrong"));
    let other = Callback::url(&other).unwrap();
    scene
        .client
        .callback(again(), &session(), other)
        .await
        .unwrap_err();
    let code = scene
        .client
        .callback(again(), &session(), came())
        .await
        .unwrap();
    scene.client.redeem(code).await.unwrap();
    for client in [&scene.client, &scene.client.clone()] {
        let error = client
            .callback(again(), &session(), came())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Binding(BindingFault::State));
    }
    // another client object of the same server remembers it too
    let server = discovered(&scene.env, &scene.stage);
    let other = OAuthClient::new(&scene.env, server, basic(&scene.env)).unwrap();
    other
        .callback(again(), &session(), came())
        .await
        .unwrap_err();
    assert_eq!(scene.token_requests(), 1);
    scene.assert_no_violation();
}

#[tokio::test]
async fn r103_r104_cbk_002_cbk_003_another_issuer_or_none_sends_nothing_to_the_token_endpoint() {
    let scene = Scene::new().await;
    let issuer = scene.stage.issuer();
    let slash = format!("{issuer}/");
    for value in [None, Some(""), Some("https://evil.example"), Some(&*slash)] {
        let (pending, location) = scene.answered(&request()).await;
        let came = Callback::url(&changed(&location, "iss", value)).unwrap();
        let error = scene
            .client
            .callback(pending, &session(), came)
            .await
            .unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::Binding(BindingFault::Issuer),
            "{value:?}"
        );
    }
    assert_eq!(scene.token_requests(), 0);
}

#[tokio::test]
async fn r104_an_issuer_that_is_not_promised_is_taken_where_it_is_declared() {
    let scene = Scene::with(|builder| builder.without_iss()).await;
    let declared = |declare: fn(&mut Departures)| {
        let env = env(&scene.clock);
        let mut departures = Departures::default();
        declare(&mut departures);
        let server = discovered(&env, &scene.stage)
            .departing(departures)
            .unwrap();
        OAuthClient::new(&env, server, basic(&env)).unwrap()
    };
    let optional: fn(&mut Departures) =
        |departures| departures.authorization.iss = IssParameter::Optional;
    let required: fn(&mut Departures) =
        |departures| departures.authorization.iss = IssParameter::Required;
    let other: fn(&mut Departures) = |departures| {
        departures.authorization.iss = IssParameter::Optional;
        departures.authorization.iss_value = Some("https://other.example".into());
    };
    let issuer = scene.stage.issuer();
    for (declare, iss, is_taken) in [
        (None, None, true),
        (None, Some(issuer.as_str()), false),
        (Some(optional), None, true),
        (Some(optional), Some(issuer.as_str()), true),
        (Some(optional), Some("https://evil.example"), false),
        (Some(required), None, false),
        (Some(required), Some(issuer.as_str()), true),
        (Some(other), Some("https://other.example"), true),
        (Some(other), Some(issuer.as_str()), false),
    ] {
        let client = declare.map_or_else(|| scene.client.clone(), declared);
        let (url, pending) = client.authorization(&request(), &session()).await.unwrap();
        let mut location = browse(url.as_str()).await;
        if let Some(iss) = iss {
            let mut url = url::Url::parse(&location).unwrap();
            url.query_pairs_mut().append_pair("iss", iss);
            location = url.into();
        }
        let came = Callback::url(&location).unwrap();
        let judged = client.callback(pending, &session(), came).await;
        assert_eq!(judged.is_ok(), is_taken, "{iss:?}");
        if let Err(error) = judged {
            assert_eq!(error.kind(), ErrorKind::Binding(BindingFault::Issuer));
        }
    }
}

#[tokio::test]
async fn r105_cbk_009_an_error_is_ours_where_state_and_issuer_are() {
    let scene = Scene::new().await;
    for (iss, state, kind) in [
        (Some("https://evil.example"), None, "Binding.Issuer"),
        (None, Some("wrong"), "Binding.State"),
        (None, None, "OAuth"),
    ] {
        let (url, pending) = scene
            .client
            .authorization(&request(), &session())
            .await
            .unwrap();
        let issuer = scene.stage.issuer();
        let mut location = url::Url::parse(AT).unwrap();
        location
            .query_pairs_mut()
            .append_pair("error", "login_required")
            .append_pair("state", state.unwrap_or(pending.state().expose()))
            .append_pair("iss", iss.unwrap_or(&issuer));
        let answer = Answer::status(303).header("location", location.as_str());
        scene.stage.answer(Endpoint::Authorization, answer);
        let came = Callback::url(&browse(url.as_str()).await).unwrap();
        let error = scene
            .client
            .callback(pending, &session(), came)
            .await
            .unwrap_err();
        assert_eq!(error.kind().name(), kind);
    }
    assert_eq!(scene.token_requests(), 0);
}

#[tokio::test]
async fn r110_cbk_006_an_answer_with_a_parameter_twice_is_none() {
    let scene = Scene::new().await;
    for name in ["code", "state"] {
        let (pending, location) = scene.answered(&request()).await;
        let came = Callback::url(&format!("{location}&{name}=other")).unwrap();
        let error = scene
            .client
            .callback(pending, &session(), came)
            .await
            .unwrap_err();
        assert_eq!(error.kind().name(), "Protocol.DuplicateKey");
    }
    assert_eq!(scene.token_requests(), 0);
}

#[tokio::test]
async fn r107_r108_cbk_011_a_code_is_redeemed_at_the_server_of_its_own_flow() {
    let scene = Scene::new().await;
    let other = strict_builder(&scene.clock).start().await.unwrap();
    let elsewhere = OAuthClient::new(
        &scene.env,
        discovered(&scene.env, &other),
        basic(&scene.env),
    )
    .unwrap();
    let somebody = ClientAuth::none("another client").unwrap();
    let server = scene.client.server().clone();
    let somebody = OAuthClient::new(&scene.env, server, somebody).unwrap();
    for client in [&elsewhere, &somebody] {
        let (pending, location) = scene.answered(&request()).await;
        let came = Callback::url(&location).unwrap();
        let error = client
            .callback(pending, &session(), came)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Binding(BindingFault::Context));
        let error = client.redeem(scene.code().await).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Binding(BindingFault::Context));
    }
    // what came to another connection's redirect URI is not this one's
    let (pending, location) = scene.answered(&request()).await;
    let query = location.split_once('?').unwrap().1;
    let came = Callback::query("https://app.example/callback/other", query).unwrap();
    let error = scene
        .client
        .callback(pending, &session(), came)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Binding(BindingFault::Context));
    assert_eq!((scene.token_requests(), other.count(Endpoint::Any)), (0, 0));
}

#[tokio::test]
async fn r118_cbk_012_a_flow_that_one_user_began_is_not_finished_in_anothers_browser() {
    let scene = Scene::new().await;
    let (pending, location) = scene.answered(&request()).await;
    let came = Callback::url(&location).unwrap();
    let other = Secret::new("session of another user");
    let error = scene
        .client
        .callback(pending, &other, came)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Binding(BindingFault::Session));
    assert_unsaid(&error, &["session of", "code_"]);
    assert_eq!(scene.token_requests(), 0);
}

#[tokio::test]
async fn r106_two_servers_do_not_share_an_issuer() {
    let scene = Scene::new().await;
    let other = strict_builder(&scene.clock).start().await.unwrap();
    let server = AuthorizationServer::configured(&scene.env, "token_url", &other.token_url())
        .unwrap()
        .with_issuer(scene.stage.issuer());
    let error = OAuthClient::new(&scene.env, server, basic(&scene.env)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().starts_with("issuer: "), "{error}");
}
