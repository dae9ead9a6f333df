//! Between a terminal and the engine's connection: what is printed, what is typed, how large it is, and when it is over.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::super::abort::AbortOnDrop;
use super::super::frames::Demux;
use crate::adapters::Attached;
use crate::telemetry::terminals::{Inside, Size};

/// Why it is over.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The program ended, or let go.
    Over,
    /// Somebody wanted it to end; whether that was done, or why not.
    Asked(Result<(), String>),
}

/// What happens when somebody wants it to end.
pub(super) struct Ending<F> {
    /// Ends it; whether that was done, or why not.
    pub(super) end: F,
    /// How long its last output may come after that.
    pub(super) last: Duration,
}

/// How far that has come.
enum Stage {
    NotAsked,
    UnderWay,
    /// What came of it, and until when more output is waited for.
    Done(Result<(), String>, Instant),
}

/// Moves bytes both ways until it is over. What is printed is taken while it is being ended too.
pub(super) async fn run<R: Future<Output = ()> + Send + 'static>(
    attached: Attached,
    mut demux: Demux,
    inside: &mut Inside,
    resize: impl Fn(Size) -> R,
    ending: Ending<impl Future<Output = Result<(), String>>>,
) -> Outcome {
    let Attached { early, stream } = attached;
    let terminal = Arc::clone(&inside.terminal);
    let (mut from, into) = tokio::io::split(stream);
    let _typing = AbortOnDrop::spawn(type_into(into, inside));
    let mut _resizing = AbortOnDrop::spawn(resize(inside.size()));
    demux.feed(&early, |_, _, bytes| terminal.feed(bytes));
    let mut buffer = vec![0; 16 << 10];
    let Ending { end, last } = ending;
    let mut end = pin!(end);
    let mut stage = Stage::NotAsked;
    loop {
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
                if wish.end && matches!(stage, Stage::NotAsked) {
                    stage = Stage::UnderWay;
                }
            }
            done = &mut end, if matches!(stage, Stage::UnderWay) => {
                stage = Stage::Done(done, Instant::now() + last);
            }
            () = over(&stage) => break,
        }
    }
    match stage {
        Stage::NotAsked => Outcome::Over,
        // Its output is over, but others that it started may be left.
        Stage::UnderWay => Outcome::Asked(end.await),
        Stage::Done(done, _) => Outcome::Asked(done),
    }
}

/// Types for as long as something is typed. A program that reads nothing makes only this task wait.
fn type_into(
    mut into: impl AsyncWrite + Unpin + Send + 'static,
    inside: &mut Inside,
) -> impl Future<Output = ()> + Send + 'static {
    let mut typed = std::mem::replace(&mut inside.typed, mpsc::channel(1).1);
    async move {
        while let Some(bytes) = typed.recv().await {
            if into.write_all(&bytes).await.is_err() || into.flush().await.is_err() {
                return;
            }
        }
    }
}

/// When nothing more is waited for.
async fn over(stage: &Stage) {
    match stage {
        Stage::NotAsked | Stage::UnderWay => std::future::pending().await,
        Stage::Done(_, until) => sleep_until(*until).await,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex};
    use tokio::sync::oneshot;
    use tokio::time::timeout;

    use super::*;
    use crate::adapters::RawStream;
    use crate::telemetry::terminals::{Key, Kind, Terminals};

    const PATIENCE: Duration = Duration::from_secs(60);

    fn opened() -> (Terminals, Inside, Attached, DuplexStream) {
        let terminals = Terminals::default();
        let key = Key {
            service: "web".into(),
            kind: Kind::Shell,
        };
        let inside = terminals.open(key, 1, None).expect("a terminal");
        let (ours, theirs) = duplex(64 << 10);
        let attached = Attached {
            early: bytes::Bytes::new(),
            stream: Box::new(ours) as RawStream,
        };
        (terminals, inside, attached, theirs)
    }

    fn text(inside: &Inside) -> String {
        let mut text = String::new();
        inside
            .terminal
            .cells(|_, _, symbol, _| text.push_str(symbol));
        text.trim_end().to_owned()
    }

    #[tokio::test]
    async fn what_is_printed_while_it_is_being_ended_is_shown_meanwhile() {
        let (terminals, mut inside, attached, mut program) = opened();
        let terminal = Arc::clone(&inside.terminal);
        let mut changes = terminals.changes();
        let (began, mut has_begun) = oneshot::channel();
        let (seen, was_seen) = oneshot::channel();
        let end = async {
            began.send(()).expect("somebody waits");
            was_seen.await.expect("it is told");
            Ok(())
        };
        let last = 2 * PATIENCE;
        let demux = Demux::new(true);
        let running = run(
            attached,
            demux,
            &mut inside,
            |_| async {},
            Ending { end, last },
        );
        let looking = async {
            terminal.end();
            (&mut has_begun).await.expect("it is being ended");
            program.write_all(b"going").await.expect("there is room");
            while terminal.cursor() != Some((5, 0)) {
                changes.changed().await.expect("the terminals are there");
            }
            seen.send(()).expect("it waits for that");
            program.write_all(b", gone").await.expect("there is room");
            drop(program);
        };
        let both = async { tokio::join!(running, looking).0 };
        let outcome = timeout(PATIENCE, both).await;
        assert!(matches!(outcome, Ok(Outcome::Asked(Ok(())))), "{outcome:?}");
        assert_eq!(text(&inside), "going, gone");
    }

    #[tokio::test]
    async fn what_lets_go_at_once_is_over_at_once() {
        let (_terminals, mut inside, attached, _program) = opened();
        inside.terminal.end();
        let end = async { Ok(()) };
        let last = Duration::ZERO;
        let demux = Demux::new(true);
        let running = run(
            attached,
            demux,
            &mut inside,
            |_| async {},
            Ending { end, last },
        );
        let outcome = timeout(PATIENCE, running).await;
        assert!(matches!(outcome, Ok(Outcome::Asked(Ok(())))), "{outcome:?}");
    }

    #[tokio::test]
    async fn who_closes_while_being_ended_is_still_ended_to_the_last() {
        let (_terminals, mut inside, attached, program) = opened();
        inside.terminal.end();
        let mut program = Some(program);
        let last = 2 * PATIENCE;
        let end = async {
            program.take();
            tokio::task::yield_now().await;
            Err("one is left".to_owned())
        };
        let demux = Demux::new(true);
        let outcome = run(
            attached,
            demux,
            &mut inside,
            |_| async {},
            Ending { end, last },
        )
        .await;
        assert!(matches!(outcome, Outcome::Asked(Err(_))), "{outcome:?}");
    }
}
