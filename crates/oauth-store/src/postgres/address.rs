//! The URL of a database. Its password and what is misspelt in it are never quoted.

use std::net::IpAddr;

use oauth_core::error::StoreFault;
use oauth_core::record::StoreError;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::{Host, Url};

/// What may stand in the query. Whatever else does would be passed over in silence.
const KNOWN: [&str; 12] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// How to connect, TLS included.
pub fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let parsed = Url::parse(url).map_err(|error| refused(&format!("it is no URL: {error}")))?;
    if !matches!(parsed.scheme(), "postgres" | "postgresql") {
        return Err(refused("it does not begin with `postgres://`"));
    }
    for (key, _) in parsed.query_pairs() {
        if !KNOWN.contains(&&*key) {
            let known = KNOWN.join("`, `");
            return Err(refused(&format!(
                "its query has a part of an unknown name; there are `{known}`"
            )));
        }
    }
    let mut options: PgConnectOptions = url
        .parse()
        .map_err(|_| refused("a part of its query has a value that cannot be"))?;
    if !given(&parsed, "sslmode")
        && std::env::var_os("PGSSLMODE").is_none()
        && !is_local(&parsed, |name| std::env::var(name).ok())
    {
        options = options.ssl_mode(PgSslMode::VerifyFull);
    }
    if !given(&parsed, "application_name") && std::env::var_os("PGAPPNAME").is_none() {
        options = options.application_name("oauth-store");
    }
    // a pooler refuses what it does not know, and nothing here is a float
    Ok(options.extra_float_digits(None))
}

fn given(url: &Url, name: &str) -> bool {
    url.query_pairs().any(|(key, _)| key == name)
}

/// Whether the server is on this machine: by a socket in the file system, or a loopback address. Where the
/// URL names none, the variables do, `PGHOSTADDR` before `PGHOST` as in sqlx.
fn is_local(url: &Url, variable: impl Fn(&str) -> Option<String>) -> bool {
    let named = url
        .query_pairs()
        .filter(|(key, _)| key == "host" || key == "hostaddr");
    match named.last() {
        Some((_, host)) => is_local_name(&host),
        None => match url.host() {
            Some(Host::Domain(name)) => is_local_name(name),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => variable("PGHOSTADDR")
                .or_else(|| variable("PGHOST"))
                .is_none_or(|host| is_local_name(&host)),
        },
    }
}

fn is_local_name(name: &str) -> bool {
    name.is_empty()
        || name == "localhost"
        || name.starts_with('/')
        || name.to_ascii_lowercase().starts_with("%2f")
        || name
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

fn refused(problem: &str) -> StoreError {
    StoreError::new(
        StoreFault::Unavailable,
        format!("the database's URL cannot be used: {problem}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> PgSslMode {
        options(url).unwrap().get_ssl_mode()
    }

    #[test]
    fn a_server_elsewhere_must_prove_its_name_unless_the_url_says_otherwise() {
        for url in [
            "postgres://db.example/x",
            "postgresql://u:p@10.0.0.1:5433/x",
            "postgres://localhost/x?host=db.example",
            "postgres://[2001:db8::1]/x",
        ] {
            assert!(matches!(mode(url), PgSslMode::VerifyFull), "{url}");
        }
        for url in [
            "postgres://localhost/x",
            "postgres://127.0.0.1/x",
            "postgres://[::1]/x",
            "postgres://%2Frun%2Fpostgresql/x",
            "postgres://db.example/x?host=/run/postgresql",
        ] {
            assert!(matches!(mode(url), PgSslMode::Prefer), "{url}");
        }
        assert!(matches!(
            mode("postgres://db.example/x?sslmode=require"),
            PgSslMode::Require
        ));
    }

    #[test]
    fn an_address_in_the_environment_counts_before_a_name_and_after_the_url() {
        let local = |url: &str, address: Option<&str>, name: Option<&str>| {
            is_local(&Url::parse(url).unwrap(), |variable| {
                let value = match variable {
                    "PGHOSTADDR" => address,
                    _ => name,
                };
                value.map(str::to_owned)
            })
        };
        let (near, far) = (Some("127.0.0.1"), Some("10.0.0.1"));
        assert!(!local("postgres:///x", far, Some("localhost")));
        assert!(local("postgres:///x", near, Some("db.example")));
        assert!(!local("postgres:///x", None, Some("db.example")));
        assert!(local("postgres:///x", None, None));
        assert!(local("postgres://localhost/x", far, None));
        assert!(!local("postgres://db.example/x", near, None));
    }

    #[test]
    fn quotes_nothing_of_a_url_it_refuses() {
        for url in [
            "postgres://u:s3cret@host:badport/x",
            "mysql://u:s3cret@host/x",
            "postgres://u@host/x?passwort=s3cret",
            "postgres://u@host/x?sslmode=s3cret",
            "u:s3cret@host/x",
        ] {
            let error = options(url).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("s3cret"), "{shown}");
        }
    }
}
