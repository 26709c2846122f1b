//! What comes to a redirect URI.

use oauth_core::authorize::{AuthorizationRequest, Callback, PendingAuthorization, ResponseMode};
use oauth_core::error::Error;
use oauth_core::oauth_client::OAuthClient;
use oauth_core::secret::Secret;
use oauth_stage::Endpoint;
use serde_json::{Value, json};

use crate::canaries::word;
use crate::login::{EC, signed};
use crate::stand::{AT, Stand};
use crate::support::CLIENT;
use crate::table::{Row, row};

type Pairs = Vec<(String, String)>;

/// A user who was sent to the server, and what comes back: right in everything until it is changed.
struct Visit {
    stand: Stand,
    client: OAuthClient,
    pending: PendingAuthorization,
    pairs: Pairs,
}

fn session() -> Secret {
    Secret::new("session of a user")
}

impl Visit {
    fn new() -> Self {
        Self::asking(|request| request)
    }

    fn asking(change: impl FnOnce(AuthorizationRequest) -> AuthorizationRequest) -> Self {
        let stand = Stand::new();
        crate::login::publish(&stand.stage);
        let client = stand.client();
        let request = change(AuthorizationRequest::new(AT));
        let session = session();
        let flow = client.authorization(&request, &session);
        let (_, pending) = stand.run(flow).unwrap();
        let code = word("code");
        stand.hide(&code);
        stand.hide(pending.state().expose());
        let pairs = [
            ("code", code.as_str()),
            ("state", pending.state().expose()),
            ("iss", &stand.stage.issuer()),
        ];
        Self {
            pairs: pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            stand,
            client,
            pending,
        }
    }

    fn query(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.pairs)
            .finish()
    }

    /// Judged, and where it is taken, redeemed.
    #[track_caller]
    fn ends(self, kind: &str, requests: usize, came: Result<Callback, Error>) {
        let Self {
            stand,
            client,
            pending,
            ..
        } = self;
        let flow = async {
            let code = client.callback(pending, &session(), came?).await?;
            client.redeem(code).await
        };
        stand.look(Some(kind), requests, flow).unwrap_err();
        assert_eq!(stand.stage.count(Endpoint::Token), 0);
    }
}

/// The pairs changed so are refused, and nothing is asked of anybody.
fn refused(
    kind: &'static str,
    change: impl Fn(&mut Pairs) + Send + Sync + 'static,
) -> impl Fn() + Send + Sync + 'static {
    move || {
        let mut visit = Visit::new();
        change(&mut visit.pairs);
        let came = Callback::query(AT, &visit.query());
        visit.ends(kind, 0, came);
    }
}

fn set(name: &'static str, value: impl Fn(&str) -> String) -> impl Fn(&mut Pairs) {
    move |pairs| {
        let pair = pairs.iter_mut().find(|(known, _)| known == name).unwrap();
        pair.1 = value(&pair.1);
    }
}

fn without(name: &'static str) -> impl Fn(&mut Pairs) {
    move |pairs| pairs.retain(|(known, _)| known != name)
}

fn with(name: &'static str, value: impl Fn(&Pairs) -> String) -> impl Fn(&mut Pairs) {
    move |pairs| pairs.push((name.to_owned(), value(pairs)))
}

fn first(pairs: &Pairs, name: &str) -> String {
    let found = pairs.iter().find(|(known, _)| known == name);
    found.unwrap().1.clone()
}

pub fn rows() -> Vec<Row> {
    let (state, issuer) = ("Binding.State", "Binding.Issuer");
    let twice = "Protocol.DuplicateKey";
    vec![
        row("CBK-001")
            .own(refused(state, without("state")))
            .own(refused(state, set("state", |_| "wrong".into())))
            .own(answered_twice)
            .own(refused(state, set("state", |state| format!("{state}x"))))
            .own(refused(state, set("state", |state| state.to_lowercase() + "A")))
            .own(refused(state, set("state", |_| String::new()))),
        row("CBK-002")
            .own(refused(issuer, set("iss", |_| "https://evil.example".into())))
            .own(refused(issuer, set("iss", |iss| iss.to_uppercase()))),
        row("CBK-003")
            .own(refused(issuer, without("iss")))
            .own(refused(issuer, set("iss", |_| String::new()))),
        row("CBK-004")
            .own(refused(issuer, with("iss", |pairs| first(pairs, "iss"))))
            .own(refused(issuer, set("iss", |iss| format!("{iss}/"))))
            .own(refused(issuer, set("iss", |iss| {
                url::form_urlencoded::byte_serialize(iss.as_bytes()).collect()
            }))),
        row("CBK-006")
            .own(refused(twice, with("code", |_| "other".into())))
            .own(refused(twice, with("state", |pairs| first(pairs, "state")))),
        row("CBK-009").own(refused(issuer, |pairs| {
            without("code")(pairs);
            with("error", |_| "login_required".into())(pairs);
            set("iss", |_| "https://evil.example".into())(pairs);
        })),
        row("CBK-011")
            .own(|| {
                let visit = Visit::new();
                let came = Callback::query("https://app.example/callback/other", &visit.query());
                visit.ends("Binding.Context", 0, came);
            })
            .elsewhere(
                "test:authorizes bound::r107_r108_cbk_011_a_code_is_redeemed_at_the_server_of_its_own_flow",
            ),
        row("CBK-012").own(|| {
            let visit = Visit::new();
            let came = Callback::query(AT, &visit.query()).unwrap();
            let other = Secret::new("session of another user");
            let flow = visit.client.callback(visit.pending, &other, came);
            let ended = visit.stand.look(Some("Binding.Session"), 0, flow);
            ended.unwrap_err();
        }),
        signed_answers(),
        row("CBK-014")
            .own(|| {
                let visit = Visit::new();
                let came = Callback::url(&format!("{AT}#{}", visit.query()));
                visit.ends("Protocol.BadValue", 0, came);
            })
            .own(|| {
                let visit = Visit::asking(|request| request.response_mode(ResponseMode::FormPost));
                let came = Callback::form_post(AT, "code=other", &visit.query());
                visit.ends("Protocol.BadValue", 0, came);
            })
            .own(|| {
                let visit = Visit::asking(|request| request.response_mode(ResponseMode::FormPost));
                let came = Callback::form_post(AT, &visit.query(), "");
                visit.ends("Protocol.BadValue", 0, came);
            }),
        row("CBK-018")
            .elsewhere("lib r113_r114_takes_one_answer_shows_a_page_that_tells_nothing_and_closes")
            .elsewhere("test:authorizes loopback::r114_a_user_of_this_machine_logs_in"),
    ]
}

/// The second answer to one request is none, also where it is the first once more.
fn answered_twice() {
    let visit = Visit::new();
    let query = visit.query();
    let came = || Callback::query(AT, &query).unwrap();
    let kept = visit.pending.into_secret_form().unwrap();
    let again = || PendingAuthorization::from_secret_form(&kept).unwrap();
    let (client, session) = (&visit.client, session());
    let first = client.callback(again(), &session, came());
    visit.stand.run(first).unwrap();
    let second = client.callback(again(), &session, came());
    let ended = visit.stand.look(Some("Binding.State"), 0, second);
    ended.unwrap_err();
}

/// A signed answer whose header and claims are changed so (JARM 2.4).
fn forged(
    kind: &'static str,
    requests: usize,
    change: impl Fn(&mut Value, &mut Value) + Send + Sync + 'static,
    finish: fn(String) -> String,
) -> impl Fn() + Send + Sync + 'static {
    move || {
        let visit = Visit::asking(|request| request.response_mode(ResponseMode::QueryJwt));
        let stage = &visit.stand.stage;
        let mut header = json!({"alg": "ES256", "kid": EC.key_id()});
        let mut claims = json!({
            "iss": stage.issuer(), "aud": CLIENT, "exp": stage.now().timestamp() + 60,
            "code": first(&visit.pairs, "code"), "state": first(&visit.pairs, "state"),
        });
        change(&mut header, &mut claims);
        let response = finish(signed(&header, &claims));
        let came = Callback::query(AT, &format!("response={response}"));
        visit.ends(kind, requests, came);
    }
}

fn signed_answers() -> Row {
    fn as_it_is(token: String) -> String {
        token
    }
    fn unsigned(token: String) -> String {
        format!("{}.", token.rsplit_once('.').unwrap().0)
    }
    fn spoilt(token: String) -> String {
        let (input, signature) = token.rsplit_once('.').unwrap();
        let other = if signature.starts_with('A') { "B" } else { "A" };
        format!("{input}.{other}{}", &signature[1..])
    }
    let mut row = row("CBK-013")
        .own(forged(
            "Jwt.Malformed",
            0,
            |header, _| header["alg"] = "none".into(),
            unsigned,
        ))
        .own(forged(
            "Jwt.Algorithm",
            0,
            |header, _| header["alg"] = "none".into(),
            as_it_is,
        ))
        .own(forged("Jwt.Signature", 1, |_, _| (), spoilt));
    let missing = ["iss", "aud", "exp"];
    for name in missing {
        row = row.own(forged(
            "Jwt.MissingClaim",
            1,
            move |_, claims| drop(claims.as_object_mut().unwrap().remove(name)),
            as_it_is,
        ));
    }
    for (name, kind, value) in [
        ("iss", "Jwt.Issuer", json!("https://evil.example")),
        ("aud", "Jwt.Audience", json!("another client")),
        ("exp", "Jwt.Expired", json!(1_000_000_000)),
        ("exp", "Jwt.BadClaim", json!("soon")),
    ] {
        let change = move |_: &mut Value, claims: &mut Value| claims[name] = value.clone();
        row = row.own(forged(kind, 1, change, as_it_is));
    }
    row
}
