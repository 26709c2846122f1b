//! What takes a user, a proof or two tokens at once, of several areas.

use oauth_core::authorize::AuthorizationRequest;
use oauth_core::client::AuthorizedClient;
use oauth_core::dpop::Dpop;
use oauth_core::error::Recovery;
use oauth_core::grant::{ClientCredentials, Grant};
use oauth_core::oauth_client::OAuthClient;
use oauth_core::secret::Secret;
use oauth_core::server::{AuthorizationServer, Departures, DiscoveryKind, ResourceServer};
use oauth_core::source::TokenSource as _;
use oauth_core::token::GrantedToken;
use oauth_stage::{Answer, Endpoint};
use serde_json::{Value, json};

use crate::canaries::word;
use crate::login::{Login, login, publish};
use crate::stand::{AT, Stand};
use crate::support::Wanted;
use crate::table::{Row, row};

pub fn rows() -> Vec<Row> {
    vec![
        row("TOK-083").own(without_a_refresh_token),
        row("TOK-100").own(two_tokens_of_one_answer),
        row("ERR-003").own(|| {
            let refusal = json!({"error": "invalid_grant", "error_description": "spent"});
            let error = Login::new().ends_by(Answer::json(400, &refusal), "OAuth");
            assert_eq!(error.recovery(), Recovery::LogInAgain);
        }),
        row("DSC-028")
            .own(|| sends_a_user(Value::Null, None))
            .own(|| sends_a_user(json!(["plain"]), Some("Config")))
            .own(|| sends_a_user(json!([]), Some("Config")))
            .own(|| sends_a_user(json!(["s256"]), Some("Config"))),
        row("DSC-029")
            .own(login(None, 2, |_| ()))
            .own(|| keys_at(json!("http://a.example/keys"), "Discovery.Url"))
            .own(|| keys_at(json!("https://192.168.1.1/keys"), "Discovery.Address"))
            .own(|| keys_at(json!(7), "Discovery.Url"))
            .own(|| keys_at(Value::Null, "Config")),
        row("RES-003")
            .own(|| wants_a_nonce("dPoP error=\"use_dpop_nonce\""))
            .own(|| wants_a_nonce("DPOP realm=\"a\", error=use_dpop_nonce")),
    ]
}

fn without_a_refresh_token() {
    let redeemed = Login::new().ends(None, 2, |draft| draft.members = json!({}));
    let tokens = redeemed.unwrap().tokens;
    assert!(tokens.refresh_token.is_none());
}

/// A server that lists its methods of PKCE, and does not list ours, is sent nobody.
fn sends_a_user(methods: Value, kind: Option<&str>) {
    let stand = Stand::new();
    let mut document = publish(&stand.stage);
    if !methods.is_null() {
        document["code_challenge_methods_supported"] = methods;
    }
    let document = Some(Answer::json(200, &document));
    stand
        .stage
        .answer_always(Endpoint::AuthorizationServerMetadata, document);
    let (client, session) = (stand.client(), Secret::new("session of a user"));
    let request = AuthorizationRequest::new(AT);
    let flow = client.authorization(&request, &session);
    let _ = stand.look(kind, 1, flow);
}

/// Where the keys cannot be had, no ID token could be believed, and no code is spent for it.
fn keys_at(jwks_uri: Value, kind: &str) {
    let login = Login::at(|document| match jwks_uri {
        Value::Null => drop(document.as_object_mut().unwrap().remove("jwks_uri")),
        jwks_uri => document["jwks_uri"] = jwks_uri,
    });
    login.ends(Some(kind), 0, |_| ()).unwrap_err();
}

/// The API is called once more, with the nonce and the same token.
fn wants_a_nonce(challenge: &'static str) {
    let stand = Stand::new();
    let (env, stage) = (&stand.env, &stand.stage);
    let refusal = Answer::status(401)
        .header("www-authenticate", challenge)
        .header("dpop-nonce", "nonce-1");
    stage.answer(Endpoint::Api, refusal);
    let server = AuthorizationServer::configured(env, "token_url", &stage.token_url()).unwrap();
    let server = server.with_dpop(Dpop::new());
    let source = Wanted::from(env, server).client(stand.basic()).build();
    let api = ResourceServer::new(env, "api_url", &stage.api_url()).unwrap();
    let client = AuthorizedClient::new(env, api, source);
    stand.look(None, 3, client.get("x").send()).unwrap();
    let last = stage.log().pop().unwrap().proof_claims().unwrap();
    assert_eq!(last["nonce"], "nonce-1");
}

/// The token of the bot, and that of the user, of which a declared fact tells: both are kept, each under a
/// key of its own.
fn two_tokens_of_one_answer() {
    let stand = Stand::new();
    let (env, stage) = (&stand.env, &stand.stage);
    let departures: Departures = oauth_core::config::parse(json!({"response": {"facts": [
        {"name": "user_token", "pointer": "/authed_user/access_token"},
    ]}}))
    .unwrap();
    let issuer = stage.issuer();
    let server = AuthorizationServer::discovered(env, "issuer", &issuer, DiscoveryKind::OAuth)
        .and_then(|server| server.departing(departures))
        .unwrap();
    let (bot, user) = (stand.secret(|all| &all.access), word("user"));
    stand.hide(&user);
    let answer = json!({
        "ok": true, "access_token": bot, "token_type": "Bearer", "expires_in": 3600,
        "authed_user": {"id": "U1", "access_token": user},
    });
    stage.answer(Endpoint::Token, Answer::json(200, &answer));
    let client = OAuthClient::new(env, server.clone(), stand.basic()).unwrap();
    let grant = Grant::ClientCredentials(ClientCredentials::default());
    let granted = stand.look(None, 2, client.token(grant)).unwrap();
    let fact = granted.facts["user_token"].clone();
    let keep = |subject: &str, token: GrantedToken| {
        let scopes = oauth_core::token::Scopes::none();
        let source = oauth_core::source::RenewingToken::refresh_token(
            env,
            server.clone(),
            stand.basic(),
            subject,
            scopes,
            None,
        );
        let source = source.unwrap();
        stand.look(None, 0, source.adopt(token)).unwrap();
        source
    };
    let users = keep("U1", GrantedToken::access_token(fact, granted.lifetime));
    let bots = keep("the bot", granted.into());
    for (source, token) in [(&bots, &bot), (&users, &user)] {
        let kept = stand.look(None, 0, source.token()).unwrap();
        assert_eq!(kept.access_token().expose(), token);
    }
    assert_ne!(bots.key(), users.key());
}
