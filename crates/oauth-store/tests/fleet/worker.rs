//! A worker: a process that renews one token again and again, until it has done enough or is killed.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use oauth_core::error::ErrorKind;
use oauth_core::record::{
    Change, Committed, Lease, Record, RecordId, RecordStore, RecordValue, Stored,
};
use oauth_core::secret::Secret;
use oauth_core::source::TokenSource as _;
use oauth_core::token::GrantedToken;
use rustix::process::{Signal, getpid, kill_process};

use crate::connection::{connect, open};
use crate::orders::{Orders, Stop};
use crate::said::Said;

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
    let store = Arc::new(Stopping {
        store,
        stop: orders.stop,
        stopped: AtomicBool::new(false),
    });
    let (_env, source) = connect(orders, store);
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

fn say(said: &Said) {
    let mut out = std::io::stdout().lock();
    // one write, so that a kill cuts no line in two
    out.write_all(format!("{said}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// The store, in front of which the process stops itself once, as if it were paused there.
#[derive(Debug)]
struct Stopping {
    store: Arc<dyn RecordStore>,
    stop: Option<Stop>,
    stopped: AtomicBool,
}

impl Stopping {
    fn at(&self, point: Stop, said: &Said) {
        if self.stop == Some(point) && !self.stopped.swap(true, Ordering::SeqCst) {
            say(said);
            kill_process(getpid(), Signal::STOP).unwrap();
        }
    }
}

impl RecordStore for Stopping {
    fn load<'a>(&'a self, id: &'a RecordId) -> Stored<'a, Option<Record>> {
        self.store.load(id)
    }

    fn lease<'a>(
        &'a self,
        id: &'a RecordId,
        version: u64,
        span: Duration,
    ) -> Stored<'a, Option<Lease>> {
        Box::pin(async move {
            let lease = self.store.lease(id, version, span).await;
            if let Ok(Some(_)) = &lease {
                self.at(Stop::Leased, &Said::Leased);
            }
            lease
        })
    }

    fn commit<'a>(
        &'a self,
        id: &'a RecordId,
        lease: &'a Lease,
        change: Change,
    ) -> Stored<'a, Committed> {
        if matches!(change, Change::Replace(_)) {
            self.at(Stop::Answered, &Said::Answered);
        }
        self.store.commit(id, lease, change)
    }

    fn put<'a>(&'a self, id: &'a RecordId, value: RecordValue) -> Stored<'a, u64> {
        self.store.put(id, value)
    }

    fn list<'a>(&'a self, namespace: &'a str, prefix: &'a str) -> Stored<'a, Vec<RecordId>> {
        self.store.list(namespace, prefix)
    }

    fn delete<'a>(&'a self, id: &'a RecordId) -> Stored<'a, bool> {
        self.store.delete(id)
    }
}
