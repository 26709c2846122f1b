//! One grant at one server, and the record of it in one store.

use std::sync::Arc;
use std::time::Duration;

use oauth_core::record::{Record, RecordId, RecordStore};
use oauth_core::source::RenewingToken;
use oauth_stage::{Authentication, Endpoint, Fate, RegisteredClient, Strict};
use serde_json::Value;

use crate::chance::Chance;
use crate::connection::{CLIENT, connect, open};
use crate::orders::{Orders, Patience, Policy};
use crate::stores::Home;

/// The server and the store of a grant. The server runs in this process, the workers in others.
pub struct Scene {
    pub stage: Strict,
    store: Arc<dyn RecordStore>,
    id: RecordId,
    orders: Orders,
    _source: RenewingToken,
    _home: Home,
}

/// The longest that the server lets a request wait, and then its answer.
pub const LATENCY: Duration = Duration::from_millis(8);

impl Scene {
    /// A server that answers now sooner and now later; nobody has logged in yet.
    pub async fn new(home: &Home, policy: Policy, patience: Patience) -> Self {
        let stage = Strict::builder()
            .client(RegisteredClient::new(CLIENT, Authentication::None))
            .rotation(policy.of_the_server())
            .token_lifetime(Duration::ZERO)
            .without_log()
            .start()
            .await
            .unwrap();
        let chance = Chance::new();
        stage.delay(Endpoint::Token, move || {
            (chance.up_to(LATENCY), chance.up_to(LATENCY))
        });
        let orders = Orders {
            place: home.place.clone(),
            keys: home.keys.clone(),
            token_url: stage.token_url(),
            policy,
            patience,
            spool: None,
            login: None,
            renewals: None,
            stop: None,
            passes: 0,
            tells: false,
        };
        let store = open(&orders.place, &orders.keys).await;
        let (_, source) = connect(&orders, store.clone(), None);
        Self {
            stage,
            store,
            id: source.key().record_id(),
            orders,
            _source: source,
            _home: home.clone(),
        }
    }

    pub fn orders(&self) -> Orders {
        self.orders.clone()
    }

    /// Somebody logs in: a refresh token.
    pub fn log_in(&self) -> String {
        self.stage.issue_refresh_token(CLIENT, "")
    }

    pub async fn record(&self) -> Record {
        self.store.load(&self.id).await.unwrap().unwrap_or_default()
    }

    /// The refresh token that the store holds.
    pub async fn held(&self) -> Option<String> {
        let value = self.record().await.value?;
        let record: Value = serde_json::from_slice(value.expose()).unwrap();
        record["refresh_token"].as_str().map(str::to_owned)
    }

    pub fn fate(&self, held: Option<&str>) -> Option<Fate> {
        self.stage.fate(held?)
    }
}
