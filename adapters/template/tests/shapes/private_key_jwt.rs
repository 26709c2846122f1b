//! What the adapter is held to, and what a user would configure.

use oauth_contract::{Stage, Subject, Suite};
use oauth_core::adapter::Adapter;
use oauth_core::error::Error;
use oauth_core::server::DiscoveryKind;
use oauth_stage::Answer;
use oauth_template::private_key_jwt::Template;
use serde_json::{Value, json};

struct Contract;

impl Subject for Contract {
    type Adapter = Template;

    fn config(stage: &Stage) -> Value {
        json!({
            "api_url": stage.api_url(),
            "issuer": stage.issuer(),
            "client_id": stage.client_id(),
            "key": stage.private_key(&["items.read", "items.write"]),
            "audience": "token_endpoint",
            "scopes": ["items.read"],
        })
    }

    fn prepare(stage: &Stage) {
        stage.server().on("/api/items", |call| {
            let item = || Answer::json(200, &json!({"id": "1", "name": "first"}));
            Some(call.access().map_or_else(|refusal| refusal, |_| item()))
        });
    }

    fn probe() -> (&'static str, Value) {
        ("item", json!({"id": "1"}))
    }

    async fn call(
        client: &<Template as Adapter>::Client,
        name: &str,
        args: Value,
    ) -> Result<Value, Error> {
        let text = |name: &str| args[name].as_str().unwrap_or_default();
        match name {
            "item" => Ok(json!(client.item(text("id")).await?)),
            "create_item" => Ok(json!(client.create_item(text("name")).await?)),
            _ => Err(Error::config("call", format!("there is no call `{name}`"))),
        }
    }
}

/// What the adapter is held to.
pub fn suite() -> Suite {
    Suite::of::<Contract>("template/private-key-jwt")
        .renewing()
        .asserting()
        .discovering(DiscoveryKind::OAuth)
        .fixtures("../../fixtures/template/private-key-jwt")
}
