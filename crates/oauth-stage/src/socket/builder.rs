//! How a [`Socket`] comes up.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::certificate::{Authority, Certificate};
use crate::socket::Socket;
use crate::socket::performance::{self, Record};
use crate::socket::step::Step;

/// What a [`Socket`] is made from.
#[derive(Debug, Default)]
#[must_use = "nothing listens before `start`"]
pub struct Builder {
    scripts: Vec<Vec<Step>>,
    certificate: Option<Certificate>,
    authority: Option<Authority>,
    protocol: Option<String>,
}

impl Builder {
    /// The script of the next connection; the last one is repeated.
    pub fn connection(mut self, steps: Vec<Step>) -> Self {
        self.scripts.push(steps);
        self
    }

    /// TLS, with a certificate by an authority made for the run.
    pub fn tls(self) -> Self {
        self.certificate(Certificate::Good)
    }

    /// TLS, with a certificate that may be a bad one.
    pub fn certificate(mut self, certificate: Certificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// TLS, with a certificate by an authority that other servers have too.
    pub fn authority(mut self, authority: &Authority) -> Self {
        self.authority = Some(authority.clone());
        self.certificate.get_or_insert_default();
        self
    }

    /// What is agreed on over TLS (RFC 7301), whatever the script then speaks: `h2`, say. Unless it is given,
    /// `http/1.1`.
    pub fn protocol(mut self, name: &str) -> Self {
        self.protocol = Some(name.to_owned());
        self
    }

    /// Listens on a free port of 127.0.0.1. Call it inside a tokio runtime. Without a script it closes
    /// every connection at once.
    ///
    /// # Errors
    /// Those of the system.
    pub async fn start(self) -> io::Result<Socket> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (scheme, ca_pem, acceptor) = match self.certificate {
            None => ("http", None, None),
            Some(certificate) => {
                let authority = self.authority.map_or_else(Authority::new, Ok)?;
                let protocol = self.protocol.as_deref().unwrap_or("http/1.1");
                let config = authority.server_config(certificate, &[protocol], false)?;
                (
                    "https",
                    Some(authority.pem()),
                    Some(TlsAcceptor::from(config)),
                )
            }
        };
        let record = Arc::new(Record::default());
        let playing = performance::play_all(listener, acceptor, self.scripts, Arc::clone(&record));
        Ok(Socket {
            record,
            url: format!("{scheme}://127.0.0.1:{port}"),
            ca_pem,
            task: tokio::spawn(playing),
        })
    }
}
