//! What a trial's threads log and panic with, each trial's apart from the others'.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io;
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::check::Failure;

/// What the threads of one trial log, while it listens, and every panic in them.
#[derive(Default)]
pub(crate) struct Capture {
    listening: AtomicBool,
    text: Mutex<String>,
    panics: Mutex<Vec<String>>,
}

thread_local! {
    /// The trial this thread belongs to.
    static HERE: RefCell<Option<(Arc<Capture>, DefaultGuard)>> = const { RefCell::new(None) };
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Everything that the threads of a trial log from now on, at every level and of all crates, for trials
/// that look for what must not be there.
pub struct Listening(Arc<Capture>);

impl Listening {
    /// Begins to listen.
    ///
    /// # Errors
    /// This thread belongs to no trial.
    pub fn begin() -> Result<Self, Failure> {
        let capture = current().ok_or_else(|| Failure::new("this thread belongs to no trial"))?;
        capture.listen();
        Ok(Self(capture))
    }

    /// What was logged so far.
    pub fn heard(&self) -> String {
        self.0.text()
    }
}

/// The capture of the trial that runs on this thread.
pub(crate) fn current() -> Option<Arc<Capture>> {
    // a thread at its end has none any more
    HERE.try_with(|here| {
        here.borrow()
            .as_ref()
            .map(|(capture, _)| Arc::clone(capture))
    })
    .ok()
    .flatten()
}

impl Capture {
    /// From now on everything at every level is kept, of all crates.
    pub fn listen(&self) {
        self.listening.store(true, Ordering::SeqCst);
    }

    fn is_listening(&self) -> bool {
        self.listening.load(Ordering::SeqCst)
    }

    /// What was logged and panicked with since it listens.
    pub fn text(&self) -> String {
        lock(&self.text).clone()
    }

    /// Every panic so far, with its place.
    pub fn panics(&self) -> Vec<String> {
        lock(&self.panics).clone()
    }

    /// Where the events of this trial's threads go.
    pub fn dispatch(self: &Arc<Self>) -> Dispatch {
        let (listening, writing) = (Arc::clone(self), Arc::clone(self));
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_span_events(FmtSpan::FULL)
            .with_writer(move || Writer(Arc::clone(&writing)))
            .with_filter(dynamic_filter_fn(move |_, _| listening.is_listening()));
        Dispatch::new(tracing_subscriber::registry().with(layer))
    }

    /// Makes this thread one of the trial's, until it ends.
    pub fn adopt_this_thread(self: &Arc<Self>, dispatch: &Dispatch) {
        let guard = tracing::dispatcher::set_default(dispatch);
        HERE.with(|here| *here.borrow_mut() = Some((Arc::clone(self), guard)));
    }
}

struct Writer(Arc<Capture>);

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0.text).push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes what is logged by way of the crate `log`, and panics, of all trials' threads from now on.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if log::set_logger(&Forward).is_ok() {
            log::set_max_level(log::LevelFilter::Trace);
        }
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| match current() {
            Some(capture) => note(&capture, panic),
            None => before(panic),
        }));
    });
}

/// The usual hook would print it as it is, with whatever secret is in it.
fn note(capture: &Capture, panic: &PanicHookInfo<'_>) {
    let text = panic.to_string();
    lock(&capture.panics).push(text.clone());
    lock(&capture.text).push_str(&text);
}

struct Forward;

impl log::Log for Forward {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        current().is_some_and(|capture| capture.is_listening())
    }

    fn log(&self, record: &log::Record<'_>) {
        if let Some(capture) = current().filter(|capture| capture.is_listening()) {
            // a String takes everything
            let _ = writeln!(
                lock(&capture.text),
                "{} {}: {}",
                record.level(),
                record.target(),
                record.args()
            );
        }
    }

    fn flush(&self) {}
}
