//! `bench-server`: the server of all drivers, on a free port of loopback, until it is killed. It prints
//! `listening URL`. `bench-server keys FOLDER` makes the private keys that drivers sign with.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program with an output"
)]

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use oauth_bench::server::Server;
use oauth_bench::subject::Fault;
use oauth_core::signing_key::{Algorithm, SigningKey};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.as_slice() {
        [] => serve(),
        [command, folder] if command == "keys" => make_keys(folder.as_ref()),
        _ => Err("usage: bench-server [keys FOLDER]".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("bench-server: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), Fault> {
    // one thread: the other core is the driver's
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let server = Server::bind()?;
        println!("listening {}", server.url());
        std::io::stdout().flush()?;
        server.serve().await;
        Ok(())
    })
}

/// What is there already stays.
fn make_keys(folder: &Path) -> Result<(), Fault> {
    std::fs::create_dir_all(folder)?;
    for (file, algorithm) in [("rsa.pem", Algorithm::RS384), ("ec.pem", Algorithm::ES384)] {
        let path = folder.join(file);
        if path.exists() {
            continue;
        }
        let key = match algorithm {
            Algorithm::RS384 => SigningKey::generate_rsa(algorithm, 2048)?,
            _ => SigningKey::generate(algorithm)?,
        };
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut open = options.open(&path)?;
        open.write_all(key.to_pkcs8_pem()?.expose().as_bytes())?;
    }
    Ok(())
}
