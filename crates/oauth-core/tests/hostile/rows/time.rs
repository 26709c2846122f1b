//! Clocks.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use oauth_core::clock::{Clock as _, ManualClock};
use oauth_stage::{Authentication, Endpoint, RegisteredClient};

use crate::exchange::{Exchange, GOOD, granting, json};
use crate::scene::{SERVERS, runtime};
use crate::support::{CLIENT, SCOPES, SECRET, Wanted, clock, env, given, strict_builder};
use crate::table::{Row, row, taken};

pub fn rows() -> Vec<Row> {
    let off = "test:traffic clocks::a_clock_that_is_off_costs_one_repeat_and_is_known_from_then_on";
    let steps = "test:renews expiry::r097_steps_of_the_wall_clock_neither_renew_nor_prolong";
    let absurd = "test:renews clocks::absurd_clocks_and_lifetimes_overflow_nothing";
    vec![
        row("TIM-001").own(|| signs_by_a_clock_that_is_off(600)).elsewhere(off),
        row("TIM-002").own(|| signs_by_a_clock_that_is_off(-600)).elsewhere(off),
        row("TIM-003")
            .own(|| signs_at("1970-01-01T00:00:00Z"))
            .own(|| signs_at("1969-12-31T23:59:59Z"))
            .own(|| signs_at("2106-02-07T06:28:16Z"))
            .own(|| signs_at("9999-12-31T23:59:59Z"))
            .elsewhere("test:traffic clocks::an_incredible_clock_is_told_and_not_followed"),
        row("TIM-004").own(|| keeps_its_token_over(3600)).elsewhere(steps),
        row("TIM-005").own(|| keeps_its_token_over(-3600)).elsewhere(steps),
        row("TIM-006").elsewhere("test:renews clocks::a_machine_that_slept_through_the_end_renews_once"),
        row("TIM-007").elsewhere("test:renews crashes::a_holder_that_was_stopped_past_its_lease_sends_nothing"),
        taken("TIM-008", [dated("Sat, 31 Dec 2016 23:59:60 GMT"), dated("Wed, 31 Dec 2025 23:59:60 GMT")]),
        taken("TIM-011", [granting(r#""expires_in":5"#)])
            .own(|| is_renewed_in_time(5))
            .own(|| is_renewed_in_time(60))
            .elsewhere("lib source::lifetime::tests::the_margin_is_a_fraction_of_the_lifetime_and_at_most_half_of_it"),
        row("TIM-012").elsewhere("test:renews expiry::r061_the_lifetime_counts_from_before_the_request"),
        row("TIM-013")
            .elsewhere("lib source::lifetime::tests::tokens_that_were_issued_in_one_second_are_not_renewed_in_one"),
        row("TIM-014").own(stands_still_for_years).elsewhere(absurd),
        taken(
            "TIM-015",
            [
                dated("yesterday"),
                dated(""),
                dated("Thu, 01 Jan 2027 00:00:00 GMT"),
                dated("Wed, 01 Jan 2025 00:00:00 GMT"),
                dated("Thu, 01 Jan 1970 00:00:00 GMT"),
                dated("Thu, 32 Jan 2026 25:61:61 GMT"),
                dated("Thu, 01 Jan 2026 00:00:00 GMT").header("date", "Thu, 01 Jan 2026 09:00:00 GMT"),
                crate::exchange::says(&format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{GOOD}"
                )),
            ],
        )
        .elsewhere("lib traffic::skew::tests::no_date_a_bad_one_two_or_a_cached_one_says_nothing"),
        row("TIM-018").elsewhere(
            "oauth-store test:postgres clock::a_lease_outlives_a_clock_that_is_set_back_and_ends_after_its_span",
        )
        .lacks("there is no store on Redis"),
        row("TIM-019")
            .elsewhere("test:authenticates claims::r029_a_thousand_assertions_have_a_thousand_names")
            .elsewhere("oauth-store test:suite leases_to_one_at_a_time_and_to_whoever_read_the_newest_version"),
        row("TIM-020").own(lives_beyond_2038),
    ]
}

fn dated(date: &str) -> Exchange {
    json(GOOD).header("date", date)
}

fn at(time: &str) -> Arc<ManualClock> {
    Arc::new(ManualClock::new(
        DateTime::parse_from_rfc3339(time).unwrap().to_utc(),
    ))
}

fn known() -> RegisteredClient {
    RegisteredClient::new(CLIENT, Authentication::secret_jwt(SECRET)).scopes(SCOPES)
}

fn wanted(clock: &Arc<ManualClock>, token_url: &str) -> Wanted {
    use oauth_core::client_auth::{Audience, ClientAuth, HmacAlgorithm};
    let env = env(clock);
    let client = ClientAuth::secret_jwt(
        &env,
        CLIENT,
        given(SECRET),
        HmacAlgorithm::HS256,
        Audience::TokenEndpoint,
    );
    Wanted::at(&env, token_url).client(client.unwrap())
}

/// One refusal, one repeat by the server's clock, and a token.
fn signs_by_a_clock_that_is_off(seconds: i64) {
    let servers = clock();
    let stage = SERVERS
        .block_on(strict_builder(&servers).client(known()).start())
        .unwrap();
    let ours = Arc::new(ManualClock::new(
        servers.now() + TimeDelta::seconds(seconds),
    ));
    runtime()
        .block_on(wanted(&ours, &stage.token_url()).token())
        .unwrap();
    assert_eq!(stage.count(Endpoint::Token), 2);
}

/// No panic, one refusal, and a word about the clock.
fn signs_at(time: &str) {
    let stage = SERVERS
        .block_on(strict_builder(&clock()).client(known()).start())
        .unwrap();
    let error = runtime()
        .block_on(wanted(&at(time), &stage.token_url()).token())
        .unwrap_err();
    assert_eq!(error.kind().name(), "OAuth", "{error}");
    assert!(error.to_string().contains("clock"), "{error}");
    assert_eq!(stage.count(Endpoint::Token), 1);
}

fn keeps_its_token_over(step: i64) {
    use oauth_core::source::TokenSource as _;
    let clock = clock();
    let builder = strict_builder(&clock).token_lifetime(Duration::from_secs(300));
    let stage = SERVERS.block_on(builder.start()).unwrap();
    let source = Wanted::of(&env(&clock), &stage).build();
    runtime().block_on(async {
        source.token().await.unwrap();
        clock.step(TimeDelta::seconds(step));
        source.token().await.unwrap();
        assert_eq!(stage.count(Endpoint::Token), 1);
        clock.advance(Duration::from_secs(301));
        source.token().await.unwrap();
        assert_eq!(stage.count(Endpoint::Token), 2);
    });
}

/// Half of its life is margin at the most.
fn is_renewed_in_time(lifetime: u64) {
    use oauth_core::source::TokenSource as _;
    let clock = clock();
    let builder = strict_builder(&clock).token_lifetime(Duration::from_secs(lifetime));
    let stage = SERVERS.block_on(builder.start()).unwrap();
    let source = Wanted::of(&env(&clock), &stage).build();
    runtime().block_on(async {
        source.token().await.unwrap();
        source.token().await.unwrap();
        assert_eq!(stage.count(Endpoint::Token), 1);
        clock.advance(Duration::from_secs(lifetime));
        source.token().await.unwrap();
        assert_eq!(stage.count(Endpoint::Token), 2);
    });
}

fn stands_still_for_years() {
    use oauth_core::source::TokenSource as _;
    let clock = clock();
    let stage = SERVERS.block_on(strict_builder(&clock).start()).unwrap();
    let source = Wanted::of(&env(&clock), &stage).build();
    runtime().block_on(async {
        for years in [1, 50, 200] {
            source.token().await.unwrap();
            clock.advance(Duration::from_secs(years * 365 * 24 * 3600));
        }
        source.token().await.unwrap();
        assert_eq!(stage.count(Endpoint::Token), 4);
    });
}

fn lives_beyond_2038() {
    let clock = at("2038-01-19T03:14:00Z");
    let stage = SERVERS.block_on(strict_builder(&clock).start()).unwrap();
    let token = runtime()
        .block_on(Wanted::of(&env(&clock), &stage).token())
        .unwrap();
    let expected: DateTime<Utc> = clock.now() + TimeDelta::seconds(300);
    assert_eq!(token.expires_at(), Some(expected));
}
