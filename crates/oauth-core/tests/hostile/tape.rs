//! What every crate of this process has logged, at every level.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// The text, and a hash of each line of it. A line that was there before is not kept again: whatever is
/// unguessable and of one trial stands in a line that is new.
struct Tape {
    text: Vec<u8>,
    known: HashSet<u64>,
    is_full: bool,
}

/// Given their room at once and never more, so that logging costs the measured threads no memory.
static TAPE: LazyLock<Mutex<Tape>> = LazyLock::new(|| {
    Mutex::new(Tape {
        text: Vec::with_capacity(ROOM),
        known: HashSet::with_capacity(LINES),
        is_full: false,
    })
});
const ROOM: usize = 128 << 20;
const LINES: usize = 1 << 20;

struct Recorder;

fn tape() -> MutexGuard<'static, Tape> {
    TAPE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep(line: &[u8]) {
    let mut hasher = DefaultHasher::new();
    line.hash(&mut hasher);
    let mut tape = tape();
    let has_room = tape.text.len() + line.len() < ROOM && tape.known.len() < LINES;
    if !has_room {
        tape.is_full = true;
    } else if tape.known.insert(hasher.finish()) {
        tape.text.extend_from_slice(line);
    }
}

impl io::Write for Recorder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        keep(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl log::Log for Recorder {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        keep(format!("{} {}\n", record.target(), record.args()).as_bytes());
    }

    fn flush(&self) {}
}

/// Records from now on.
pub fn start() {
    LazyLock::force(&TAPE);
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(|| Recorder)
        .without_time()
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    log::set_logger(&Recorder).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
}

/// Where the tape is now.
pub fn here() -> usize {
    tape().text.len()
}

/// What was logged since then, by this trial and by those beside it.
pub fn since(start: usize) -> String {
    let tape = tape();
    assert!(!tape.is_full, "the tape is full");
    String::from_utf8_lossy(&tape.text[start..]).into_owned()
}
