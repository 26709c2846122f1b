//! `demo`: an adapter against the stage on loopback, each step shown.

use crate::args::Args;
use crate::failure::Failure;
use crate::workspace::{Workspace, handed_on, succeeds};

pub fn run(workspace: &Workspace, args: Args) -> Result<(), Failure> {
    let adapter = args.at_most_one()?;
    let example = example(workspace, adapter.as_deref().unwrap_or("template"))?;
    // a demo may run another example of its package, as a user would
    let mut cargo = workspace.cargo();
    cargo.args([
        "build",
        "--quiet",
        "--package",
        &example.package,
        "--examples",
    ]);
    if !succeeds(cargo)? {
        return Err(Failure::told());
    }
    let mut cargo = workspace.cargo();
    cargo.args(["run", "--quiet", "--package", &example.package]);
    cargo.args(["--example", &example.name]);
    handed_on(cargo)
}

/// The example that shows an adapter.
#[derive(Debug, PartialEq, Eq)]
struct Example {
    package: String,
    name: String,
}

/// cargo puts all examples of a workspace into one folder: only the template's has no name of its own.
fn example(workspace: &Workspace, adapter: &str) -> Result<Example, Failure> {
    let name = match adapter {
        "template" => "demo".to_owned(),
        adapter => format!("demo_{}", adapter.replace('-', "_")),
    };
    let there = |adapter: &str, name: &str| {
        let file = format!("adapters/{adapter}/examples/{name}.rs");
        workspace.root.join(file).is_file()
    };
    if there(adapter, &name) {
        let package = format!("oauth-{adapter}");
        return Ok(Example { package, name });
    }
    let with_one: Vec<String> = workspace
        .adapters()?
        .into_iter()
        .filter(|other| {
            other == "template" || there(other, &format!("demo_{}", other.replace('-', "_")))
        })
        .collect();
    Err(Failure::usage(format!(
        "adapter `{adapter}` has no demo; there are {}",
        with_one.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adapter_is_shown_by_an_example_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace {
            root: folder.path().to_owned(),
            target: folder.path().join("target"),
        };
        for (adapter, file) in [
            ("template", "demo"),
            ("acme-cloud", "demo_acme_cloud"),
            ("mute", "call"),
        ] {
            let adapter = folder.path().join("adapters").join(adapter);
            std::fs::create_dir_all(adapter.join("examples")).unwrap();
            std::fs::write(adapter.join("Cargo.toml"), "").unwrap();
            std::fs::write(adapter.join(format!("examples/{file}.rs")), "").unwrap();
        }
        assert_eq!(example(&workspace, "template").unwrap().name, "demo");
        let acme = example(&workspace, "acme-cloud").unwrap();
        assert_eq!(
            (acme.package.as_str(), acme.name.as_str()),
            ("oauth-acme-cloud", "demo_acme_cloud")
        );
        let Err(Failure::Usage(text)) = example(&workspace, "mute") else {
            panic!("accepted")
        };
        assert!(text.ends_with("there are acme-cloud, template"), "{text}");
    }
}
