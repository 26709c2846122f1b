//! The drivers of other libraries, by their own harness, with ours among them.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::bench::{Asked, program};
use crate::failure::{Context, Failure};
use crate::workspace::{Workspace, forget_xtask, handed_on};

/// A folder that holds their harness, built: `bench.py`, and `drivers.json`, into which ours is written.
pub fn run(workspace: &Workspace, folder: &Path, asked: &Asked) -> Result<(), Failure> {
    let list = folder.join("drivers.json");
    let text = std::fs::read_to_string(&list).context(list.display())?;
    let with_ours = with_ours(&text, &program(workspace, "bench-driver"))?;
    std::fs::write(&list, with_ours).context(list.display())?;
    let mut python = Command::new("python3");
    python.arg("bench.py").current_dir(folder);
    if let Some(rounds) = asked.rounds {
        python.args(["-r", &rounds.to_string()]);
    }
    if !asked.names.is_empty() {
        python.args(["-w", &asked.names.join(",")]);
    }
    if let Some(out) = &asked.out {
        let out = std::path::absolute(out).context(out.display())?;
        python.arg("-o").arg(out);
    }
    forget_xtask(&mut python);
    handed_on(python)
}

/// The list of drivers with ours in it; the others stay as they are.
fn with_ours(text: &str, program: &Path) -> Result<String, Failure> {
    let mut drivers: Value = serde_json::from_str(text).context("drivers.json")?;
    let Value::Object(drivers) = &mut drivers else {
        return Err(Failure::failed("drivers.json: it is no JSON object"));
    };
    let entry = json!({"cmd": [program], "expires_in_adj": 4});
    drivers.insert("ours".into(), entry);
    serde_json::to_string_pretty(&drivers).context("drivers.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_is_one_more_driver() {
        let list = with_ours(r#"{"raw": {"cmd": ["raw"]}}"#, Path::new("driver")).unwrap();
        let list: Value = serde_json::from_str(&list).unwrap();
        assert_eq!(list["raw"]["cmd"][0], "raw");
        assert_eq!(list["ours"]["cmd"][0], "driver");
        with_ours("[]", Path::new("driver")).unwrap_err();
    }
}
