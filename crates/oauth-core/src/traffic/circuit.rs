//! Whether a server that fails is asked at all, and by whom: pure, time is handed in.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::error::{Error, ErrorKind, Recovery};
use crate::retry::fraction;

/// So many failures in a row open a circuit.
const OPENS_AFTER: u32 = 5;
/// Between two probes, by chance; a server that returns is found out within the longer of them.
const PROBES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(4));
/// A client that made the last probe of a server leaves that long to the others for the next one.
const COURTESY: Duration = Duration::from_millis(500);
/// How long a refused credential is not presented again, by no connection.
const REFUSED_FOR: Duration = Duration::from_secs(60);
/// So many clients in trouble are kept without asking whether they still are.
const CLIENTS: usize = 64;
/// Whoever had no failure for that long is in no trouble.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(2 * 3600);

/// Whether a request may be sent.
#[derive(Clone, Debug)]
pub(crate) enum Gate {
    /// Yes.
    Open,
    /// The server asked to wait that long.
    Wait(Duration),
    /// No, with this error.
    Shut(Error),
}

/// The clients of one server that are in trouble, and whether the server is.
#[derive(Debug, Default)]
pub(super) struct Circuits {
    clients: HashMap<String, Client>,
    /// Failures since the server last answered anybody.
    outage: Option<Outage>,
    /// How often a circuit has closed again.
    pub recoveries: u32,
}

#[derive(Debug, Default)]
struct Client {
    streak: Option<Streak>,
    /// Until when the server asked this client to wait.
    not_before: Duration,
    refused: Option<Refused>,
    touched: Duration,
}

/// Failures in a row.
#[derive(Debug)]
struct Streak {
    failures: u32,
    since: DateTime<Utc>,
    said: Error,
    next_probe: Duration,
}

#[derive(Debug)]
struct Outage {
    streak: Streak,
    /// Whose failure began it.
    first: String,
    /// Whether others failed too.
    is_everybodys: bool,
    prober: Option<String>,
}

#[derive(Debug)]
struct Refused {
    credential: u64,
    error: Error,
    until: Duration,
}

impl Streak {
    fn of(error: &Error, now: DateTime<Utc>) -> Self {
        Self {
            failures: 0,
            since: now,
            said: error.clone(),
            next_probe: Duration::ZERO,
        }
    }

    fn grow(&mut self, error: &Error, ticks: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.said = error.clone();
        if self.failures == OPENS_AFTER {
            self.next_probe = ticks.saturating_add(pause());
        }
    }

    fn is_open(&self) -> bool {
        self.failures >= OPENS_AFTER
    }

    /// No request, but for one from time to time.
    fn gate(&mut self, server: &str, ticks: Duration, is_look: bool) -> Gate {
        let left = self.next_probe.saturating_sub(ticks);
        if left.is_zero() {
            if !is_look {
                self.next_probe = ticks.saturating_add(pause());
            }
            return Gate::Open;
        }
        let since = self.since.to_rfc3339_opts(SecondsFormat::Secs, true);
        let problem = format!(
            "{server} has failed since {since} and is not asked for another {left:.1?}; it last said: {}",
            self.said
        );
        let after = Some(left);
        let shut = Error::new(ErrorKind::Circuit, problem);
        Gate::Shut(shut.with_recovery(Recovery::Retry { after }))
    }
}

impl Outage {
    fn is_open(&self) -> bool {
        self.is_everybodys && self.streak.is_open()
    }

    fn gate(&mut self, server: &str, client: &str, ticks: Duration, is_look: bool) -> Gate {
        let probed_last = self.prober.as_deref() == Some(client);
        let ticks = match probed_last {
            true => ticks.saturating_sub(COURTESY),
            false => ticks,
        };
        let gate = self.streak.gate(server, ticks, is_look);
        if matches!(gate, Gate::Open) && !is_look {
            self.prober = Some(client.to_owned());
        }
        gate
    }
}

impl Circuits {
    /// Whether a request may be sent; a look takes no turn. `credential` is asked for only where one
    /// was refused.
    pub fn gate(
        &mut self,
        server: &str,
        client: &str,
        credential: Option<u64>,
        ticks: Duration,
        is_look: bool,
    ) -> Gate {
        let mut known = self.clients.get_mut(client);
        if let Some(known) = &mut known {
            let wait = known.not_before.saturating_sub(ticks);
            if !wait.is_zero() {
                return Gate::Wait(wait);
            }
            if let Some(refused) = &mut known.refused
                && credential == Some(refused.credential)
            {
                if ticks < refused.until {
                    return Gate::Shut(refused.error.clone());
                }
                if !is_look {
                    // one tries again; the others wait for what becomes of that
                    refused.until = ticks.saturating_add(PROBES.1);
                }
            }
        }
        // while the server fails everybody, all take turns at one probe
        if let Some(outage) = self.outage.as_mut().filter(|outage| outage.is_open()) {
            return outage.gate(server, client, ticks, is_look);
        }
        match known.and_then(|known| known.streak.as_mut()) {
            Some(streak) if streak.is_open() => streak.gate(server, ticks, is_look),
            _ => Gate::Open,
        }
    }

    /// Whether nothing is wrong with anybody.
    pub fn is_quiet(&self) -> bool {
        self.clients.is_empty() && self.outage.is_none()
    }

    /// Whether a credential of this client was refused.
    pub fn has_refusal(&self, client: &str) -> bool {
        let known = self.clients.get(client);
        known.is_some_and(|known| known.refused.is_some())
    }

    pub fn is_open(&self, client: &str) -> bool {
        let streak = self.clients.get(client).and_then(|c| c.streak.as_ref());
        streak.is_some_and(Streak::is_open) || self.outage.as_ref().is_some_and(Outage::is_open)
    }

    /// How long until the next probe may be made; `None`: the circuit is closed.
    pub fn until_probe(&self, client: &str, ticks: Duration) -> Option<Duration> {
        let outage = self.outage.as_ref().filter(|outage| outage.is_open());
        let streak = match outage {
            Some(outage) => Some(&outage.streak),
            None => self.clients.get(client).and_then(|c| c.streak.as_ref()),
        };
        let streak = streak.filter(|streak| streak.is_open())?;
        Some(streak.next_probe.saturating_sub(ticks))
    }

    /// The server failed this client: no connection, no answer in time, or the word that it fails.
    pub fn failed(&mut self, client: &str, error: &Error, now: DateTime<Utc>, ticks: Duration) {
        let known = self.client(client, ticks);
        let streak = known.streak.get_or_insert_with(|| Streak::of(error, now));
        streak.grow(error, ticks);
        if streak.failures == OPENS_AFTER {
            tracing::warn!(%error, "the server fails time after time: the circuit is open");
        }
        let outage = self.outage.get_or_insert_with(|| Outage {
            streak: Streak::of(error, now),
            first: client.to_owned(),
            is_everybodys: false,
            prober: None,
        });
        outage.is_everybodys |= outage.first != client;
        outage.streak.grow(error, ticks);
    }

    /// The server did its part for this client.
    pub fn answered(&mut self, client: &str) {
        let mut closed = false;
        if self.outage.take().is_some_and(|outage| outage.is_open()) {
            closed = true;
            for known in self.clients.values_mut() {
                known.streak = None; // it was the server
            }
        }
        if let Some(known) = self.clients.get_mut(client) {
            closed |= known.streak.take().is_some_and(|streak| streak.is_open());
        }
        if closed {
            tracing::info!("the server answers again: the circuit is closed");
            self.recoveries = self.recoveries.wrapping_add(1);
        }
    }

    /// The server took this client's credential.
    pub fn granted(&mut self, client: &str) {
        self.answered(client);
        let Some(known) = self.clients.remove(client) else {
            return;
        };
        if known.refused.is_some() {
            self.recoveries = self.recoveries.wrapping_add(1);
        }
    }

    /// The server asks this client to wait.
    pub fn throttled(&mut self, client: &str, wait: Duration, ticks: Duration) {
        let known = self.client(client, ticks);
        known.not_before = known.not_before.max(ticks.saturating_add(wait));
    }

    /// The server does not know this client by that credential.
    pub fn refused(&mut self, client: &str, credential: u64, error: &Error, ticks: Duration) {
        self.client(client, ticks).refused = Some(Refused {
            credential,
            error: error.clone(),
            until: ticks.saturating_add(REFUSED_FOR),
        });
    }

    fn client(&mut self, client: &str, ticks: Duration) -> &mut Client {
        if self.clients.len() >= CLIENTS && self.clients.len().is_power_of_two() {
            let recent = |known: &Client| ticks.saturating_sub(known.touched) < FORGOTTEN_AFTER;
            self.clients.retain(|_, known| recent(known));
        }
        if !self.clients.contains_key(client) {
            self.clients.insert(client.to_owned(), Client::default());
        }
        let known = self.clients.entry(client.to_owned()).or_default();
        known.touched = ticks;
        known
    }
}

/// Until the next probe.
fn pause() -> Duration {
    let (shortest, longest) = PROBES;
    shortest + (longest - shortest).mul_f64(fraction())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn fails(circuits: &mut Circuits, client: &str, times: u32, ticks: Duration) {
        let error = Error::new(ErrorKind::Http, "it fails");
        for _ in 0..times {
            circuits.failed(client, &error, DateTime::UNIX_EPOCH, ticks);
        }
    }

    fn enters(circuits: &mut Circuits, client: &str, ticks: Duration) -> bool {
        let gate = circuits.gate("https://auth.example", client, None, ticks, false);
        matches!(gate, Gate::Open)
    }

    #[test]
    fn r186_five_failures_in_a_row_open_the_circuit_and_one_probe_goes_through_at_a_time() {
        let mut circuits = Circuits::default();
        fails(&mut circuits, "a", 4, secs(0));
        assert!(enters(&mut circuits, "a", secs(0)));
        circuits.answered("a");
        fails(&mut circuits, "a", 4, secs(0));
        assert!(enters(&mut circuits, "a", secs(0)));
        fails(&mut circuits, "a", 1, secs(0));
        assert!(!enters(&mut circuits, "a", secs(1)));
        assert!(enters(&mut circuits, "b", secs(1)), "another client");
        for round in 1..5 {
            assert!(enters(&mut circuits, "a", secs(4 * round)));
            assert!(!enters(&mut circuits, "a", secs(4 * round + 1)));
        }
        circuits.answered("a");
        assert!(enters(&mut circuits, "a", secs(17)) && enters(&mut circuits, "a", secs(17)));
        assert_eq!(circuits.recoveries, 1);
    }

    #[test]
    fn a_look_takes_no_turn() {
        let mut circuits = Circuits::default();
        fails(&mut circuits, "a", 5, secs(0));
        for _ in 0..2 {
            let gate = circuits.gate("https://auth.example", "a", None, secs(4), true);
            assert!(matches!(gate, Gate::Open), "{gate:?}");
        }
        assert!(enters(&mut circuits, "a", secs(4)));
    }

    #[test]
    fn says_since_when_and_what_the_server_last_said_and_when_to_come_back() {
        let mut circuits = Circuits::default();
        fails(&mut circuits, "a", 5, secs(0));
        let gate = circuits.gate("https://auth.example", "a", None, secs(1), false);
        let Gate::Shut(error) = gate else {
            panic!("{gate:?}")
        };
        let text = error.to_string();
        for part in ["https://auth.example", "1970-01-01T00:00:00Z", "it fails"] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(error.kind(), ErrorKind::Circuit);
        assert!(error.retry_after().unwrap() <= secs(3), "{error:?}");
    }

    #[test]
    fn clients_of_a_server_that_fails_everybody_share_one_probe() {
        let mut circuits = Circuits::default();
        fails(&mut circuits, "a", 3, secs(0));
        fails(&mut circuits, "b", 2, secs(0));
        let clients: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
        let probes = |circuits: &mut Circuits, ticks| {
            clients
                .iter()
                .filter(|client| enters(circuits, client, ticks))
                .count()
        };
        assert_eq!(probes(&mut circuits, secs(1)), 0);
        assert_eq!(probes(&mut circuits, secs(4)), 1);
        assert_eq!(probes(&mut circuits, secs(5)), 0);
        circuits.answered("7");
        assert_eq!(probes(&mut circuits, secs(5)), 1000);
    }

    #[test]
    fn who_made_the_last_probe_leaves_the_next_one_to_others() {
        let mut circuits = Circuits::default();
        fails(&mut circuits, "a", 3, secs(0));
        fails(&mut circuits, "b", 2, secs(0));
        assert!(enters(&mut circuits, "a", secs(4)));
        let next = circuits.until_probe("a", secs(4)).unwrap() + secs(4);
        assert!(!enters(&mut circuits, "a", next));
        assert!(enters(&mut circuits, "b", next));
    }

    #[test]
    fn a_client_that_fails_alone_stops_no_other() {
        let mut circuits = Circuits::default();
        for _ in 0..20 {
            fails(&mut circuits, "broken", 1, secs(0));
            circuits.answered("well");
        }
        assert!(!enters(&mut circuits, "broken", secs(0)));
        assert!(enters(&mut circuits, "well", secs(0)));
        assert!(enters(&mut circuits, "new", secs(0)));
    }

    #[test]
    fn a_refused_credential_is_refused_for_all_and_another_one_is_not() {
        let mut circuits = Circuits::default();
        let error = Error::new(ErrorKind::OAuth, "invalid_client");
        circuits.refused("a", 1, &error, secs(0));
        let mut enters = |credential, at| {
            let gate = circuits.gate("https://auth.example", "a", Some(credential), at, false);
            matches!(gate, Gate::Open)
        };
        assert!(!enters(1, secs(59)));
        assert!(enters(2, secs(59)));
        assert!(enters(1, secs(60)), "one tries again");
        assert!(!enters(1, secs(60)));
    }

    #[test]
    fn a_wait_is_everybodys_of_that_client() {
        let mut circuits = Circuits::default();
        circuits.throttled("a", secs(10), secs(0));
        circuits.throttled("a", secs(5), secs(0));
        for (client, at, wait) in [("a", 4, Some(6)), ("a", 10, None), ("b", 4, None)] {
            let gate = circuits.gate("https://auth.example", client, None, secs(at), false);
            let seen = match gate {
                Gate::Wait(wait) => Some(wait.as_secs()),
                _ => None,
            };
            assert_eq!(seen, wait, "{client} at {at}");
        }
    }

    #[test]
    fn clients_in_trouble_are_forgotten_in_time() {
        let mut circuits = Circuits::default();
        for number in 0..1000 {
            fails(&mut circuits, &number.to_string(), 1, secs(number * 600));
        }
        assert!(circuits.clients.len() < 200, "{}", circuits.clients.len());
    }
}
