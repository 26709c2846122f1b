//! Who is renewed ahead of need: what is in use, by one task for all.

use std::time::Duration;

use crate::support::{Wanted, clock, env, strict};
use oauth_core::source::TokenSource as _;
use oauth_stage::Endpoint;

const HOUR: Duration = Duration::from_secs(3600);
/// Into the margin of a token that lives an hour, wherever the jitter has put it.
const TO_THE_MARGIN: Duration = Duration::from_secs(3100);

#[tokio::test]
async fn a_token_in_use_is_renewed_although_nobody_asks_at_that_moment() {
    let clock = clock();
    let stage = strict(&clock).await;
    stage.set_token_lifetime(HOUR);
    let env = env(&clock);
    let source = Wanted::of(&env, &stage).build();
    let first = source.token().await.unwrap();
    clock.advance(TO_THE_MARGIN);
    stage.wait_for(Endpoint::Token, 2).await;
    env.idle().await;
    let second = source.cached().unwrap();
    assert_ne!(second.access_token(), first.access_token());
    assert_eq!(stage.count(Endpoint::Token), 2);
}

#[tokio::test]
async fn a_token_that_nobody_uses_is_not_renewed_unless_that_is_declared() {
    let clock = clock();
    let stage = strict(&clock).await;
    stage.set_token_lifetime(HOUR);
    let env = env(&clock);
    let idle = Wanted::of(&env, &stage).scopes("read").build();
    let kept = Wanted::of(&env, &stage)
        .scopes("write")
        .departing(|departures| departures.lifetime.renew_unused = true)
        .build();
    idle.token().await.unwrap();
    kept.token().await.unwrap();
    clock.advance(TO_THE_MARGIN);
    stage.wait_for(Endpoint::Token, 4).await; // both were used
    env.idle().await;
    clock.advance(TO_THE_MARGIN);
    stage.wait_for(Endpoint::Token, 5).await; // nobody has used either since
    env.idle().await;
    clock.advance(TO_THE_MARGIN);
    stage.wait_for(Endpoint::Token, 6).await;
    env.idle().await;
    assert!(idle.cached().is_none() && kept.cached().is_some());
    assert_eq!(stage.count(Endpoint::Token), 6);
}

#[tokio::test]
async fn what_has_ended_in_a_suspend_is_renewed_when_it_is_wanted() {
    let clock = clock();
    let stage = strict(&clock).await;
    stage.set_token_lifetime(HOUR);
    let env = env(&clock);
    let asleep = Wanted::of(&env, &stage).scopes("read").build();
    asleep.token().await.unwrap();
    clock.advance(8 * HOUR);
    assert!(asleep.cached().is_none());
    // one that is due proves that the scheduler has looked at both
    let due = Wanted::of(&env, &stage).scopes("write").build();
    due.token().await.unwrap();
    clock.advance(TO_THE_MARGIN);
    stage.wait_for(Endpoint::Token, 3).await;
    env.idle().await;
    assert_eq!(stage.count(Endpoint::Token), 3);
    asleep.token().await.unwrap();
    assert_eq!(stage.count(Endpoint::Token), 4);
}

#[tokio::test]
async fn a_thousand_connections_have_one_task() {
    let clock = clock();
    let stage = strict(&clock).await;
    stage.set_token_lifetime(HOUR);
    let env = env(&clock);
    let metrics = tokio::runtime::Handle::current().metrics();
    let mut sources = Vec::new();
    for tenant in 0..1000 {
        let wanted = Wanted::of(&env, &stage).departing(|departures| {
            let tenant = tenant.to_string();
            departures.request.headers.insert("x-tenant".into(), tenant);
        });
        sources.push(wanted.build());
    }
    sources[0].token().await.unwrap();
    env.idle().await;
    let one = metrics.num_alive_tasks();
    for source in &sources {
        source.token().await.unwrap();
    }
    env.idle().await;
    assert_eq!(metrics.num_alive_tasks(), one);
    clock.advance(TO_THE_MARGIN);
    stage.wait_for(Endpoint::Token, 2000).await;
}

#[tokio::test]
async fn a_scheduler_whose_runtime_has_ended_is_begun_again() {
    let clock = clock();
    let stage = strict(&clock).await;
    stage.set_token_lifetime(HOUR);
    let env = env(&clock);
    let source = Wanted::of(&env, &stage).build();
    let former = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let caller = source.clone();
    former
        .spawn(async move { caller.token().await.map(|_| ()) })
        .await
        .unwrap()
        .unwrap();
    tokio::task::spawn_blocking(move || drop(former))
        .await
        .unwrap();
    clock.advance(HOUR);
    source.token().await.unwrap();
    clock.advance(TO_THE_MARGIN);
    stage.wait_for(Endpoint::Token, 3).await;
    env.idle().await;
    assert_eq!(stage.count(Endpoint::Token), 3);
}
