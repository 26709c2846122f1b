//! Until when a token is served, and from when it is renewed, in ticks.

use std::time::Duration;

use crate::retry::fraction;
use crate::token::Moments;

/// Counts a lifetime from the moment before the token was asked for.
///
/// It is renewed ahead of its end by the larger of 60 s and 20 % of its lifetime, at most 50 % of it,
/// less up to a fifth of that, so that tokens issued together are not renewed together. It is served
/// until 5 % (at most 5 s) before its end, the time it takes to travel.
pub(super) fn moments(asked: Duration, lifetime: Option<Duration>) -> Moments {
    let Some(lifetime) = lifetime else {
        return Moments::default();
    };
    let margin = (lifetime / 5)
        .max(Duration::from_secs(60))
        .min(lifetime / 2);
    let margin = margin.mul_f64(0.8 + 0.2 * fraction());
    let travel = (lifetime / 20).min(Duration::from_secs(5));
    Moments {
        renew_from: Some(asked.saturating_add(lifetime.saturating_sub(margin))),
        served_until: Some(asked.saturating_add(lifetime.saturating_sub(travel))),
    }
}

/// So long before its end a live token is given up where a refresh token that may be spent has to be
/// presented.
pub(super) const BEFORE_THE_END: Duration = Duration::from_secs(10);

/// How long nobody asks again after a failure that may pass: doubling from a second to a minute, the
/// upper half of it by chance.
pub(super) fn cool_down(strikes: u32) -> Duration {
    let whole = Duration::from_secs(1 << strikes.min(6)).min(Duration::from_secs(60));
    whole.mul_f64(0.5 + 0.5 * fraction())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Duration = Duration::from_secs(1000);

    fn bounds(seconds: u64) -> (Duration, Duration, Duration) {
        let all: Vec<Moments> = (0..500)
            .map(|_| moments(ASKED, Some(Duration::from_secs(seconds))))
            .collect();
        let renew = || all.iter().filter_map(|moments| moments.renew_from);
        (
            renew().min().unwrap() - ASKED,
            renew().max().unwrap() - ASKED,
            all[0].served_until.unwrap() - ASKED,
        )
    }

    #[test]
    fn the_margin_is_a_fraction_of_the_lifetime_and_at_most_half_of_it() {
        for (lifetime, earliest, latest) in
            [(3600, 2880, 3024), (120, 60, 72), (60, 30, 36), (2, 1, 2)]
        {
            let (first, last, _) = bounds(lifetime);
            assert!(
                first >= Duration::from_secs(earliest),
                "{lifetime}: {first:?}"
            );
            assert!(last <= Duration::from_secs(latest), "{lifetime}: {last:?}");
        }
    }

    #[test]
    fn r096_renewals_spread_out() {
        let (first, last, _) = bounds(3600);
        assert!(
            last - first > Duration::from_secs(100),
            "{first:?} {last:?}"
        );
    }

    #[test]
    fn tokens_that_were_issued_in_one_second_are_not_renewed_in_one() {
        const TOKENS: usize = 100_000;
        let mut seconds = std::collections::HashMap::new();
        for _ in 0..TOKENS {
            let moments = moments(ASKED, Some(Duration::from_secs(3600)));
            *seconds
                .entry(moments.renew_from.unwrap().as_secs())
                .or_insert(0_usize) += 1;
        }
        // spread over a fifth of the margin of 720 s; by chance a second has a few more than its share
        let peak = seconds.values().copied().max().unwrap();
        assert!(peak < TOKENS / 100, "{peak} in one second");
    }

    #[test]
    fn r058_absurd_lifetimes_and_ticks_overflow_nothing() {
        for asked in [Duration::ZERO, Duration::MAX] {
            for lifetime in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
                let moments = moments(asked, Some(lifetime));
                assert!(moments.renew_from <= moments.served_until, "{moments:?}");
            }
        }
    }

    #[test]
    fn a_token_is_served_almost_to_its_end() {
        assert_eq!(bounds(3600).2, Duration::from_secs(3595));
        assert_eq!(bounds(2).2, Duration::from_millis(1900));
        assert_eq!(bounds(0).2, Duration::ZERO);
    }

    #[test]
    fn an_unknown_lifetime_lasts_until_the_token_is_refused() {
        assert_eq!(
            moments(ASKED, None),
            Moments {
                renew_from: None,
                served_until: None
            }
        );
    }

    #[test]
    fn cool_downs_double_up_to_a_minute() {
        for (strikes, longest) in [(0, 1), (1, 2), (5, 32), (6, 60), (u32::MAX, 60)] {
            let pause = cool_down(strikes);
            assert!(
                pause <= Duration::from_secs(longest) && pause * 2 >= Duration::from_secs(longest)
            );
        }
    }
}
