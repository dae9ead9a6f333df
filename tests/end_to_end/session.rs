//! A headless session of the real binary, read notice by notice.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::shop::Copy;

/// `boatyard watch --json` under way.
pub(crate) struct Session {
    /// The process.
    pub(crate) child: Child,
    lines: Receiver<Value>,
    /// Everything it said so far.
    pub(crate) said: Vec<Value>,
}

impl Session {
    /// Starts it on this copy with further arguments.
    pub(crate) fn start(copy: &Copy, arguments: &[&str]) -> Self {
        let mut all = vec!["watch", "--json"];
        all.extend(arguments);
        Self::of(copy.boatyard(&all))
    }

    /// Starts this command, which must be `boatyard watch --json`.
    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .stdin(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let value = serde_json::from_str(&line)
                    .unwrap_or_else(|error| panic!("not JSON: {line}: {error}"));
                if sender.send(value).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            lines,
            said: Vec::new(),
        }
    }

    /// Reads on until a notice is the wished one.
    pub(crate) fn until(&mut self, what: &str, mut wished: impl FnMut(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(value) = self.lines.recv_timeout(left) else {
                let last: Vec<String> = self
                    .said
                    .iter()
                    .rev()
                    .take(30)
                    .rev()
                    .map(ToString::to_string)
                    .collect();
                panic!(
                    "waited in vain for {what}; the last notices:\n{}",
                    last.join("\n")
                );
            };
            self.said.push(value.clone());
            if wished(&value) {
                return value;
            }
        }
    }

    /// Reads on until this notice comes for this service.
    pub(crate) fn notice(&mut self, notice: &str, service: &str) -> Value {
        self.until(&format!("{notice} of {service}"), |value| {
            value["notice"] == notice && value["service"] == service
        })
    }

    /// Reads on until each of these services has had this notice.
    pub(crate) fn all(&mut self, notice: &str, services: &[&str]) {
        let mut open: Vec<&str> = services.to_vec();
        while !open.is_empty() {
            let value = self.until(&format!("{notice} of {open:?}"), |value| {
                value["notice"] == notice
            });
            open.retain(|service| value["service"] != *service);
        }
    }

    /// Sends a signal to Boatyard itself.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("it is still there");
    }

    /// Asks it to end with SIGINT, and gives its exit code and its last notice.
    pub(crate) fn quit(mut self) -> (Option<i32>, Value) {
        self.signal(rustix::process::Signal::INT);
        let last = self.until("the end of the session", |value| {
            value["notice"] == "session-ended"
        });
        let status = self.child.wait().expect("it ends");
        (status.code(), last)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Only when a test failed half-way; the child was waited for otherwise.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
