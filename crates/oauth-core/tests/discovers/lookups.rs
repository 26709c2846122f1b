//! Where, when and how often a document is looked up.

use std::time::Duration;

use futures_util::future::join_all;
use oauth_core::client_auth::{Audience, ClientAuth, HmacAlgorithm};
use oauth_core::error::Recovery;
use oauth_core::server::DiscoveryKind;
use oauth_core::source::TokenSource as _;
use oauth_stage::{Answer, AudiencePolicy, Authentication, Endpoint, RegisteredClient};

use crate::support::{CLIENT, SECRET, Wanted, clock, env, given, strict, strict_builder};
use crate::{OAUTH, document, refused, wanted};

#[tokio::test]
async fn each_kind_of_document_leads_to_the_token_endpoint() {
    let clock = clock();
    for path in ["", "/tenant", "/a/b"] {
        let stage = strict_builder(&clock)
            .issuer_path(path)
            .start()
            .await
            .unwrap();
        for (kind, base, place) in [
            (DiscoveryKind::OAuth, stage.issuer(), OAUTH),
            (
                DiscoveryKind::OpenId,
                stage.issuer(),
                Endpoint::OpenIdConfiguration,
            ),
            (
                DiscoveryKind::Smart,
                stage.api_url(),
                Endpoint::SmartConfiguration,
            ),
            (
                DiscoveryKind::Smart,
                stage.api_url().trim_end_matches('/').to_owned(),
                Endpoint::SmartConfiguration,
            ),
        ] {
            let (before, tokens) = (stage.count(place), stage.tokens_issued());
            Wanted::discovered(&env(&clock), &base, kind)
                .token()
                .await
                .unwrap();
            assert_eq!(stage.count(place), before + 1, "{kind:?} {base}");
            assert_eq!(stage.tokens_issued(), tokens + 1, "{kind:?} {base}");
        }
        assert_eq!(
            (stage.count(Endpoint::Other), stage.count(Endpoint::Any)),
            (0, 8)
        );
        assert!(stage.violations().is_empty(), "{:?}", stage.violations());
        let log = stage.log();
        let mut documents = log.iter().filter(|one| one.method() == "GET");
        assert!(documents.all(|one| one.header("accept") == Some("application/json")));
    }
}

#[tokio::test]
async fn a_document_is_read_at_the_first_token_once_for_all_and_again_when_it_is_old() {
    let clock = clock();
    let stage = strict(&clock).await;
    let answer = Answer::json(200, &document(&stage)).header("cache-control", "max-age=1000");
    stage.answer_always(OAUTH, Some(answer));
    let env = env(&clock);
    let scopes = ["read", "write", "search", "read write"];
    let tokens = scopes.map(|scopes| wanted(&env, &stage).scopes(scopes).build());
    assert_eq!(stage.connections(), 0);

    for outcome in join_all(tokens.iter().map(|token| token.token())).await {
        outcome.unwrap();
    }
    assert_eq!((stage.count(OAUTH), stage.count(Endpoint::Token)), (1, 4));
    clock.advance(Duration::from_secs(999));
    tokens[0].token().await.unwrap();
    assert_eq!((stage.count(OAUTH), stage.count(Endpoint::Token)), (1, 5));
    clock.advance(Duration::from_secs(1000));
    tokens[0].token().await.unwrap();
    assert_eq!((stage.count(OAUTH), stage.count(Endpoint::Token)), (2, 6));
}

#[tokio::test]
async fn the_issuer_of_the_document_is_the_audience_that_was_declared() {
    let clock = clock();
    let stage = strict_builder(&clock)
        .audience(AudiencePolicy::Issuer)
        .start()
        .await
        .unwrap();
    let known = Authentication::secret_jwt(SECRET);
    stage
        .register(RegisteredClient::new(CLIENT, known))
        .unwrap();
    let env = env(&clock);
    let client = |audience| {
        ClientAuth::secret_jwt(&env, CLIENT, given(SECRET), HmacAlgorithm::HS256, audience).unwrap()
    };
    wanted(&env, &stage)
        .client(client(Audience::Issuer))
        .token()
        .await
        .unwrap();
    let claims = stage.log().last().unwrap().claims().unwrap();
    assert_eq!(claims["aud"], stage.issuer());
    assert!(stage.violations().is_empty(), "{:?}", stage.violations());
}

#[tokio::test]
async fn a_failure_that_passes_is_passed_over() {
    let clock = clock();
    let stage = strict(&clock).await;
    stage.answer(OAUTH, Answer::status(503).header("retry-after", "3"));
    stage.answer(OAUTH, Answer::text(500, "text/html", "<html>"));
    wanted(&env(&clock), &stage).token().await.unwrap();
    assert_eq!((stage.count(OAUTH), stage.count(Endpoint::Token)), (3, 1));
    assert_eq!(clock.slept()[0], Duration::from_secs(3));
}

#[tokio::test]
async fn a_failure_that_lasts_is_no_token_request() {
    for (status, headers, requests, after) in [
        (503, None, 3, None),
        (500, None, 3, None),
        (429, Some("120"), 1, Some(Duration::from_secs(120))),
    ] {
        let clock = clock();
        let stage = strict(&clock).await;
        let mut answer = Answer::status(status);
        if let Some(value) = headers {
            answer = answer.header("retry-after", value);
        }
        let error = refused(&stage, &env(&clock), answer).await;
        assert_eq!(error.recovery(), Recovery::Retry { after }, "{error}");
        assert_eq!(error.status(), Some(status));
        assert_eq!(stage.count(Endpoint::Any), requests, "{status}");
    }
}

#[tokio::test]
async fn r139_the_former_document_is_used_while_a_new_one_cannot_be_had_for_now() {
    let clock = clock();
    let stage = strict(&clock).await;
    let token = wanted(&env(&clock), &stage).build();
    token.token().await.unwrap();
    stage.answer_always(OAUTH, Some(Answer::status(503)));
    clock.advance(Duration::from_secs(4000));
    token.token().await.unwrap();
    assert_eq!((stage.count(OAUTH), stage.count(Endpoint::Token)), (4, 2));

    // that the server has no document any more does not pass
    stage.answer_always(OAUTH, Some(Answer::status(404)));
    clock.advance(Duration::from_secs(4000));
    let error = token.token().await.unwrap_err();
    assert_eq!(error.kind().name(), "Discovery.Missing");
    assert_eq!((stage.count(OAUTH), stage.count(Endpoint::Token)), (5, 2));
}
