//! Makes signing keys, and prints the public half of them as the JWK set that a server is given.
//!
//! ```text
//! jwks public [--alg RS384] [--kid ID] [--passphrase env:NAME|file:PATH] FILE...
//! jwks generate ALG FILE
//! ```

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use oauth_core::jwks::public_jwks;
use oauth_core::secret::{Secret, SecretRef, Secrets};
use oauth_core::signing_key::{KeyOptions, KeySource, SigningKey};
use serde_json::Value;

const USAGE: &str = "usage: jwks public [--alg RS384] [--kid ID] [--passphrase env:NAME|file:PATH] FILE... \
                     | jwks generate ALG FILE   (options count for the files after them, --kid for one)";

fn main() -> ExitCode {
    match run(std::env::args_os().skip(1), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Where stderr is closed too, the exit code still tells.
            let _ = writeln!(io::stderr(), "jwks: {failure}");
            failure.exit_code().into()
        }
    }
}

/// Why the command did nothing, in one line.
#[derive(Debug)]
pub enum Failure {
    /// It was called wrongly.
    Usage(String),
    /// It was called rightly and could not be done.
    Work(String),
}

impl Failure {
    /// The exit code of the process.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Work(_) => 1,
            Self::Usage(_) => 2,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) => write!(f, "{what}; {USAGE}"),
            Self::Work(what) => f.write_str(what),
        }
    }
}

/// Does what the arguments say and prints the JWK set.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut arguments = arguments.into_iter();
    let command = arguments.next().unwrap_or_default();
    let set = match command.to_str() {
        Some("public") => public(arguments)?,
        Some("generate") => generate(arguments)?,
        _ => {
            return Err(Failure::Usage(
                "name a command, `public` or `generate`".into(),
            ));
        }
    };
    writeln!(out, "{set:#}")
        .and_then(|()| out.flush())
        .map_err(|fault| Failure::Work(format!("the key set was not printed: {fault}")))
}

fn public(mut arguments: impl Iterator<Item = OsString>) -> Result<Value, Failure> {
    let mut options = KeyOptions::default();
    let mut passphrase = None;
    let mut pending = None;
    let mut keys = Vec::new();
    while let Some(argument) = arguments.next() {
        let name = argument.to_str().filter(|text| text.starts_with("--"));
        let Some(name) = name else {
            let source = KeySource::new(
                SecretRef::file(&argument),
                passphrase.clone(),
                options.clone(),
            );
            let key = source
                .current(&Secrets::default())
                .map_err(|fault| Failure::Work(format!("{}: {fault}", argument.display())))?;
            keys.push(key);
            options.key_id = None;
            pending = None;
            continue;
        };
        let usage = |fault: &dyn fmt::Display| Failure::Usage(format!("{name}: {fault}"));
        let value = arguments.next().and_then(|value| value.into_string().ok());
        let value = value.ok_or_else(|| usage(&"wants a value"))?;
        match name {
            "--alg" => options.algorithm = Some(value.parse().map_err(|fault| usage(&fault))?),
            "--kid" => options.key_id = Some(value),
            "--passphrase" => {
                passphrase = Some(SecretRef::parse(&value).map_err(|fault| usage(&fault))?)
            }
            _ => return Err(usage(&"is not an option")),
        }
        pending = Some(name.to_owned());
    }
    if let Some(name) = pending {
        return Err(Failure::Usage(format!(
            "{name}: stands after the last file; name the file after it"
        )));
    }
    if keys.is_empty() {
        return Err(Failure::Usage(
            "name at least one file with a private key".into(),
        ));
    }
    public_jwks(keys.iter().map(|key| &**key)).map_err(|fault| Failure::Work(fault.to_string()))
}

fn generate(arguments: impl Iterator<Item = OsString>) -> Result<Value, Failure> {
    let arguments: Vec<OsString> = arguments.collect();
    let [algorithm, file] = arguments.as_slice() else {
        return Err(Failure::Usage(
            "`generate` wants an algorithm and a file".into(),
        ));
    };
    let algorithm = algorithm
        .to_string_lossy()
        .parse()
        .map_err(|fault| Failure::Usage(format!("{fault}")))?;
    let key = SigningKey::generate(algorithm).map_err(|fault| Failure::Work(fault.to_string()))?;
    let pem = key
        .to_pkcs8_pem()
        .map_err(|fault| Failure::Work(fault.to_string()))?;
    let path = Path::new(file);
    keep(path, &pem).map_err(|fault| {
        let shown = path.display();
        Failure::Work(match fault.kind() {
            io::ErrorKind::AlreadyExists => {
                format!(
                    "{shown} exists and is not overwritten; name another file, or remove it first"
                )
            }
            _ => format!("{shown} was not written: {fault}"),
        })
    })?;
    public_jwks([&key]).map_err(|fault| Failure::Work(fault.to_string()))
}

/// Writes a new file that only its owner reads, from its first byte on.
fn keep(path: &Path, pem: &Secret) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file
        .write_all(pem.expose().as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| sync_folder(path));
    if written.is_err() {
        // Half a key is of no use, and in the way of the next attempt.
        let _ = fs::remove_file(path);
    }
    written
}

/// Makes the file's name durable too.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}
