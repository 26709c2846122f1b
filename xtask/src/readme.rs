//! `readme`: what a newcomer reads is what was run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::args::Args;
use crate::failure::{Context, Failure};
use crate::terminal::{say, span};
use crate::workspace::{Workspace, forget_xtask, stdout, succeeds};

pub fn run(workspace: &Workspace, args: Args) -> Result<(), Failure> {
    let folder = PathBuf::from(args.one("DIR")?);
    std::fs::create_dir_all(&folder).context(folder.display())?;
    let folder = folder.canonicalize().context(folder.display())?;
    if std::fs::read_dir(&folder)
        .context(folder.display())?
        .next()
        .is_some()
    {
        return Err(Failure::failed(format!(
            "{} is not empty",
            folder.display()
        )));
    }
    let blocks = blocks(&read(workspace)?);
    let first = blocks.first().and_then(|block| cloned(block));
    let (url, name) = first.ok_or_else(|| {
        Failure::failed("the README's first sh block does not begin with `git clone https://…`")
    })?;
    let clone = folder.join(name);
    for (number, block) in blocks.iter().enumerate() {
        let place = if number == 0 { &folder } else { &clone };
        play(workspace, block, place, &url)?;
    }
    let mut git = Command::new("git");
    git.current_dir(&clone).args(["status", "--porcelain"]);
    match stdout(git)?.trim_end() {
        "" => Ok(()),
        changed => Err(Failure::failed(format!(
            "the README's commands leave this behind:\n{changed}"
        ))),
    }
}

/// The commands that stand in the README's sh blocks, a line each.
pub fn commands(workspace: &Workspace) -> Result<Vec<String>, Failure> {
    let blocks = blocks(&read(workspace)?);
    Ok(blocks
        .iter()
        .flat_map(|block| block.lines())
        .map(str::to_owned)
        .collect())
}

fn read(workspace: &Workspace) -> Result<String, Failure> {
    let file = workspace.root.join("README.md");
    std::fs::read_to_string(&file).context(file.display())
}

/// The contents of the fences marked `sh`, word for word.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        match &mut open {
            None if line == "```sh" => open = Some(String::new()),
            None => {}
            Some(_) if line == "```" => blocks.extend(open.take()),
            Some(block) => {
                block.push_str(line);
                block.push('\n');
            }
        }
    }
    blocks
}

/// The address a block clones from, and the folder it makes.
fn cloned(block: &str) -> Option<(String, String)> {
    let url = block.lines().next()?.strip_prefix("git clone ")?.trim();
    let name = url.trim_end_matches('/').rsplit('/').next()?;
    let name = name.strip_suffix(".git").unwrap_or(name);
    Some((url.to_owned(), name.to_owned()))
}

/// Runs a block as a shell would; git takes our address for this repository.
fn play(workspace: &Workspace, block: &str, folder: &Path, url: &str) -> Result<(), Failure> {
    say(&format!(
        "\n{}\n",
        block
            .lines()
            .map(|line| format!("$ {line}"))
            .collect::<Vec<_>>()
            .join("\n")
    ));
    let began = Instant::now();
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", block])
        .current_dir(folder)
        .stdin(Stdio::null())
        .env("GIT_CONFIG_COUNT", "1")
        .env(
            "GIT_CONFIG_KEY_0",
            format!("url.{}.insteadOf", workspace.root.display()),
        )
        .env("GIT_CONFIG_VALUE_0", url);
    forget_xtask(&mut bash);
    if !succeeds(bash)? {
        return Err(Failure::failed("this block of the README fails"));
    }
    say(&format!("({})\n", span(began.elapsed())));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_only_the_blocks_marked_sh() {
        let text = "# A\n```sh\ngit clone https://example.org/a/b.git\ncd b\n```\n```rust\nfn a() {}\n```\n```sh\nls\n```\n```text\n$ x\n```\n";
        let blocks = blocks(text);
        assert_eq!(
            blocks,
            ["git clone https://example.org/a/b.git\ncd b\n", "ls\n"]
        );
        assert_eq!(
            cloned(&blocks[0]),
            Some(("https://example.org/a/b.git".into(), "b".into()))
        );
        assert_eq!(cloned(&blocks[1]), None);
    }

    #[test]
    fn a_block_that_never_ends_is_not_run() {
        assert!(blocks("```sh\nrm -rf x\n").is_empty());
    }
}
