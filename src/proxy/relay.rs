//! What the connections of one relay share.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::limits::Limits;
use super::record::Recorder;
use super::route::Routes;

/// How far the end of a relay has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// It has not begun.
    Open,
    /// No new exchange begins; those under way may end.
    Closing,
    /// Whatever is still under way breaks off.
    Over,
}

impl Stage {
    /// Ends when this stage is reached, or the relay is gone.
    pub(super) async fn reached(stage: &mut watch::Receiver<Self>, wanted: Self) {
        drop(stage.wait_for(|now| *now >= wanted).await);
    }
}

/// What every connection of one relay shares. The relay ends when the last of these is dropped.
#[derive(Debug, Clone)]
pub(super) struct Relay {
    pub(super) routes: Arc<Routes>,
    pub(super) recorder: Recorder,
    pub(super) limits: Arc<Limits>,
    pub(super) stage: watch::Receiver<Stage>,
    /// Only ever dropped: the relay waits for the last one.
    #[expect(dead_code, reason = "being dropped is what it is for")]
    pub(super) alive: mpsc::Sender<Infallible>,
}

/// How long the tasks that were told that it is over may take to notice.
const NOTICE: Duration = Duration::from_secs(1);

impl Relay {
    /// Lets what is under way end, and breaks off what has not ended after `limits.farewell`. `last` closes with the last of
    /// its connections. Nobody may hold a clone but they.
    pub(super) async fn end(
        self,
        stage: &watch::Sender<Stage>,
        last: &mut mpsc::Receiver<Infallible>,
    ) {
        let (farewell, recorder) = (self.limits.farewell, self.recorder.clone());
        drop(self);
        stage.send_replace(Stage::Closing);
        if timeout(farewell, last.recv()).await.is_err() {
            recorder.set_over();
            stage.send_replace(Stage::Over);
            drop(timeout(NOTICE, last.recv()).await);
        }
    }
}
