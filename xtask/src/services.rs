//! What tests run against: a PostgreSQL and a connection pooler of their own, got where the machine has
//! none, started before the tests and gone after them. Nothing of the machine is changed.
//!
//! A package says in its Cargo.toml what its tests need:
//!
//! ```toml
//! [package.metadata.oauth]
//! needs = ["postgres", "pgbouncer"]
//! ```

mod account;
mod address;
mod folder;
mod guard;
mod needs;
mod pgbouncer;
mod postgres;
mod programs;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::process::Command;

use crate::failure::Failure;
use crate::services::account::Account;
use crate::services::folder::Folder;
use crate::services::needs::Need;
use crate::services::pgbouncer::Pooler;
use crate::services::postgres::Server;
use crate::workspace::Workspace;

/// Where the tests find PostgreSQL: a URL whose role may create databases. Set already, it is used.
const POSTGRES: &str = "OAUTH_TEST_POSTGRES";
/// The same server through a connection pooler in transaction mode.
const PGBOUNCER: &str = "OAUTH_TEST_PGBOUNCER";
/// The folder of PostgreSQL's programs, for a test that starts a server of its own.
const PROGRAMS: &str = "OAUTH_TEST_POSTGRES_BIN";

/// What was started for tests. It ends with this value, and also when this process is killed.
#[derive(Default)]
pub struct Services {
    environment: Vec<(&'static str, OsString)>,
    // dropped in this order
    _pooler: Option<Pooler>,
    _server: Option<Server>,
}

impl Services {
    /// Starts what the tests of these packages need; `None`: of all packages.
    pub fn start(workspace: &Workspace, packages: Option<&[String]>) -> Result<Self, Failure> {
        let needs = needs::of(workspace, packages)?;
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let wanted = wanted(&needs, is_set)?;
        let mut services = Self::default();
        if !wanted.programs {
            return Ok(services);
        }
        let account = Account::ordinary()?;
        let folder = Folder::new(account)?;
        let programs = postgres::find(workspace, &folder)?;
        folder::clear(account, &programs);
        services.tell(PROGRAMS, programs.folder.clone());
        if wanted.server {
            let pooler = match wanted.pooler {
                true => Some(pgbouncer::find(workspace, &folder)?),
                false => None,
            };
            let server = Server::start(folder, &programs)?;
            services.tell(POSTGRES, server.address.url());
            if let Some(program) = pooler {
                let pooler = Pooler::start(&program, &server)?;
                services.tell(PGBOUNCER, pooler.address.url());
                services._pooler = Some(pooler);
            }
            services._server = Some(server);
        }
        Ok(services)
    }

    /// Tells a program where everything is.
    pub fn lend(&self, command: &mut Command) {
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
    }

    fn tell(&mut self, name: &'static str, value: impl Into<OsString>) {
        self.environment.push((name, value.into()));
    }
}

/// What is to be found, and what is to be started.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    programs: bool,
    server: bool,
    pooler: bool,
}

/// What a person has set is used, and nothing is started beside it.
fn wanted(needs: &BTreeSet<Need>, is_set: impl Fn(&str) -> bool) -> Result<Wanted, Failure> {
    let pooler = needs.contains(&Need::Pgbouncer);
    if !is_set(POSTGRES) {
        let server = !needs.is_empty();
        return Ok(Wanted {
            programs: server,
            server,
            pooler,
        });
    }
    if pooler && !is_set(PGBOUNCER) {
        return Err(Failure::failed(format!(
            "{POSTGRES} is set and {PGBOUNCER} is not: set it to a URL of that server through pgbouncer (pool_mode = transaction), or unset {POSTGRES} to have both started"
        )));
    }
    Ok(Wanted {
        programs: !needs.is_empty() && !is_set(PROGRAMS),
        server: false,
        pooler: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(needs: &[Need], set: &[&str]) -> Result<Wanted, Failure> {
        let needs = needs.iter().copied().collect();
        wanted(&needs, |name| set.contains(&name))
    }

    const NOTHING: Wanted = Wanted {
        programs: false,
        server: false,
        pooler: false,
    };

    #[test]
    fn what_needs_nothing_starts_nothing() {
        assert_eq!(told(&[], &[]).unwrap(), NOTHING);
        assert_eq!(told(&[], &[POSTGRES]).unwrap(), NOTHING);
    }

    #[test]
    fn the_pooler_is_started_where_it_is_needed() {
        let both = told(&[Need::Postgres, Need::Pgbouncer], &[]).unwrap();
        assert!(both.programs && both.server && both.pooler);
        let one = told(&[Need::Postgres], &[]).unwrap();
        assert!(one.programs && one.server && !one.pooler);
    }

    #[test]
    fn beside_a_database_of_ones_own_nothing_is_started() {
        let needs = [Need::Postgres, Need::Pgbouncer];
        let set = told(&needs, &[POSTGRES, PGBOUNCER, PROGRAMS]).unwrap();
        assert_eq!(set, NOTHING);
        let Err(Failure::Failed(text)) = told(&needs, &[POSTGRES]) else {
            panic!("accepted")
        };
        assert!(
            text.contains("set it to a URL") && !text.contains('\n'),
            "{text}"
        );
        assert!(told(&[Need::Postgres], &[POSTGRES]).unwrap().programs);
    }
}
