//! The hot path: a live token costs no allocation.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

mod support;

use std::time::Duration;

use oauth_core::source::TokenSource as _;
use support::{Wanted, clock, env, strict};

#[tokio::test]
async fn a_fresh_token_is_had_without_an_allocation() {
    let clock = clock();
    let stage = strict(&clock).await;
    stage.set_token_lifetime(Duration::from_secs(3600));
    let source = Wanted::of(&env(&clock), &stage).build();
    let token = source.token().await.unwrap();
    let counted = allocation_counter::measure(|| {
        for _ in 0..1000 {
            assert!(source.cached().is_some());
        }
    });
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
    // the counter counts: the same tokens, asked for on the other path
    let counted = allocation_counter::measure(|| drop(source.token()));
    assert!(counted.count_total > 0);
    // also within the margin, while one renewal runs
    let hold = stage.hold(oauth_stage::Endpoint::Token);
    clock.advance(Duration::from_secs(3500));
    assert!(source.cached().is_none());
    source.token().await.unwrap();
    hold.arrived(1).await;
    let counted = allocation_counter::measure(|| {
        let served = source.cached().unwrap();
        assert_eq!(served.access_token(), token.access_token());
    });
    assert_eq!(counted.count_total, 0);
}
