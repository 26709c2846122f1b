//! A server that is down, and what is asked of it meanwhile.

use std::time::Duration;

use futures_util::future::join_all;
use oauth_core::client_auth::ClientAuth;
use oauth_core::clock::ManualClock;
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::server::RotationPolicy;
use oauth_core::source::{RenewingToken, TokenSource as _};
use oauth_stage::{Answer, Endpoint, RegisteredClient, Rotation, Strict};
use serde_json::json;

use crate::support::{
    CLIENT, SECRET, Wanted, clock, env, given, registered, strict, strict_builder,
};

const SECOND: Duration = Duration::from_secs(1);
/// An outage, and how many probes it sees: one in 2 to 4 s, in the mean in 3 s.
const OUTAGE: u32 = 600;
const PROBES: usize = OUTAGE as usize / 3;

/// Lets every connection ask once a second for as long as the outage lasts; what they got.
async fn ask_all(sources: &[RenewingToken], clock: &ManualClock) -> Vec<Option<ErrorKind>> {
    let mut seen = Vec::new();
    for _ in 0..OUTAGE {
        for source in sources {
            let outcome = source.token().await;
            seen.push(outcome.err().map(|error| error.kind()));
        }
        clock.advance(SECOND);
    }
    seen
}

/// How many seconds after its return the server has given a token to every connection.
async fn recovery(sources: &[RenewingToken], clock: &ManualClock) -> u32 {
    for seconds in 0..60 {
        // who fails in this second may not yet know what another one found out
        let outcomes = join_all(sources.iter().map(|source| source.token())).await;
        if outcomes.iter().all(Result::is_ok) {
            return seconds;
        }
        clock.advance(SECOND);
    }
    panic!("not within a minute")
}

fn bounded(requests: usize) {
    assert!(requests * 10 <= PROBES * 12, "{requests} of {PROBES}");
    assert!(requests * 2 >= PROBES, "{requests}: it is hardly probed");
}

#[tokio::test]
async fn fifty_callers_of_an_overloaded_server_make_one_request() {
    let clock = clock();
    let stage = strict(&clock).await;
    stage.answer_always(Endpoint::Token, Some(Answer::status(503)));
    let source = Wanted::of(&env(&clock), &stage).build();
    let hold = stage.hold(Endpoint::Token);
    let crowd: Vec<_> = (0..50).map(|_| source.token()).collect();
    let (outcomes, ()) = tokio::join!(join_all(crowd), async {
        hold.arrived(1).await;
        hold.release();
    });
    let mut texts: Vec<String> = outcomes
        .into_iter()
        .map(|outcome| outcome.unwrap_err().to_string())
        .collect();
    texts.push(source.token().await.unwrap_err().to_string());
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert_eq!(stage.count(Endpoint::Token), 1);
    assert!(clock.slept().is_empty());
}

#[tokio::test]
async fn an_outage_of_ten_minutes_sees_probes_and_ends_within_five_seconds() {
    for (status, connections) in [(503, 1), (500, 1), (503, 50)] {
        let clock = clock();
        let stage = strict(&clock).await;
        let env = env(&clock);
        stage.answer_always(Endpoint::Token, Some(Answer::status(status)));
        let sources: Vec<_> = (0..connections)
            .map(|number| {
                Wanted::of(&env, &stage)
                    .departing(|departures| {
                        let name = number.to_string();
                        departures.request.headers.insert("x-tenant".into(), name);
                    })
                    .build()
            })
            .collect();
        let seen = ask_all(&sources, &clock).await;
        assert!(seen.iter().all(Option::is_some));
        bounded(stage.count(Endpoint::Token));
        stage.answer_always(Endpoint::Token, None);
        assert!(recovery(&sources, &clock).await <= 5);
    }
}

#[tokio::test]
async fn many_clients_of_a_server_that_is_down_share_its_probes() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    stage.answer_always(Endpoint::Token, Some(Answer::status(503)));
    let sources: Vec<_> = (0..200)
        .map(|number| {
            let id = format!("client {number}");
            let known = oauth_stage::Authentication::SecretBasic(SECRET.into());
            stage.register(RegisteredClient::new(&id, known)).unwrap();
            let client = ClientAuth::secret_basic(&env, &id, given(SECRET)).unwrap();
            Wanted::of(&env, &stage).client(client).build()
        })
        .collect();
    ask_all(&sources, &clock).await;
    bounded(stage.count(Endpoint::Token));
    stage.answer_always(Endpoint::Token, None);
    assert!(recovery(&sources, &clock).await <= 5);
}

#[tokio::test]
async fn a_live_token_is_served_through_an_outage_that_sees_only_probes() {
    let clock = clock();
    let stage = strict(&clock).await;
    stage.set_token_lifetime(Duration::from_secs(3600));
    let env = env(&clock);
    let source = Wanted::of(&env, &stage).build();
    let first = source.token().await.unwrap();
    clock.advance(Duration::from_secs(2930)); // well in the margin, ten minutes before the end
    stage.answer_always(Endpoint::Token, Some(Answer::status(500)));
    let asked = stage.count(Endpoint::Token);
    for _ in 0..OUTAGE {
        let token = source.token().await.unwrap();
        assert_eq!(token.access_token(), first.access_token());
        env.idle().await;
        clock.advance(SECOND);
    }
    bounded(stage.count(Endpoint::Token) - asked);
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_found_again_within_five_seconds() {
    let clock = clock();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let env = env(&clock);
    let source = Wanted::at(&env, &format!("http://127.0.0.1:{port}/token")).build();
    let seen = ask_all(std::slice::from_ref(&source), &clock).await;
    let expected = [Some(ErrorKind::Connect), Some(ErrorKind::Circuit)];
    assert!(seen.iter().all(|kind| expected.contains(kind)), "{seen:?}");
    let stage = Strict::builder()
        .client(registered())
        .port(port)
        .start()
        .await
        .unwrap();
    assert!(recovery(&[source], &clock).await <= 5);
    assert_eq!(stage.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn an_open_circuit_spends_no_refresh_token() {
    let clock = clock();
    let stage = strict_builder(&clock)
        .rotation(Rotation::Rotate {
            grace: Duration::ZERO,
        })
        .start()
        .await
        .unwrap();
    let env = env(&clock);
    let seed = stage.issue_refresh_token(CLIENT, "read");
    let wanted = Wanted::of(&env, &stage).scopes("read");
    let other = wanted.clone().build();
    let source = wanted
        .departing(|departures| departures.lifetime.rotation = RotationPolicy::Strict)
        .refreshing(&seed);
    stage.answer_always(Endpoint::Token, Some(Answer::status(500)));
    while stage.count(Endpoint::Token) < 5 {
        other.token().await.unwrap_err();
        clock.advance(SECOND);
    }
    // whose turn the probe was: the next one is at least 2 s away
    while other.token().await.unwrap_err().kind() == ErrorKind::Circuit {
        clock.advance(SECOND / 2);
    }
    let asked = stage.count(Endpoint::Token);
    let error = source.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Circuit, "{error}");
    let Recovery::Retry { after: Some(after) } = error.recovery() else {
        panic!("{error:?}")
    };
    assert!(after <= Duration::from_secs(4));
    assert!(error.to_string().contains("status 500"), "{error}");
    assert_eq!(stage.count(Endpoint::Token), asked);
    stage.answer_always(Endpoint::Token, None);
    clock.advance(Duration::from_secs(4));
    source.token().await.unwrap();
}

#[tokio::test]
async fn r183_repeats_end_where_their_budget_does() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let granted = json!({"access_token": "canned", "token_type": "Bearer", "expires_in": 60});
    // what connections share lasts as long as one of them
    let _held = Wanted::of(&env, &stage).build();
    let mut served = 0;
    while served < 200 {
        stage.answer(Endpoint::Token, Answer::status(500));
        stage.answer(Endpoint::Token, Answer::json(200, &granted));
        let scope = format!("scope-{served}");
        match Wanted::of(&env, &stage).scopes(&scope).token().await {
            Ok(_) => served += 1,
            Err(error) => {
                assert_eq!(error.status(), Some(500));
                break;
            }
        }
    }
    // 500 in all; a repeat costs 5, a success earns 1
    assert_eq!(served, 124);
    assert_eq!(stage.count(Endpoint::Token), 2 * served + 1);
}

#[tokio::test]
async fn a_refusal_is_no_outage() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let refusal = Answer::json(400, &json!({"error": "invalid_scope"}));
    stage.answer_always(Endpoint::Token, Some(refusal));
    let sources: Vec<_> = (0..20)
        .map(|number| {
            Wanted::of(&env, &stage)
                .scopes(&format!("scope-{number}"))
                .build()
        })
        .collect();
    for source in &sources {
        assert_eq!(source.token().await.unwrap_err().kind(), ErrorKind::OAuth);
    }
    assert_eq!(stage.count(Endpoint::Token), 20);
}
