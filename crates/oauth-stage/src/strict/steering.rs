//! What a test does to the server while it runs.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use crate::answer::Answer;
use crate::strict::endpoint::Endpoint;
use crate::sync::lock;

/// Requests wait here until they are released; made by [`Strict::hold`](crate::Strict::hold) and
/// [`Strict::hold_answer`](crate::Strict::hold_answer). Dropping it releases them.
pub struct Hold(Arc<Gate>);

impl Hold {
    /// Resolves when `n` requests wait here or have waited.
    pub async fn arrived(&self, n: usize) {
        let mut arrived = self.0.arrived.subscribe();
        // the sender lives in the gate, so that this cannot fail
        let _ = arrived.wait_for(|count| *count >= n).await;
    }

    /// How many requests wait here or have waited.
    pub fn count(&self) -> usize {
        *self.0.arrived.borrow()
    }

    /// Lets one of the requests pass, or the next one when none waits.
    pub fn release_one(&self) {
        self.0.permits.add_permits(1);
    }

    /// Lets all pass; those that come later do not wait.
    pub fn release(&self) {
        self.0.permits.close();
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.release();
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold")
            .field("endpoint", &self.0.endpoint)
            .finish_non_exhaustive()
    }
}

/// When a request is held.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Nothing has been done about it yet.
    Unjudged,
    /// Everything has been done; it is only not answered.
    Judged,
}

struct Gate {
    endpoint: Endpoint,
    moment: Moment,
    arrived: watch::Sender<usize>,
    permits: Semaphore,
}

/// How long a request waits, and then its answer.
type Spans = Arc<dyn Fn() -> (Duration, Duration) + Send + Sync>;

#[derive(Default)]
pub(crate) struct Steering {
    delays: Mutex<Vec<(Endpoint, Spans)>>,
    gates: Mutex<Vec<Arc<Gate>>>,
    once: Mutex<Vec<(Endpoint, VecDeque<Answer>)>>,
    always: Mutex<Vec<(Endpoint, Answer)>>,
    lose: Mutex<Vec<Endpoint>>,
}

impl Steering {
    pub(crate) fn hold(&self, endpoint: Endpoint, moment: Moment) -> Hold {
        let gate = Arc::new(Gate {
            endpoint,
            moment,
            arrived: watch::Sender::new(0),
            permits: Semaphore::new(0),
        });
        let mut gates = lock(&self.gates);
        gates.retain(|gate| !gate.permits.is_closed());
        gates.push(Arc::clone(&gate));
        Hold(gate)
    }

    /// Waits at each gate that stands now.
    pub(crate) async fn pass(&self, place: Endpoint, path: &str, moment: Moment) {
        let mut gates = lock(&self.gates).clone();
        gates.retain(|gate| {
            gate.moment == moment && gate.endpoint.covers(place, path) && !gate.permits.is_closed()
        });
        for gate in &gates {
            gate.arrived.send_modify(|count| *count += 1);
        }
        for gate in gates {
            if let Ok(permit) = gate.permits.acquire().await {
                permit.forget();
            }
        }
    }

    pub(crate) fn delay(&self, endpoint: Endpoint, spans: Spans) {
        lock(&self.delays).push((endpoint, spans));
    }

    /// How long this request waits, and then its answer; the last that was asked for counts.
    pub(crate) fn spans(&self, place: Endpoint, path: &str) -> Option<(Duration, Duration)> {
        let delays = lock(&self.delays);
        let mut delays = delays.iter().rev();
        let (_, spans) = delays.find(|(endpoint, _)| endpoint.covers(place, path))?;
        Some(spans())
    }

    pub(crate) fn answer(&self, endpoint: Endpoint, answer: Answer) {
        let mut once = lock(&self.once);
        match once.iter_mut().find(|(known, _)| *known == endpoint) {
            Some((_, queue)) => queue.push_back(answer),
            None => once.push((endpoint, VecDeque::from([answer]))),
        }
    }

    pub(crate) fn answer_always(&self, endpoint: Endpoint, answer: Option<Answer>) {
        let mut always = lock(&self.always);
        always.retain(|(known, _)| *known != endpoint);
        always.extend(answer.map(|answer| (endpoint, answer)));
    }

    /// The answer to give instead of one's own.
    pub(crate) fn canned(&self, place: Endpoint, path: &str) -> Option<Answer> {
        let once = lock(&self.once)
            .iter_mut()
            .filter(|(endpoint, _)| endpoint.covers(place, path))
            .find_map(|(_, queue)| queue.pop_front());
        once.or_else(|| {
            let always = lock(&self.always);
            let found = always
                .iter()
                .find(|(endpoint, _)| endpoint.covers(place, path));
            found.map(|(_, answer)| answer.clone())
        })
    }

    pub(crate) fn lose(&self, endpoint: Endpoint) {
        lock(&self.lose).push(endpoint);
    }

    /// Whether this answer is one to lose.
    pub(crate) fn is_lost(&self, place: Endpoint, path: &str) -> bool {
        let mut lose = lock(&self.lose);
        let position = lose
            .iter()
            .position(|endpoint| endpoint.covers(place, path));
        position.map(|position| lose.remove(position)).is_some()
    }
}
