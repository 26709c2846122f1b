//! What `e2e --live` runs against: a node and oidc-provider, a Python and the packages of its servers. What
//! is missing is fetched from the public registries, into the target folder; nothing of the machine is
//! changed.

use std::path::{Path, PathBuf};

use crate::failure::{Context, Failure};
use crate::node::{self, Node};
use crate::npm;
use crate::python;
use crate::workspace::Workspace;

/// What the test program is told in its environment.
pub fn environment(workspace: &Workspace) -> Result<Vec<(&'static str, PathBuf)>, Failure> {
    let folder = workspace.target.join("live");
    std::fs::create_dir_all(&folder).context(folder.display())?;
    let node = node::find(&folder)?;
    let server = install(workspace, &folder, &node)?;
    let servers = workspace.root.join("crates/oauth-live/server/python");
    let requirements = servers.join("requirements.txt");
    let what = "django-oauth-toolkit and idpyoidc";
    let python = python::find(&folder.join("python"), &requirements, what)?;
    Ok(vec![
        ("OAUTH_LIVE_PYTHON", python.program),
        ("OAUTH_LIVE_PYTHON_PACKAGES", python.packages),
        ("OAUTH_LIVE_PYTHON_SERVERS", servers),
        ("OAUTH_LIVE_NODE", node.program),
        ("OAUTH_LIVE_SERVER", server),
        ("OAUTH_LIVE_RUN", emptied(&folder.join("run"))?),
    ])
}

/// The folder for the keys of a run, without what a run that was killed has left there.
fn emptied(folder: &Path) -> Result<PathBuf, Failure> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).context(folder.display())?;
    }
    std::fs::create_dir_all(folder).context(folder.display())?;
    Ok(folder.to_owned())
}

/// What is kept of the server in git.
const FILES: [&str; 5] = [
    "package.json",
    "package-lock.json",
    "server.mjs",
    "happenings.mjs",
    "pages.mjs",
];

/// Copies the server's files and installs its packages. The folder it is in.
fn install(workspace: &Workspace, folder: &Path, node: &Node) -> Result<PathBuf, Failure> {
    let source = workspace.root.join("crates/oauth-live/server");
    let server = folder.join("server");
    std::fs::create_dir_all(&server).context(server.display())?;
    for file in FILES {
        let from = source.join(file);
        std::fs::copy(&from, server.join(file)).context(from.display())?;
    }
    npm::install(&server, node, "oidc-provider")?;
    Ok(server)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_has_left_is_gone_at_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        std::fs::create_dir(&run).unwrap();
        std::fs::write(run.join("key"), "").unwrap();
        assert_eq!(
            std::fs::read_dir(emptied(&run).unwrap()).unwrap().count(),
            0
        );
    }
}
