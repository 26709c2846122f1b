//! What a worker is told, in its environment.

use std::time::Duration;

use oauth_core::http::HttpSettings;
use oauth_core::server::RotationPolicy;
use serde_json::{Value, json};

/// The variable that makes a process of this binary a worker.
pub const WORKER: &str = "OAUTH_FLEET_WORKER";

/// What a worker does, and with what.
#[derive(Clone, Debug)]
pub struct Orders {
    pub place: Place,
    /// The text of the sealing keys.
    pub keys: String,
    pub token_url: String,
    pub policy: Policy,
    pub patience: Patience,
    /// The folder of a spool.
    pub spool: Option<String>,
    /// A refresh token that somebody has just logged in for.
    pub login: Option<String>,
    /// `None`: until it is killed.
    pub renewals: Option<usize>,
    /// Where it stops itself, once, and how often it passes there before.
    pub stop: Option<Stop>,
    pub passes: u64,
    /// Whether it says that it holds the lease.
    pub tells: bool,
}

/// Where the store is.
#[derive(Clone, Debug)]
pub enum Place {
    Sqlite(String),
    Postgres { url: String, pooled: bool },
}

/// What becomes of a refresh token that was used, as the server does it and as the client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    Grace,
    Strict,
}

/// The grace that a client is told; the server's is longer.
const GRACE: Duration = Duration::from_secs(300);

impl Policy {
    pub fn name(self) -> &'static str {
        match self {
            Self::Grace => "grace",
            Self::Strict => "strict",
        }
    }

    pub fn declared(self) -> RotationPolicy {
        match self {
            Self::Grace => RotationPolicy::Grace(GRACE),
            Self::Strict => RotationPolicy::Strict,
        }
    }

    pub fn of_the_server(self) -> oauth_stage::Rotation {
        oauth_stage::Rotation::Rotate {
            grace: match self {
                Self::Grace => 2 * GRACE,
                Self::Strict => Duration::ZERO,
            },
        }
    }
}

/// How long anything may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// A lease that is left open ends soon, and is waited for. Longer than what a busy machine needs.
    Short,
    /// Nobody is killed, and many wait for one.
    Long,
}

impl Patience {
    pub fn settings(self) -> HttpSettings {
        let mut settings = HttpSettings::loopback();
        // plain http: no root is read
        settings.only_ca_roots = true;
        let (request, overall, late, margin) = match self {
            Self::Short => (800, 800, 300, 100),
            Self::Long => (60_000, 1_800_000, 1_000, 1_000),
        };
        settings.connect_timeout = Duration::from_millis(request);
        settings.read_timeout = Duration::from_millis(request);
        settings.request_timeout = Duration::from_millis(request);
        settings.overall_timeout = Duration::from_millis(overall);
        settings.late_answer = Duration::from_millis(late);
        settings.lease_margin = Duration::from_millis(margin);
        settings
    }
}

/// A point of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The record is leased, nothing is sent.
    Leased,
    /// The answer is read, and not written to the store.
    Answered,
    /// The same: it is an answer that this process has written to the spool.
    Spooled,
}

impl Orders {
    pub fn write(&self) -> String {
        let (sqlite, postgres, pooled) = match &self.place {
            Place::Sqlite(path) => (Some(path), None, false),
            Place::Postgres { url, pooled } => (None, Some(url), *pooled),
        };
        json!({
            "sqlite": sqlite,
            "postgres": postgres,
            "pooled": pooled,
            "keys": self.keys,
            "token_url": self.token_url,
            "grace": self.policy == Policy::Grace,
            "short": self.patience == Patience::Short,
            "spool": self.spool,
            "login": self.login,
            "renewals": self.renewals,
            "stop": self.stop.map(|stop| match stop {
                Stop::Leased => "leased",
                Stop::Answered => "answered",
                Stop::Spooled => "spooled",
            }),
            "passes": self.passes,
            "tells": self.tells,
        })
        .to_string()
    }

    pub fn read(text: &str) -> Self {
        let value: Value = serde_json::from_str(text).unwrap();
        let maybe = |name: &str| value[name].as_str().map(str::to_owned);
        let place = match maybe("sqlite") {
            Some(path) => Place::Sqlite(path),
            None => Place::Postgres {
                url: maybe("postgres").unwrap(),
                pooled: value["pooled"] == true,
            },
        };
        Self {
            place,
            keys: maybe("keys").unwrap(),
            token_url: maybe("token_url").unwrap(),
            policy: match value["grace"] == true {
                true => Policy::Grace,
                false => Policy::Strict,
            },
            patience: match value["short"] == true {
                true => Patience::Short,
                false => Patience::Long,
            },
            spool: maybe("spool"),
            login: maybe("login"),
            renewals: value["renewals"]
                .as_u64()
                .map(|number| usize::try_from(number).unwrap()),
            stop: match value["stop"].as_str() {
                Some("leased") => Some(Stop::Leased),
                Some("answered") => Some(Stop::Answered),
                Some("spooled") => Some(Stop::Spooled),
                _ => None,
            },
            passes: value["passes"].as_u64().unwrap(),
            tells: value["tells"] == true,
        }
    }
}
