//! The versions of the tables. The first is what `create` makes. Each later one is a step from the one
//! before; a store of an older version takes those it lacks when it is opened, a new one takes them all.

use futures_util::future::BoxFuture;
use oauth_core::error::StoreFault;
use oauth_core::record::StoreError;

use crate::engine::{Argument, Engine};
use crate::facts;
use crate::keys::SealingKeys;

/// The version of the tables that `create` makes.
pub const FIRST: i64 = 1;

/// What makes of the tables of one version those of the next. Processes of an older library that have the store
/// open go on with the statements they know: a step adds what those need not know, and takes nothing away.
#[derive(Debug)]
pub struct Step {
    pub sqlite: &'static [&'static str],
    pub postgres: &'static [&'static str],
}

/// From the first version to the second, and so on. Whoever has taken a step does not take it again: one
/// that was released is not changed any more.
pub const STEPS: &[Step] = &[];

/// The version that the steps lead to.
pub fn newest(steps: &[Step]) -> i64 {
    FIRST + steps.len() as i64
}

/// The step from that version to the next; `None`: it is the newest.
fn next(version: i64, steps: &'static [Step]) -> Option<&'static Step> {
    usize::try_from(version - FIRST)
        .ok()
        .and_then(|index| steps.get(index))
}

/// An engine that changes its tables.
pub trait Alter: Engine {
    /// The statements of a step, in this engine's dialect.
    fn dialect(&self, step: &'static Step) -> &'static [&'static str];

    /// Runs a statement, and where it has changed a row the others after it: in one transaction, while nobody
    /// else does the like.
    fn alter(
        &self,
        first: &'static str,
        arguments: Vec<Argument>,
        others: &'static [&'static str],
    ) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// Takes the steps that the store lacks, each for itself, if it is the keys' own.
pub async fn bring_up(
    engine: &impl Alter,
    keys: &SealingKeys,
    steps: &'static [Step],
) -> Result<(), StoreError> {
    let mut former = None;
    loop {
        let rows = engine
            .read(engine.statements().read_facts, Vec::new())
            .await?;
        let version = facts::check(rows, keys, FIRST..=newest(steps))?;
        if former.replace(version) == Some(version) {
            return Err(StoreError::new(
                StoreFault::Version,
                format!(
                    "the store says that its tables are of version {version}, and does not take the step to {}; \
                     look at `schema` in `oauth_store`, which is a whole number, and whether this role may change it",
                    version + 1
                ),
            ));
        }
        let Some(step) = next(version, steps) else {
            return Ok(());
        };
        let taken = take(engine, version, step).await;
        taken.map_err(|error| not_taken(version, &error))?;
        tracing::info!(
            version = version + 1,
            "the store's tables were brought up to a version"
        );
    }
}

/// Takes a step; that somebody else has taken it meanwhile is as good.
pub async fn take(
    engine: &impl Alter,
    version: i64,
    step: &'static Step,
) -> Result<(), StoreError> {
    let arguments = vec![
        facts::SCHEMA_FACT.into(),
        Argument::Text(version.to_string()),
        Argument::Text((version + 1).to_string()),
    ];
    let raise = engine.statements().change_fact;
    engine.alter(raise, arguments, engine.dialect(step)).await
}

fn not_taken(version: i64, error: &StoreError) -> StoreError {
    let former = format!("or go on with the library that knows version {version}");
    let remedy = match error.fault() {
        // the answer to the end of its transaction may be what was lost
        StoreFault::Unavailable => {
            "it is taken wholly or not at all: open the store again".to_owned()
        }
        StoreFault::Permission => format!(
            "nothing has changed: let the role that owns the tables open the store once, {former}"
        ),
        _ => format!(
            "a step is taken wholly or not at all: mend that and open the store again, {former}"
        ),
    };
    StoreError::new(
        error.fault(),
        format!(
            "the step of the store's tables from version {version} to {} failed: {error}; {remedy}",
            version + 1
        ),
    )
}
