//! The connection that a worker renews, as the worker and its parent make it.

use std::sync::Arc;

use oauth_core::client_auth::ClientAuth;
use oauth_core::env::Env;
use oauth_core::record::{RecordStore, Spool};
use oauth_core::secret::Secret;
use oauth_core::server::{AuthorizationServer, Departures};
use oauth_core::source::RenewingToken;
use oauth_core::token::Scopes;
use oauth_store::{PostgresStore, SealingKeys, SqliteStore};

use crate::orders::{Orders, Place};

/// The client that the server knows.
pub const CLIENT: &str = "fleet";

/// Opens the store.
pub async fn open(place: &Place, keys: &str) -> Arc<dyn RecordStore> {
    let keys = SealingKeys::from_text(&Secret::new(keys)).unwrap();
    match place {
        Place::Sqlite(path) => Arc::new(SqliteStore::open(path, keys).await.unwrap()),
        Place::Postgres { url, pooled } => {
            // a process renews one token: it needs no more
            let builder = PostgresStore::builder(url).connections(2);
            let builder = match pooled {
                true => builder.behind_pooler(),
                false => builder,
            };
            Arc::new(builder.connect(keys).await.unwrap())
        }
    }
}

/// A connection of that store; nothing is sent by making it.
pub fn connect(
    orders: &Orders,
    store: Arc<dyn RecordStore>,
    spool: Option<Arc<dyn Spool>>,
) -> (Env, RenewingToken) {
    let mut builder = Env::builder(orders.patience.settings()).store(store);
    if let Some(spool) = spool {
        builder = builder.spool(spool);
    }
    let env = builder.build().unwrap();
    let mut departures = Departures::default();
    departures.lifetime.rotation = orders.policy.declared();
    let server = AuthorizationServer::configured(&env, "token_url", &orders.token_url)
        .unwrap()
        .departing(departures)
        .unwrap();
    let client = ClientAuth::none(CLIENT).unwrap();
    let source =
        RenewingToken::refresh_token(&env, server, client, "a user", Scopes::none(), None).unwrap();
    (env, source)
}
