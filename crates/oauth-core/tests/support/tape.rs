//! What a thread logs.

use std::io;
use std::sync::{Arc, Mutex, Once};

use tracing::subscriber::DefaultGuard;

/// What this thread logs, at that level and above, while it is held.
pub struct Tape(
    Arc<Mutex<Vec<u8>>>,
    #[expect(dead_code, reason = "held")] DefaultGuard,
);

struct Writer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Tape {
    pub fn from(level: tracing::Level) -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // or an event that a test beside this one logs first, to nobody, is taken to be of no interest
            let nobody = tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_writer(io::sink)
                .finish();
            tracing::subscriber::set_global_default(nobody).unwrap();
        });
        let text = Arc::new(Mutex::default());
        let written = Arc::clone(&text);
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(level)
            .with_writer(move || Writer(Arc::clone(&written)))
            .finish();
        Self(text, tracing::subscriber::set_default(subscriber))
    }

    /// The lines that have this in them.
    pub fn lines(&self, with: &str) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().filter(|line| line.contains(with));
        lines.map(str::to_owned).collect()
    }
}
