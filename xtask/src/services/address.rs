//! Where a server of the tests is.

/// A server on loopback, and whom it lets in.
#[derive(Clone)]
pub struct Address {
    pub port: u16,
    pub password: String,
}

/// The one role, which may do everything.
pub const ROLE: &str = "oauth";

impl Address {
    /// As a client is told it. The database is the one that every server has.
    pub fn url(&self) -> String {
        format!(
            "postgres://{ROLE}:{}@127.0.0.1:{}/postgres",
            self.password, self.port
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_url_on_loopback() {
        let address = Address {
            port: 5432,
            password: "0a".into(),
        };
        assert_eq!(address.url(), "postgres://oauth:0a@127.0.0.1:5432/postgres");
    }
}
