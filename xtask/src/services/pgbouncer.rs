//! A connection pooler before the tests' PostgreSQL.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::fetch::tried;
use crate::services::address::{Address, ROLE};
use crate::services::folder::{Folder, POOLER};
use crate::services::guard::{Guard, Start};
use crate::services::postgres::{Server, free_port};
use crate::terminal::say;
use crate::workspace::{Workspace, stdout};

/// The program, and where the libraries are that the machine lacks.
#[derive(Clone)]
pub struct Program {
    path: PathBuf,
    libraries: Option<OsString>,
}

impl Program {
    fn runs(&self, folder: &Folder) -> bool {
        let mut command = Command::new(&self.path);
        command.envs(self.environment());
        folder.account.version(command).is_some()
    }

    fn environment(&self) -> Vec<(&'static str, OsString)> {
        let libraries = self.libraries.clone();
        libraries
            .map(|folders| ("LD_LIBRARY_PATH", folders))
            .into_iter()
            .collect()
    }
}

/// An installed one, or else Debian's, unpacked below the target folder.
pub fn find(workspace: &Workspace, folder: &Folder) -> Result<Program, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| Program {
            path: folder.join("pgbouncer"),
            libraries: None,
        })
        .find(|program| program.runs(folder))
        .map_or_else(|| unpacked(workspace, folder), Ok)
}

/// What a person can do where there is none and none can be fetched.
const ADVICE: &str = "install pgbouncer (Debian: `apt-get install pgbouncer`)";

fn unpacked(workspace: &Workspace, folder: &Folder) -> Result<Program, Failure> {
    let lacking = |reason: &str| {
        Failure::failed(format!(
            "the tests need pgbouncer, and there is none here ({reason}); {ADVICE}"
        ))
    };
    let place = workspace.target.join("services/pgbouncer");
    if !place.exists() {
        say("fetching pgbouncer\n");
        fetch(&place).map_err(|reason| lacking(&reason))?;
    }
    let program = inside(&place);
    if program.runs(folder) {
        return Ok(program);
    }
    // below the home of root, say, where the server's user sees nothing
    let copy = inside(&folder.copy(&place, "pgbouncer")?);
    match copy.runs(folder) {
        true => Ok(copy),
        false => Err(lacking(&format!("{} does not run", program.path.display()))),
    }
}

fn inside(root: &Path) -> Program {
    let libraries = library_folders(&root.join("usr/lib"));
    Program {
        path: root.join("usr/sbin/pgbouncer"),
        libraries: std::env::join_paths(libraries).ok(),
    }
}

/// `usr/lib` and the folders in it, where one is named by the machine's architecture.
fn library_folders(lib: &Path) -> Vec<PathBuf> {
    let inner = std::fs::read_dir(lib).into_iter().flatten();
    let inner = inner.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let mut folders = vec![lib.to_owned()];
    folders.extend(inner.filter(|path| path.is_dir()));
    folders.sort();
    folders
}

/// Debian's package and the libraries it stands on, by apt with lists of its own, so that neither root is
/// needed nor anything of the machine changed.
fn fetch(place: &Path) -> Result<(), String> {
    let work = place.with_extension("new");
    let text = |error: std::io::Error| format!("{}: {error}", work.display());
    if work.exists() {
        std::fs::remove_dir_all(&work).map_err(text)?; // half of one
    }
    for folder in [
        "lists/partial",
        "cache/archives/partial",
        "packages",
        "root",
    ] {
        std::fs::create_dir_all(work.join(folder)).map_err(text)?;
    }
    tried(apt(&work, &["update"]))?;
    tried(apt(&work, &["download", "pgbouncer"]))?;
    let depends = packages(&work)?;
    for package in depends.iter().map(|package| depends_on(package)) {
        let libraries = libraries(&package?);
        let mut arguments = vec!["download"];
        arguments.extend(libraries.iter().map(String::as_str));
        tried(apt(&work, &arguments))?;
    }
    for package in packages(&work)? {
        let mut dpkg = Command::new("dpkg-deb");
        dpkg.arg("--extract").arg(package).arg(work.join("root"));
        tried(dpkg)?;
    }
    std::fs::rename(work.join("root"), place).map_err(text)?;
    std::fs::remove_dir_all(&work).map_err(text)
}

fn apt(work: &Path, arguments: &[&str]) -> Command {
    let mut apt = Command::new("apt-get");
    let folder = |name: &str, path: &Path| format!("{name}={}", path.display());
    for option in [
        folder("Dir::State::lists", &work.join("lists")),
        folder("Dir::Cache", &work.join("cache")),
        "Debug::NoLocking=1".to_owned(),
        "APT::Sandbox::User=".to_owned(),
    ] {
        apt.args(["-o", &option]);
    }
    apt.args(["-qq"])
        .args(arguments)
        .env("LC_ALL", "C")
        .current_dir(work.join("packages"));
    apt
}

fn packages(work: &Path) -> Result<Vec<PathBuf>, String> {
    let folder = work.join("packages");
    let text = |error: std::io::Error| format!("{}: {error}", folder.display());
    let entries = std::fs::read_dir(&folder).map_err(text)?;
    entries
        .map(|entry| entry.map(|entry| entry.path()).map_err(text))
        .collect()
}

fn depends_on(package: &Path) -> Result<String, String> {
    let mut dpkg = Command::new("dpkg-deb");
    dpkg.arg("--field").arg(package).arg("Depends");
    stdout(dpkg).map_err(|failure| match failure {
        Failure::Failed(reason) | Failure::Usage(reason) => reason,
        Failure::Told(code) => format!("exit status {code}"),
    })
}

/// The libraries among what a package depends on, without the C library, which must be the machine's.
fn libraries(depends: &str) -> BTreeSet<String> {
    depends
        .split(',')
        .filter_map(|one| one.split(['|', '(', ':']).next())
        .map(str::trim)
        .filter(|name| name.starts_with("lib") && *name != "libc6")
        .map(str::to_owned)
        .collect()
}

/// A pooler that runs; it ends with this value.
pub struct Pooler {
    pub address: Address,
    _guard: Guard,
}

impl Pooler {
    pub fn start(program: &Program, server: &Server) -> Result<Self, Failure> {
        let folder = &server.folder;
        let address = Address {
            port: free_port()?,
            password: server.address.password.clone(),
        };
        let users = format!("\"{ROLE}\" \"{}\"\n", address.password);
        let users = folder.write("users.txt", &users)?;
        let text = settings(
            address.port,
            server.address.port,
            &users,
            &folder.path.join(POOLER),
        );
        let file = folder.write("pgbouncer.ini", &text)?;
        let guard = Guard::start(Start {
            account: folder.account,
            program: program.path.clone(),
            arguments: vec![file.into()],
            environment: program.environment(),
            signal: "KILL", // it holds nothing
            folder: None,
            ready: "process up",
        });
        Ok(Self {
            address,
            _guard: guard.map_err(Failure::failed)?,
        })
    }
}

/// Transaction mode with few connections, each transaction by another one: what leans on a session shows.
fn settings(port: u16, server: u16, users: &Path, process: &Path) -> String {
    format!(
        "[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {}
pool_mode = transaction
default_pool_size = 4
max_client_conn = 300
server_round_robin = 1
pidfile = {}
",
        users.display(),
        process.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_libraries_of_a_package_are_fetched_without_the_c_library() {
        let depends = "lsb-base (>= 3.1), libc-ares2 (>= 1.12), libc6 (>= 2.36), libevent-2.1-7t64 | libevent-2.1-7 (>= 2.1.8), libssl3:any\n";
        let found: Vec<String> = libraries(depends).into_iter().collect();
        assert_eq!(found, ["libc-ares2", "libevent-2.1-7t64", "libssl3"]);
    }

    #[test]
    fn a_connection_belongs_to_a_transaction_and_not_to_a_session() {
        let text = settings(6432, 5432, Path::new("/x/users.txt"), Path::new("/x/pid"));
        for line in [
            "pool_mode = transaction",
            "listen_addr = 127.0.0.1",
            "listen_port = 6432",
            "* = host=127.0.0.1 port=5432",
            "auth_file = /x/users.txt",
        ] {
            assert!(text.lines().any(|there| there == line), "{line}: {text}");
        }
    }

    #[test]
    fn apt_keeps_everything_below_the_target_folder() {
        let apt = apt(Path::new("/t/x.new"), &["update"]);
        let arguments: Vec<_> = apt.get_args().map(|one| one.to_string_lossy()).collect();
        assert!(arguments.contains(&"Dir::State::lists=/t/x.new/lists".into()));
        assert!(arguments.contains(&"Dir::Cache=/t/x.new/cache".into()));
        assert_eq!(apt.get_current_dir(), Some(Path::new("/t/x.new/packages")));
    }
}
