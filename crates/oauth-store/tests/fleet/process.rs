//! A worker as its parent sees it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::orders::{Orders, WORKER};
use crate::said::Said;

/// A process of this binary that renews. Killed with this value.
pub struct Process {
    child: Child,
    said: UnboundedReceiver<Said>,
}

/// A worker that says nothing for so long hangs.
pub const SILENCE: Duration = Duration::from_secs(120);

impl Process {
    pub fn start(orders: &Orders) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(WORKER, orders.write())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let (sender, said) = unbounded_channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(said) = Said::read(&line) {
                    let _ = sender.send(said); // nobody listens any more
                }
            }
        });
        Self { child, said }
    }

    /// What it says next; `None`: it has ended.
    pub async fn next(&mut self) -> Option<Said> {
        let next = tokio::time::timeout(SILENCE, self.said.recv());
        next.await.expect("a worker hangs")
    }

    /// Waits until it says that; what it said before is dropped.
    pub async fn until(&mut self, wanted: &Said) {
        let mut last = None;
        while let Some(said) = self.next().await {
            if said == *wanted {
                return;
            }
            last = Some(said);
        }
        panic!("a worker ended before it was {wanted}: {last:?}");
    }

    /// `kill -9`, and what it said before.
    pub async fn kill(mut self) -> Vec<Said> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let mut rest = Vec::new();
        while let Some(said) = self.next().await {
            rest.push(said);
        }
        rest
    }

    /// Waits until it has stopped itself.
    pub async fn stopped(&self) {
        let id = self.id();
        let stopped = tokio::task::spawn_blocking(move || waitpid(Some(id), WaitOptions::UNTRACED));
        let (_, status) = stopped.await.unwrap().unwrap().unwrap();
        assert!(status.stopped(), "a worker ended instead of stopping");
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        kill_process(self.id(), Signal::CONT).unwrap();
    }

    fn id(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait();
    }
}
