//! The clauses: each holds for every adapter of its suite.
//!
//! They count what the server saw, and wait for events, never for time.

mod asserting;
mod basic;
mod config;
mod crowd;
mod discovering;
mod every;
mod expiry;
mod fixed;
mod origin;
mod refreshing;
mod renewal;
mod replacement;
mod secrets;
mod state;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use oauth_core::server::DiscoveryKind;

use crate::check::Outcome;
use crate::stage::Stage;
use crate::subject::Subject;

/// What is held to, on a stage that nobody has spoken to yet.
#[derive(Clone, Copy)]
pub(crate) struct Clause {
    pub name: &'static str,
    prepare: fn(&Stage),
    body: fn(Stage) -> BoxFuture<'static, Outcome>,
}

impl Clause {
    /// Holds the subject to it; a failure tells what the server saw.
    pub async fn run(self) -> Outcome {
        let stage = Stage::start().await?;
        (self.prepare)(&stage);
        let outcome = (self.body)(stage.clone()).await;
        outcome.map_err(|failure| failure.with(stage.story()))
    }
}

/// A list of clauses, each named as its function.
macro_rules! clauses {
    ($subject:ident: $($room:ident::$clause:ident),+ $(,)?) => {
        vec![$(Clause {
            name: stringify!($clause),
            prepare: $subject::prepare,
            body: |stage| $room::$clause::<$subject>(stage).boxed(),
        }),+]
    };
}

pub(crate) fn every<S: Subject>() -> Vec<Clause> {
    clauses![S:
        every::bears_the_token,
        every::reports_a_refusal,
        origin::never_leaves_the_api,
        secrets::prints_no_secret,
        config::refuses_a_config_it_cannot_use,
    ]
}

/// What holds wherever tokens are asked for.
fn asking<S: Subject>() -> Vec<Clause> {
    clauses![S:
        origin::follows_no_redirect_of_the_token_endpoint,
        crowd::a_crowd_makes_one_token_request,
        crowd::a_crowd_shares_one_failure,
        crowd::a_dropped_caller_cancels_nothing,
        expiry::renews_before_expiry,
        expiry::serves_while_it_renews,
        renewal::keeps_a_live_token_when_renewal_fails,
        renewal::a_late_answer_is_kept,
        renewal::shares_no_token,
        replacement::replaces_a_refused_token_once,
        state::tells_its_state,
        state::renews_what_is_in_use_unasked,
    ]
}

pub(crate) fn renewing<S: Subject>() -> Vec<Clause> {
    asking::<S>()
}

pub(crate) fn refreshing<S: Subject>() -> Vec<Clause> {
    let own = clauses![S:
        refreshing::keeps_the_refresh_token_that_was_not_replaced,
        refreshing::uses_each_refresh_token_once,
        refreshing::adopts_a_token_granted_elsewhere,
        refreshing::asks_to_log_in_again_when_the_grant_has_ended,
    ];
    asking::<S>().into_iter().chain(own).collect()
}

pub(crate) fn fixed<S: Subject>() -> Vec<Clause> {
    clauses![S: fixed::takes_a_changed_token_at_once]
}

pub(crate) fn asserting<S: Subject>() -> Vec<Clause> {
    clauses![S:
        asserting::makes_a_fresh_jti_for_every_attempt,
        asserting::addresses_its_assertion_to_the_token_endpoint,
        asserting::signs_with_the_key_it_is_given,
        asserting::refuses_a_key_it_cannot_sign_with,
    ]
}

pub(crate) fn discovering<S: Subject>(kind: DiscoveryKind) -> Vec<Clause> {
    let every = clauses![S:
        discovering::looks_its_endpoints_up_once,
        discovering::guesses_no_endpoint,
    ];
    // a SMART configuration need not name an issuer, and none is asked for
    let named = match kind {
        DiscoveryKind::Smart => Vec::new(),
        _ => clauses![S: discovering::drops_a_document_of_another_issuer],
    };
    every.into_iter().chain(named).collect()
}

pub(crate) fn basic<S: Subject>() -> Vec<Clause> {
    clauses![S: basic::encodes_basic_as_a_form]
}
