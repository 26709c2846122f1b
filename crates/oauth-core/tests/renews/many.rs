//! Many connections from one configuration.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{
    CLIENT, Wanted, basic, builder, clock, env, given, registered, settings, strict,
};
use crate::{HOUR, rotating};
use oauth_core::Connections;
use oauth_core::connections::{Template, Tenant};
use oauth_core::error::ErrorKind;
use oauth_core::grant::ClientCredentials;
use oauth_core::record::MemoryStore;
use oauth_core::source::{ConnectionState, TokenSource as _};
use oauth_core::token::{GrantedToken, Scopes};
use oauth_core::{Env, Secret};
use oauth_stage::{Answer, Endpoint, Strict};
use serde_json::json;

fn tenants(env: &Env, stage: &Strict) -> Connections {
    let server = Wanted::of(env, stage).server;
    let template = Template::client_credentials(server, basic(env), ClientCredentials::default());
    Connections::new(env, template)
}

fn logins(env: &Env, stage: &Strict) -> Connections {
    let server = Wanted::of(env, stage).server;
    let scopes = Scopes::parse("read").unwrap();
    Connections::new(env, Template::refresh_token(server, basic(env), scopes))
}

fn named(name: &str) -> Tenant {
    let mut tenant = Tenant::new();
    tenant.headers.insert("x-tenant".into(), name.into());
    tenant
}

#[tokio::test]
async fn a_tenant_has_one_connection_which_sends_nothing_before_it_is_used() {
    let clock = clock();
    let stage = strict(&clock).await;
    let tenants = tenants(&env(&clock), &stage);
    let one = tenants.get(&named("one")).unwrap();
    let same = tenants.get(&named("one")).unwrap();
    let other = tenants.get(&named("other")).unwrap();
    assert_eq!((tenants.len(), stage.count(Endpoint::Token)), (2, 0));
    let token = one.token().await.unwrap();
    assert_eq!(same.cached().unwrap().access_token(), token.access_token());
    assert!(other.cached().is_none());
    let held = tenants.held_by_key(&one.key()).unwrap();
    assert!(held.cached().is_some());
}

#[tokio::test]
async fn what_a_tenant_asks_for_is_its_own() {
    let clock = clock();
    let stage = strict(&clock).await;
    let tenants = tenants(&env(&clock), &stage);
    let mut wanted = named("one");
    wanted.scopes = Some(Scopes::parse("write").unwrap());
    wanted.parameters.insert("realm".into(), "r".into());
    tenants.get(&wanted).unwrap().token().await.unwrap();
    let log = stage.log();
    let asked = log.last().unwrap();
    assert_eq!(asked.parameter("scope").as_deref(), Some("write"));
    assert_eq!(asked.parameter("realm").as_deref(), Some("r"));
    let mut forbidden = Tenant::new();
    forbidden.parameters.insert("grant_type".into(), "x".into());
    assert_eq!(
        tenants.get(&forbidden).unwrap_err().kind(),
        ErrorKind::Config
    );
}

#[tokio::test]
async fn each_login_is_adopted_and_renewed_for_itself() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let env = env(&clock);
    let logins = logins(&env, &stage);
    let ann = logins.get(&Tenant::subject("ann")).unwrap();
    let adopted = Secret::new(stage.issue_refresh_token(CLIENT, "read"));
    ann.adopt(GrantedToken::refresh_token(adopted))
        .await
        .unwrap();
    let mut bob = Tenant::subject("bob");
    bob.refresh_token = Some(given(&seed));
    let bob = logins.get(&bob).unwrap();
    for _ in 0..3 {
        let (ann, bob) = (ann.token().await.unwrap(), bob.token().await.unwrap());
        assert_ne!(ann.access_token(), bob.access_token());
        clock.advance(HOUR);
    }
    assert_eq!(stage.reuse_detected(), 0);
    let nobody = logins.get(&Tenant::new()).unwrap_err();
    assert!(nobody.to_string().starts_with("subject:"), "{nobody}");
}

#[tokio::test]
async fn r093_of_two_logins_that_are_renewed_together_each_is_kept_although_the_other_fails() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let other = stage.issue_refresh_token(CLIENT, "read");
    let store = Arc::new(MemoryStore::with_clock(clock.clone()));
    let process = || {
        let env = builder(&clock, |_| ()).store(store.clone());
        let logins = logins(&env.build().unwrap(), &stage);
        let login = |subject, seed: &str| {
            let mut tenant = Tenant::subject(subject);
            tenant.refresh_token = Some(given(seed));
            logins.get(&tenant).unwrap()
        };
        (login("the bot", &seed), login("a user", &other))
    };
    let (bot, user) = process();
    let refusal = json!({"error": "invalid_request"});
    stage.answer(Endpoint::Token, Answer::json(400, &refusal));
    user.token().await.unwrap_err();
    let token = bot.token().await.unwrap();
    drop((bot, user));

    let (bot, user) = process();
    let kept = bot.token().await.unwrap();
    assert_eq!(kept.access_token(), token.access_token());
    user.token().await.unwrap();
    clock.advance(HOUR);
    bot.token().await.unwrap();
    user.token().await.unwrap();
    assert_eq!(stage.reuse_detected(), 0);
    assert_eq!(stage.count(Endpoint::Token), 5);
}

#[tokio::test]
async fn each_has_a_state_and_one_that_is_forgotten_has_none() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let logins = logins(&env(&clock), &stage);
    let mut well = Tenant::subject("well");
    well.refresh_token = Some(given(&seed));
    let well = logins.get(&well).unwrap();
    well.token().await.unwrap();
    let ended = logins.get(&Tenant::subject("ended")).unwrap();
    ended.token().await.unwrap_err();
    let mut states: Vec<_> = logins
        .statuses()
        .into_iter()
        .map(|(key, status)| (key.subject.unwrap(), status.state))
        .collect();
    states.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(
        states,
        [
            ("ended".into(), ConnectionState::LogInAgain),
            ("well".into(), ConnectionState::Healthy)
        ]
    );
    assert!(logins.forget(&ended.key()) && !logins.forget(&ended.key()));
    assert_eq!(logins.len(), 1);
}

#[tokio::test]
async fn who_waits_for_another_process_holds_nobody_up() {
    const AT_ONCE: usize = 64;
    // real time: whoever polls a manual clock moves it
    let stage = Strict::builder().client(registered()).start().await;
    let stage = stage.unwrap();
    stage.set_token_lifetime(Duration::from_secs(4));
    let env = Env::new(settings()).unwrap();
    let tenants = tenants(&env, &stage);
    for tenant in 0..AT_ONCE {
        let waits = tenants.get(&named(&tenant.to_string())).unwrap();
        waits.token().await.unwrap();
        let id = waits.key().record_id();
        let lease = env.store().lease(&id, 1, HOUR).await.unwrap();
        assert!(lease.is_some());
    }
    stage.set_token_lifetime(Duration::from_secs(6)); // it is due after all others
    let free = tenants.get(&named("free")).unwrap();
    let first = free.token().await.unwrap();
    let mut changes = free.subscribe();
    let unasked = stage.wait_for(Endpoint::Token, AT_ONCE + 2);
    let patience = Duration::from_secs(20); // of a test that fails
    tokio::time::timeout(patience, unasked).await.unwrap();
    while changes.next().await.unwrap().state != ConnectionState::Healthy {}
    let next = free.cached().unwrap();
    assert_eq!(stage.count(Endpoint::Token), AT_ONCE + 2);
    assert_ne!(next.access_token(), first.access_token());
}

#[tokio::test]
async fn thousands_share_the_http_clients() {
    let clock = clock();
    let stage = strict(&clock).await;
    stage.set_token_lifetime(Duration::from_secs(3600));
    let tenants = tenants(&env(&clock), &stage);
    for tenant in 0..1000 {
        let source = tenants.get(&named(&tenant.to_string())).unwrap();
        source.token().await.unwrap();
    }
    assert_eq!((tenants.len(), stage.connections()), (1000, 1));
}
