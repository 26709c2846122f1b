//! A worker: a process that renews one token again and again, until it has done enough or is killed.

use std::time::Duration;

use oauth_core::error::ErrorKind;
use oauth_core::secret::Secret;
use oauth_core::source::TokenSource as _;
use oauth_core::token::GrantedToken;

use crate::connection::{connect, open};
use crate::orders::Orders;
use crate::said::{Said, say};
use crate::stopping;

/// After an error that may pass.
const BREATH: Duration = Duration::from_millis(20);

/// Does what it is told.
pub fn run(orders: &str) {
    let orders = Orders::read(orders);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work(&orders));
}

async fn work(orders: &Orders) {
    let store = open(&orders.place, &orders.keys).await;
    let (store, spool) = stopping::around(orders, store);
    let (_env, source) = connect(orders, store, spool);
    say(&Said::Ready);
    if let Some(login) = &orders.login {
        let granted = GrantedToken::refresh_token(Secret::new(login.as_str()));
        source.adopt(granted).await.unwrap();
        say(&Said::Adopted);
    }
    let mut renewals = 0;
    while orders.renewals.is_none_or(|enough| renewals < enough) {
        match source.token().await {
            // it has no lifetime, so that the next call renews again
            Ok(token) => {
                renewals += 1;
                say(match token.is_persisted() {
                    true => &Said::Renewed,
                    false => &Said::Unkept,
                });
            }
            Err(error) if error.kind() == ErrorKind::LoggedOut => {
                say(&Said::LoggedOut(error.to_string()));
                return;
            }
            // somebody holds the record, or did when he was killed: that is waited for
            Err(error) if error.kind() == ErrorKind::Timeout => {}
            Err(error) => {
                say(&Said::Failed(error.to_string()));
                tokio::time::sleep(BREATH).await;
            }
        }
    }
    say(&Said::Done);
}
