//! The server of all drivers, as a child of ours.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::failure::{Context, Failure};
use crate::workspace::forget_xtask;

/// It ends with this value.
pub struct Server {
    child: Child,
    /// `host:port`.
    address: String,
}

impl Server {
    pub fn start(program: PathBuf) -> Result<Self, Failure> {
        let name = program.display().to_string();
        let mut command = Command::new(program);
        forget_xtask(&mut command);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context(&name)?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).context(&name)?;
        }
        match line.trim().strip_prefix("listening http://") {
            Some(address) => Ok(Self {
                address: address.to_owned(),
                child,
            }),
            None => {
                let _ = child.kill();
                Err(Failure::failed(format!("{name} does not listen")))
            }
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Says what it does from now on, and has it count from zero.
    pub fn configure(&mut self, settings: &str) -> Result<(), Failure> {
        self.ask(&format!("POST /config?{settings}")).map(drop)
    }

    /// What it has counted.
    pub fn counted(&mut self) -> Result<Value, Failure> {
        let body = self.ask("GET /stats")?;
        serde_json::from_str(&body).context("the server's counts")
    }

    fn ask(&self, what: &str) -> Result<String, Failure> {
        let exchanged = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(&self.address)?;
            write!(
                stream,
                "{what} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                self.address
            )?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = exchanged().context("the server of the drivers")?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        match head.starts_with("HTTP/1.1 200 ") {
            true => Ok(body.to_owned()),
            false => Err(Failure::failed(format!("{what}: the server says {body}"))),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
