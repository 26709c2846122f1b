//! Every bad input that was thought of, through the real client, against servers that misbehave: one trial
//! a case. Looked at each time: the outcome, how many requests were sent, how long it took, how much memory
//! was held, and that no secret stands in the error or in the log of any crate.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail loudly"
)]

mod canaries;
mod exchange;
mod login;
#[path = "../../src/signing_key/tests/make.rs"]
#[allow(dead_code, reason = "the tests of keys use more of it")]
mod make;
mod rows;
mod scene;
mod stand;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod tape;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use crate::table::{Case, Row};

/// Fewer cases than that are no table.
const FEWEST: usize = 1000;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    tape::start();
    let rows = Arc::new(rows::all());
    let trials = trials(&rows);
    let asked_for_all = arguments.filter.is_none() && arguments.skip.is_empty();
    assert!(
        !asked_for_all || trials.len() >= FEWEST,
        "{} trials: the table is gone",
        trials.len()
    );
    let conclusion = libtest_mimic::run(&arguments, trials);
    let ran = conclusion.num_passed + conclusion.num_failed;
    assert!(
        arguments.list || ran > 0,
        "nothing ran: there is no such trial"
    );
    conclusion.exit_code()
}

/// What must be true of the table as a whole.
type Check = fn(&[Row]);

fn trials(rows: &Arc<Vec<Row>>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let mut number = 0;
        for (which, case) in row.cases.iter().enumerate() {
            if matches!(case, Case::Elsewhere(_) | Case::NotHere(_)) {
                continue;
            }
            number += 1;
            let rows = Arc::clone(rows);
            let order = trials.len();
            trials.push(Trial::test(format!("{}/{number}", row.line), move || {
                match &rows[at].cases[which] {
                    Case::Exchange(exchange) => scene::play(exchange, order),
                    Case::Own(case) => case(),
                    Case::Elsewhere(_) | Case::NotHere(_) => {}
                }
                Ok(())
            }));
        }
    }
    let of_the_table: [(&str, Check); 4] = [
        ("is_complete", table::is_complete),
        ("agrees_or_says_why_not", table::agrees_or_says_why_not),
        ("names_tests_that_exist", table::names_tests_that_exist),
        ("finds_what_is_logged_on_purpose", |_| {
            canaries::are_found_where_they_are_logged();
        }),
    ];
    for (name, check) in of_the_table {
        let rows = Arc::clone(rows);
        trials.push(Trial::test(format!("table/{name}"), move || {
            check(&rows);
            Ok(())
        }));
    }
    trials
}
