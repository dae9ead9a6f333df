//! What the connections of one relay share.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

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
