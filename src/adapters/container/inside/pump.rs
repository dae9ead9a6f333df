//! Between a terminal and the engine's connection: what is printed, what is typed, how large it is, and when it is over.

use std::future::Future;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep_until};

use super::super::abort::AbortOnDrop;
use super::super::frames::Demux;
use crate::adapters::Attached;
use crate::telemetry::terminals::{Inside, Size};

/// How long what was told to end may take until its connection closes.
const END_WITHIN: Duration = Duration::from_secs(2);

/// Why it is over.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The program ended, or let go.
    Over,
    /// Somebody wanted it to end; whether that was done, or why not.
    Asked(Result<(), String>),
}

/// Moves bytes both ways until it is over. `end` is done when somebody wants it to end.
pub(super) async fn run<R: Future<Output = ()> + Send + 'static>(
    attached: Attached,
    mut demux: Demux,
    inside: &mut Inside,
    resize: impl Fn(Size) -> R,
    end: impl Future<Output = Result<(), String>>,
) -> Outcome {
    let Attached { early, stream } = attached;
    let terminal = std::sync::Arc::clone(&inside.terminal);
    let (mut from, mut into) = tokio::io::split(stream);
    let mut typed = std::mem::replace(&mut inside.typed, tokio::sync::mpsc::channel(1).1);
    // A program that reads nothing makes only this task wait.
    let _typing = AbortOnDrop::spawn(async move {
        while let Some(bytes) = typed.recv().await {
            if into.write_all(&bytes).await.is_err() || into.flush().await.is_err() {
                return;
            }
        }
    });
    let mut _resizing = AbortOnDrop::spawn(resize(inside.size()));
    demux.feed(&early, |_, _, bytes| terminal.feed(bytes));
    let mut buffer = vec![0; 16 << 10];
    let mut end = Some(Box::pin(end));
    let mut asked: Option<(Result<(), String>, Instant)> = None;
    loop {
        let due = asked.as_ref().map(|(_, due)| *due);
        tokio::select! {
            read = from.read(&mut buffer) => match read {
                Ok(count @ 1..) => demux.feed(&buffer[..count], |_, _, bytes| terminal.feed(bytes)),
                Ok(_) | Err(_) => break,
            },
            Ok(()) = inside.wish.changed() => {
                let wish = *inside.wish.borrow_and_update();
                if let Some(size) = wish.size {
                    _resizing = AbortOnDrop::spawn(resize(size));
                }
                if wish.end && let Some(end) = end.take() {
                    asked = Some((end.await, Instant::now() + END_WITHIN));
                }
            }
            () = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            } => break,
        }
    }
    match asked {
        Some((done, _)) => Outcome::Asked(done),
        None => Outcome::Over,
    }
}
