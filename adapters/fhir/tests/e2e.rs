//! The adapter against its contract and its fixtures.

use std::process::ExitCode;

use oauth_contract::{Stage, Subject, Suite};
use oauth_core::adapter::Adapter;
use oauth_core::error::Error;
use oauth_core::server::DiscoveryKind;
use oauth_fhir::{Fhir, FhirError, SearchPage};
use oauth_stage::Answer;
use serde_json::{Value, json};

fn main() -> ExitCode {
    oauth_contract::run([suite()])
}

/// What the adapter is held to.
fn suite() -> Suite {
    Suite::of::<Contract>("fhir")
        .renewing()
        .asserting()
        .discovering(DiscoveryKind::Smart)
        .fixtures("../../fixtures/fhir")
}

struct Contract;

impl Subject for Contract {
    type Adapter = Fhir;

    fn config(stage: &Stage) -> Value {
        json!({
            "fhir_url": stage.api_url(),
            "client_id": stage.client_id(),
            "key": stage.private_key(&["system/Patient.rs"]),
            "scopes": ["system/Patient.rs"],
        })
    }

    fn prepare(stage: &Stage) {
        stage.server().on("/api/Patient", |call| {
            let patient = || Answer::json(200, &json!({"resourceType": "Patient", "id": "1"}));
            Some(call.access().map_or_else(|refusal| refusal, |_| patient()))
        });
    }

    fn probe() -> (&'static str, Value) {
        ("read", json!({"type": "Patient", "id": "1"}))
    }

    async fn call(
        client: &<Fhir as Adapter>::Client,
        name: &str,
        args: Value,
    ) -> Result<Value, Error> {
        let text = |name: &str| args[name].as_str().unwrap_or_default();
        match name {
            "read" => told(client.read(text("type"), text("id")).await),
            "search" => {
                let page: Result<SearchPage<Value>, _> =
                    client.search(text("type"), &args["parameters"]).await;
                told(page.map(|page| {
                    let issues = page.outcome.map(|outcome| issues(&outcome));
                    json!({"total": page.total, "matches": page.matches, "included": page.included,
                           "next": page.next, "issues": issues})
                }))
            }
            _ => Err(Error::config("call", format!("there is no call `{name}`"))),
        }
    }
}

/// What a scenario sees of a call: of a refusal with an `OperationOutcome` that too, since it is part of
/// the error's type.
fn told(result: Result<Value, FhirError>) -> Result<Value, Error> {
    let refusal = match result {
        Ok(value) => return Ok(value),
        Err(refusal) => refusal,
    };
    let error = Error::from(refusal.clone());
    Err(match refusal.outcome() {
        Some(outcome) => {
            let (found, issues) = (refusal.is_not_found(), issues(outcome));
            error.context(format!("outcome {issues}, not found: {found}"))
        }
        None => error,
    })
}

fn issues(outcome: &oauth_fhir::OperationOutcome) -> Value {
    let issues = outcome.issues.iter().map(|issue| {
        json!({"code": issue.code, "details": issue.details, "diagnostics": issue.diagnostics})
    });
    issues.collect()
}
