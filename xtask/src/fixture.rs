//! `fixture`: scenarios out to httpmock's standalone server, and its recordings in.

mod export;
mod import;
pub mod scenario;
mod secrets;

use std::path::PathBuf;

use crate::args::{Args, Given, wrong};
use crate::failure::Failure;
use crate::workspace::Workspace;

/// What stands behind `export` or `import`: two words, and options by name.
struct Order {
    words: Vec<String>,
    server: Option<String>,
    key: Option<String>,
    dir: Option<String>,
}

pub fn run(workspace: &Workspace, args: Args) -> Result<(), Failure> {
    let usage = args.usage();
    let mut order = Order {
        words: Vec::new(),
        server: None,
        key: None,
        dir: None,
    };
    args.each(|given, value| {
        match given {
            Given::Word(word) => order.words.push(word.clone()),
            Given::Flag(name) if name == "server" => order.server = Some(value.text()?),
            Given::Flag(name) if name == "key" => order.key = Some(value.text()?),
            Given::Flag(name) if name == "dir" => order.dir = Some(value.text()?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    match &order.words[..] {
        [verb, scenario, folder] if verb == "export" => {
            let holes = [
                (
                    "server",
                    Some(
                        order
                            .server
                            .unwrap_or_else(|| "http://localhost:5050".to_owned()),
                    ),
                ),
                ("key", order.key),
                ("dir", order.dir),
            ];
            export::run(workspace, scenario, &PathBuf::from(folder), &holes)
        }
        [verb, file, scenario]
            if verb == "import" && order.key.is_none() && order.dir.is_none() =>
        {
            import::run(
                workspace,
                &PathBuf::from(file),
                scenario,
                order.server.as_deref(),
            )
        }
        _ => Err(wrong("neither an export nor an import", &usage)),
    }
}
