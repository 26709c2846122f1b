//! A login on another device.

use oauth_core::oauth_client::{DeviceAuthorizationRequest, OAuthClient};
use oauth_core::server::{AuthorizationServer, EndpointKind};
use oauth_stage::{Answer, Endpoint};
use serde_json::{Value, json};

use crate::canaries::word;
use crate::stand::Stand;
use crate::table::{Row, row};

const CODES: Endpoint = Endpoint::Below("/device_authorization");

struct Device {
    stand: Stand,
    client: OAuthClient,
}

impl Device {
    fn new() -> Self {
        let stand = Stand::new();
        let (env, stage) = (&stand.env, &stand.stage);
        let url = format!("{}/device_authorization", stage.url());
        let server = AuthorizationServer::configured(env, "token_url", &stage.token_url())
            .and_then(|server| server.with_endpoint(env, EndpointKind::DeviceAuthorization, &url))
            .unwrap()
            .with_device_grant();
        let client = OAuthClient::new(env, server, stand.basic()).unwrap();
        Self { stand, client }
    }

    /// The server gives codes, with one member as it is told; `None`: without it.
    fn gives(&self, name: &str, value: Option<Value>) {
        let code = word("device-code");
        self.stand.hide(&code);
        let mut body = json!({
            "device_code": code, "user_code": "ABCD-EFGH", "expires_in": 600, "interval": 5,
            "verification_uri": "https://auth.example/device",
        });
        match value {
            Some(value) => body[name] = value,
            None => drop(body.as_object_mut().unwrap().remove(name)),
        }
        self.stand.stage.answer(CODES, Answer::json(200, &body));
    }

    fn says(&self, code: &str) {
        let answer = Answer::json(400, &json!({"error": code}));
        self.stand.stage.answer(Endpoint::Token, answer);
    }

    fn grants(&self) {
        let access = self.stand.secret(|all| &all.access);
        let body = json!({"access_token": access, "token_type": "Bearer"});
        let answer = Answer::json(200, &body);
        self.stand.stage.answer(Endpoint::Token, answer);
    }

    /// Asks for codes, and polls until it ends.
    #[track_caller]
    fn ends(&self, kind: Option<&str>, requests: usize) {
        let flow = async {
            let request = DeviceAuthorizationRequest::default();
            let codes = self.client.device_authorization(request).await?;
            self.client.device_token(&codes).await
        };
        let _ = self.stand.look(kind, requests, flow);
    }
}

/// An answer with the codes that is refused: nobody polls.
fn refused(
    kind: &'static str,
    name: &'static str,
    value: impl Fn() -> Option<Value> + Send + Sync + 'static,
) -> impl Fn() + Send + Sync + 'static {
    move || {
        let device = Device::new();
        device.gives(name, value());
        device.ends(Some(kind), 1);
    }
}

/// An interval, and how long the pauses are then.
fn paced(
    interval: impl Fn() -> Option<Value> + Send + Sync + 'static,
    seconds: i64,
) -> impl Fn() + Send + Sync + 'static {
    move || {
        let device = Device::new();
        device.gives("interval", interval());
        device.says("authorization_pending");
        device.grants();
        device.ends(None, 3);
        let log = device.stand.stage.log();
        let pauses = log.windows(2).map(|pair| pair[1].at() - pair[0].at());
        let pauses: Vec<i64> = pauses.map(|pause| pause.num_seconds()).collect();
        assert_eq!(pauses, [seconds; 2]);
    }
}

pub fn rows() -> Vec<Row> {
    let bad = "Protocol.BadValue";
    vec![
        row("DEV-002")
            .own(paced(|| None, 5))
            .own(paced(|| Some(Value::Null), 5))
            .own(paced(|| Some(json!(0)), 1))
            .own(paced(|| Some(json!(-1)), 1))
            .own(an_interval_beyond_the_end)
            .own(paced(|| Some(json!("5")), 5))
            .own(paced(|| Some(json!(0.5)), 1))
            .elsewhere(
                "lib r121_r127_an_interval_is_five_seconds_where_it_is_not_said_and_never_absurd",
            ),
        row("DEV-004").own(|| {
            let device = Device::new();
            device.gives("interval", Some(json!(5)));
            device.says("invalid_request");
            device.ends(Some("OAuth"), 2);
        }),
        row("DEV-007")
            .own(refused(bad, "verification_uri", || {
                Some(json!("http://auth.example/device"))
            }))
            .own(refused(bad, "verification_uri", || {
                Some(json!("javascript:alert(1)"))
            }))
            .own(refused(bad, "verification_uri", || {
                Some(json!("\u{1b}[2Jhttps://auth.example/"))
            }))
            .own(refused(bad, "verification_uri_complete", || {
                Some(json!("javascript:alert(1)"))
            })),
        row("DEV-008")
            .own(refused(bad, "user_code", || Some(json!("AB\u{1b}[2JCD"))))
            .own(refused(bad, "user_code", || Some(json!("AB\u{202e}CD"))))
            .own(refused(bad, "user_code", || {
                Some(json!("A".repeat(10 * 1024)))
            })),
        row("DEV-009")
            .own(refused("Protocol.MissingField", "expires_in", || {
                Some(json!(0))
            }))
            .own(refused("Protocol.MissingField", "expires_in", || None)),
        row("DEV-010").own(|| {
            let device = Device::new();
            device.gives("interval", Some(json!(5)));
            device.grants();
            device.stand.stage.lose_answer(Endpoint::Token);
            device.says("invalid_grant");
            device.ends(Some("Ambiguous"), 3);
        }),
    ]
}

/// Nobody polls after the codes have expired.
fn an_interval_beyond_the_end() {
    let device = Device::new();
    device.gives("interval", Some(json!(1e9)));
    device.ends(Some("LoggedOut"), 1);
}
