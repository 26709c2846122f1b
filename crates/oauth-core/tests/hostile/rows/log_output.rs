//! What is printed, logged and written down.

use std::marker::PhantomData;

use oauth_core::secret::{Secret, SecretRef};
use oauth_core::token::{GrantedToken, Token};
use serde::Serialize;

use crate::canaries::Canaries;
use crate::exchange::{GOOD, json, status};
use crate::scene;
use crate::table::{Row, not_here, row, taken};

pub fn rows() -> Vec<Row> {
    vec![
        row("LOG-003")
            .own(a_panic_shows_no_token)
            .elsewhere("test:renews expiry::a_renewal_that_panics_harms_nobody_but_itself"),
        not_here(
            "LOG-005",
            "whether a process may dump its memory is for the program to set, not for a library; secrets \
             are wiped when the last clone is dropped",
        ),
        row("LOG-006").own(no_process_shows_a_secret),
        taken(
            "LOG-007",
            [
                json(GOOD),
                status(
                    400,
                    r#"{"error":"invalid_request","error_description":"for $secret"}"#,
                )
                .by(crate::exchange::Method::Post)
                .is("OAuth"),
                status(500, "$hidden").requests(3).is("Http"),
            ],
        )
        .differs("what is refused is refused; looked at is what was logged of it")
        .elsewhere("test:traces no_crate_tells_a_secret_at_any_level"),
        row("LOG-008").own(no_secret_is_serialized),
        row("LOG-009")
            .elsewhere("xtask lib one_secret_has_one_name_everywhere")
            .elsewhere("xtask lib secret_members_are_replaced_at_any_depth"),
        not_here(
            "LOG-010",
            "`cargo xtask tidy` looks for keys in every file, a corpus among them",
        ),
    ]
}

fn a_panic_shows_no_token() {
    let canaries = Canaries::new();
    let secret = Secret::new(&canaries.access);
    let granted = GrantedToken::access_token(secret.clone(), None);
    let reference = SecretRef::given(secret.clone());
    let outcome = std::panic::catch_unwind(|| {
        let (secret, granted, reference) = (&secret, &granted, &reference);
        assert_eq!(
            format!("{secret:?} {granted:?} {reference:?}"),
            "",
            "with {secret:#?} in scope"
        );
    });
    let payload = outcome.unwrap_err();
    let text = payload.downcast_ref::<String>().unwrap();
    assert!(
        text.contains("[REDACTED]") && !text.contains(&canaries.access),
        "{text}"
    );
}

/// After a request, what everybody on this machine may read of this process has none of it.
fn no_process_shows_a_secret() {
    scene::play(&json(GOOD), 0);
    for file in ["cmdline", "environ"] {
        let Ok(bytes) = std::fs::read(format!("/proc/self/{file}")) else {
            continue; // there is no such file on this system
        };
        assert!(
            !String::from_utf8_lossy(&bytes).contains("canary-"),
            "{file}"
        );
    }
}

/// Tells at compile time whether a type can be written down by serde.
struct Probe<T>(PhantomData<T>);

trait Otherwise {
    const IS_SERIALIZED: bool = false;
}

impl<T> Otherwise for Probe<T> {}

impl<T: Serialize> Probe<T> {
    #[allow(dead_code, reason = "that nothing here uses it is what is shown")]
    const IS_SERIALIZED: bool = true;
}

fn no_secret_is_serialized() {
    for (is_serialized, expected) in [
        (Probe::<String>::IS_SERIALIZED, true),
        (Probe::<Secret>::IS_SERIALIZED, false),
        (Probe::<SecretRef>::IS_SERIALIZED, false),
        (Probe::<Token>::IS_SERIALIZED, false),
        (Probe::<GrantedToken>::IS_SERIALIZED, false),
    ] {
        assert_eq!(is_serialized, expected);
    }
}
