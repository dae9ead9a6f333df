//! One file for each piece of the screen: `render` draws it from what it is given, and changes nothing.

pub(super) mod banner;
pub(super) mod build;
pub(super) mod changes;
pub(super) mod compare;
pub(super) mod details;
mod exchange_details;
mod figures;
pub(super) mod footer;
pub(super) mod header;
pub(super) mod health;
pub(super) mod help;
pub(super) mod inside;
pub(super) mod log_bar;
pub(super) mod log_head;
mod log_line;
pub(super) mod logs;
pub(super) mod map;
pub(super) mod notices;
pub(super) mod palette;
pub(super) mod services;
mod span_details;
pub(super) mod stats;
pub(super) mod tabs;
pub(super) mod timeline;
pub(super) mod traces;
pub(super) mod waterfall;

use super::theme::Theme;
use crate::engine::{Moment, State};
use crate::runtime::Clock;
use crate::telemetry::Telemetry;

/// What every pane may look at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) state: &'a State,
    pub(super) telemetry: &'a Telemetry,
    pub(super) clock: &'a Clock,
    pub(super) now: Moment,
    pub(super) theme: &'a Theme,
}
