//! What a package's tests need, as its Cargo.toml declares it.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::failure::{Context, Failure};
use crate::workspace::{Workspace, stdout};

/// Something to run against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A database server.
    Postgres,
    /// That server through a connection pooler.
    Pgbouncer,
}

/// The needs of these packages together; `None`: of all packages.
pub fn of(workspace: &Workspace, packages: Option<&[String]>) -> Result<BTreeSet<Need>, Failure> {
    let mut cargo = workspace.cargo();
    cargo.args([
        "metadata",
        "--no-deps",
        "--offline",
        "--format-version",
        "1",
    ]);
    declared(&stdout(cargo)?, packages)
}

/// As much of `cargo metadata` as says it.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    metadata: Option<Tables>,
}

#[derive(Deserialize)]
struct Tables {
    oauth: Option<Ours>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ours {
    needs: Vec<String>,
}

fn declared(metadata: &str, packages: Option<&[String]>) -> Result<BTreeSet<Need>, Failure> {
    let metadata: Metadata = serde_json::from_str(metadata).context("package.metadata.oauth")?;
    let is_asked = |name: &String| packages.is_none_or(|packages| packages.contains(name));
    let mut needs = BTreeSet::new();
    for package in metadata.packages {
        let Some(ours) = package.metadata.and_then(|tables| tables.oauth) else {
            continue;
        };
        for need in ours.needs {
            let need = read(&need).ok_or_else(|| {
                let name = &package.name;
                Failure::failed(format!(
                    "{name} needs `{need}` (package.metadata.oauth.needs): there are `postgres` and `pgbouncer`"
                ))
            })?;
            needs.extend(is_asked(&package.name).then_some(need));
        }
    }
    Ok(needs)
}

fn read(need: &str) -> Option<Need> {
    match need {
        "postgres" => Some(Need::Postgres),
        "pgbouncer" => Some(Need::Pgbouncer),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"{"packages": [
        {"name": "oauth-core", "metadata": null},
        {"name": "oauth-other", "metadata": {"docs": {"x": 1}}},
        {"name": "oauth-store", "metadata": {"oauth": {"needs": ["postgres", "pgbouncer"]}}}
    ]}"#;

    #[test]
    fn only_the_needs_of_what_is_tested_count() {
        let of = |packages: &[&str]| {
            let packages: Vec<String> = packages.iter().map(|name| (*name).to_owned()).collect();
            declared(TWO, Some(&packages)).unwrap()
        };
        assert!(of(&["oauth-core", "oauth-other"]).is_empty());
        let both = BTreeSet::from([Need::Postgres, Need::Pgbouncer]);
        assert_eq!(of(&["oauth-core", "oauth-store"]), both);
        assert_eq!(declared(TWO, None).unwrap(), both);
    }

    #[test]
    fn an_unknown_need_is_told_what_there_is() {
        let text = TWO.replace("postgres", "mysql");
        let Err(Failure::Failed(text)) = declared(&text, None) else {
            panic!("accepted")
        };
        assert!(text.contains("oauth-store needs `mysql`"), "{text}");
    }
}
