//! What one frame costs, drawn into memory.

use std::time::{Duration, Instant};

use boatyard::runtime::{Shown, View};
use boatyard::telemetry::{Exchange, SpanId, TraceId};
use boatyard::tui::{Options, Workbench};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::backend::TestBackend;

use super::fixture::{self, Scene};
use super::{COLUMNS, ROWS, row};

/// Requests that were made before the list of traces is looked at.
const REQUESTS: u64 = 1_000_000;
/// Frames of each kind.
const FRAMES: usize = 500;

/// Prints what a frame takes: with all panes, for a small stack and a large one, and of each pane alone.
pub(super) fn report() {
    frames(
        "a frame with all panes, five services",
        &fixture::ready(),
        "",
    );
    frames(
        "a frame with all panes, 57 services",
        &fixture::fifty_seven(),
        "",
    );
    many_requests();
    for (key, name) in [
        ('2', "logs"),
        ('3', "traces"),
        ('6', "map"),
        ('7', "details"),
        ('8', "timeline"),
        ('9', "notices"),
    ] {
        let alone = if matches!(key, '2' | '3') { "z" } else { "" };
        frames(
            &format!("a frame of {name} alone, five services"),
            &fixture::said_much(),
            &format!("{key}{alone}"),
        );
    }
}

/// What the list of traces takes when a million requests were made, half of them kept or fewer.
fn many_requests() {
    let scene = fixture::ready();
    let known = scene.telemetry.exchanges().since(0).exchanges;
    let model = known.first().expect("the scene has requests");
    for at in 0..REQUESTS {
        scene.telemetry.exchanges().push(Exchange {
            trace: TraceId(u128::from(at) << 64 | 1),
            span: SpanId(at + 1_000_000),
            parent: None,
            started: model.started + Duration::from_micros(at * 10),
            ..Exchange::clone(model)
        });
    }
    let what = format!("a frame of traces after {REQUESTS} requests");
    frames(&what, &scene, "3z");
    frames(&format!("{what}, only failed ones"), &scene, "3ze");
}

fn frames(what: &str, scene: &Scene, keys: &str) {
    let backend = TestBackend::new(COLUMNS, ROWS);
    let (telemetry, clock) = (scene.telemetry.clone(), scene.clock.clone());
    let mut workbench =
        Workbench::on(backend, &Options::default(), telemetry, clock).expect("a workbench");
    let shown = |notices| Shown {
        state: &scene.state,
        notices,
        telemetry: &scene.telemetry,
        clock: &scene.clock,
    };
    workbench.show(&shown(&scene.notices));
    for key in keys.chars() {
        let event = KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE);
        workbench.hear(&Event::Key(event));
    }
    let mut times: Vec<Duration> = (0..FRAMES)
        .map(|_| {
            let began = Instant::now();
            workbench.draw_next();
            workbench.show(&shown(&[]));
            began.elapsed()
        })
        .collect();
    row(what, &mut times);
}
