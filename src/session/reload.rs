//! Reading the stack file again when it, or a file it reads, was saved.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::addresses::{SharedDoors, open_front_doors};
use super::{inspect, isolation};
use crate::adapters::watch::WatchNews;
use crate::adapters::{Identity, Wires};
use crate::config;
use crate::engine::Event;

/// What is needed to read the stack again as it was read at first.
pub(super) struct Reloader {
    pub(super) wires: Wires,
    pub(super) options: config::Options,
    pub(super) isolated: Option<String>,
    pub(super) services: Vec<String>,
    pub(super) doors: Arc<SharedDoors>,
    pub(super) any_port: bool,
    pub(super) identity: Identity,
}

impl Reloader {
    /// Reads it at every save, until the watcher is gone.
    pub(super) async fn run(self, mut news: mpsc::UnboundedReceiver<WatchNews>) {
        let this = Arc::new(self);
        while let Some(news) = news.recv().await {
            match news {
                WatchNews::Problem { what, remedy } => {
                    this.wires.tell(Event::Problem { what, remedy });
                }
                WatchNews::StackSaved { .. } => {
                    let reader = Arc::clone(&this);
                    // Reading looks at Dockerfiles and folders; the loop's thread has better things to do.
                    if let Ok(event) = tokio::task::spawn_blocking(move || reader.read()).await {
                        this.wires.tell(event);
                    }
                }
            }
        }
    }

    fn read(&self) -> Event {
        let loaded = config::load(&self.options);
        let Some(mut stack) = loaded.stack else {
            let problems = loaded.problems.iter().map(config::Problem::line).collect();
            return Event::StackRefused { problems };
        };
        if let Err(failure) = isolation::apply(&mut stack, self.isolated.as_deref()) {
            return Event::StackRefused {
                problems: vec![failure.to_string()],
            };
        }
        if stack.name != self.identity.stack {
            return Event::StackRefused {
                problems: vec![renamed(&self.identity.stack, &stack.name)],
            };
        }
        if let Err(failure) = inspect::keep_only(&mut stack, &self.services) {
            return Event::StackRefused {
                problems: vec![failure.to_string()],
            };
        }
        // A port that cannot be had is a reason to stay with what runs; doors that go are closed when the rest is applied.
        match open_front_doors(&self.doors, &stack, self.any_port) {
            Ok(moved) => {
                for moved in moved {
                    self.wires.tell(moved.told());
                }
                Event::StackReloaded {
                    stack: Arc::new(stack),
                }
            }
            Err(errors) => Event::StackRefused {
                problems: errors
                    .iter()
                    .map(|error| format!("error: {error}"))
                    .collect(),
            },
        }
    }
}

fn renamed(old: &str, new: &str) -> String {
    format!(
        "the stack was renamed from \"{old}\" to \"{new}\"; end this session and start again; the name is part of \
         what its containers and volumes are called"
    )
}
