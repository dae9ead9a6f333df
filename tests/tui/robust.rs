//! What must never break the screen: any size, any order of keys, anything that a service says.

use std::time::Duration;

use boatyard::engine::{Exit, Hold, Moment, ProbeAnswer, StartFailure};
use boatyard::telemetry::{BodyHead, Exchange, ExchangeStatus, Headers, SpanId, Stream, TraceId};
use crossterm::event::{Event, MouseButton, MouseEventKind};
use proptest::prelude::*;

use crate::fixture::{self, Scene};
use crate::harness::Desk;

const SCENES: [fn() -> Scene; 12] = [
    fixture::detailed,
    fixture::starting,
    fixture::ready,
    fixture::building,
    fixture::build_failed,
    fixture::crashed,
    fixture::waiting,
    fixture::quitting,
    fixture::refused,
    fixture::told,
    fixture::twelve,
    fixture::fifty_seven,
];

const KEYS: [&str; 62] = [
    "Z",
    "=",
    "ctrl-left",
    "ctrl-down",
    "ctrl-up",
    "6",
    "i",
    "7",
    "j",
    "k",
    "up",
    "down",
    "pgup",
    "pgdn",
    "g",
    "G",
    "tab",
    "1",
    "2",
    "3",
    "4",
    "5",
    "z",
    "esc",
    "enter",
    "/",
    "f",
    "n",
    "N",
    "e",
    "l",
    "w",
    "H",
    "L",
    "y",
    ":",
    "?",
    "t",
    "m",
    "r",
    "b",
    "s",
    "a",
    "=",
    "(",
    "backspace",
    "ctrl-l",
    "space",
    "6",
    "8",
    "9",
    "0",
    "c",
    "v",
    "o",
    "h",
    "-",
    "+",
    "[",
    "]",
    "left",
    "right",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn no_size_and_no_keys_break_it(
        scene in 0..SCENES.len(),
        sizes in prop::collection::vec((0u16..170, 0u16..60), 1..4),
        keys in prop::collection::vec(0..KEYS.len(), 0..25),
        clicks in prop::collection::vec((0u16..180, 0u16..70), 0..4),
    ) {
        let (width, height) = sizes[0];
        let mut desk = Desk::new(SCENES[scene](), width, height);
        for (turn, key) in keys.iter().enumerate() {
            desk.press(KEYS[*key]);
            let (width, height) = sizes[turn % sizes.len()];
            desk.workbench.backend_mut().resize(width, height);
            desk.workbench.hear(&Event::Resize(width, height));
            desk.redraw();
        }
        for (column, row) in clicks {
            desk.mouse(MouseEventKind::Down(MouseButton::Left), column, row);
            desk.mouse(MouseEventKind::ScrollUp, column, row);
        }
    }

    #[test]
    fn nothing_that_is_said_reaches_the_terminal_as_control(
        said in prop::collection::vec(hostile(), 1..12),
        width in 1u16..140,
        height in 1u16..50,
    ) {
        let mut desk = Desk::new(hostile_scene(&said), width, height);
        for keys in [
            "", "l w", "2 z", "3", "enter", "esc 4", "5", "/ a", "esc : a", "esc 9", "k o", "esc 8", "esc 6",
        ] {
            desk.press(keys);
            for cell in &desk.buffer().content {
                let symbol = cell.symbol();
                let bad = symbol.chars().find(|letter| {
                    letter.is_control() || ('\u{202a}'..='\u{202e}').contains(letter)
                        || ('\u{2066}'..='\u{2069}').contains(letter)
                });
                prop_assert_eq!(bad, None, "{:?} after {}", symbol, keys);
            }
        }
    }
}

/// Text with all that may harm a terminal.
fn hostile() -> impl Strategy<Value = String> {
    let evil = prop::sample::select(vec![
        "\u{1b}]0;title\u{7}",
        "\u{1b}]52;c;cm0gLXJm\u{7}",
        "\u{1b}[2J\u{1b}[H",
        "\u{1b}[6n",
        "\u{9b}31m",
        "\u{1b}P$q\u{1b}\\",
        "\u{0}",
        "\u{8}\u{8}",
        "\r",
        "\t",
        "\u{202e}evil\u{202c}",
        "\u{2066}x\u{2069}",
        "日本語",
        "👩‍👩‍👧",
        "e\u{301}\u{301}\u{301}",
        "\u{feff}",
        "\u{1b}[31m",
        "\n",
        "\u{85}",
        "\u{1b}",
    ]);
    let plain = "[ -~]{0,30}";
    prop::collection::vec(
        prop_oneof![evil.prop_map(str::to_owned), plain.prop_map(String::from)],
        1..8,
    )
    .prop_map(|parts| parts.concat())
}

/// A session in which everything that comes from outside is hostile.
fn hostile_scene(said: &[String]) -> Scene {
    let mut scene = fixture::build_failed();
    let any = |at: usize| said[at % said.len()].clone();
    for (at, words) in said.iter().enumerate() {
        let service = ["web", "orders", "payments"][at % 3];
        let stream = [Stream::Stdout, Stream::Stderr, Stream::Build][at % 3];
        scene.say(9.8, service, stream, words);
    }
    scene.state.stack_problems = vec![any(0)];
    let web = scene.service("web");
    web.runs[0].health.last = Some((
        Moment::START,
        ProbeAnswer {
            healthy: false,
            took: Duration::ZERO,
            said: any(1),
        },
    ));
    web.last_exit = Some((
        Moment::START,
        boatyard::engine::RunId(1),
        Exit {
            signal: Some(any(2)),
            ..Exit::default()
        },
    ));
    let payments = scene.service("payments");
    payments.runs.clear();
    payments.hold = Some(boatyard::engine::Held {
        hold: Hold::CannotStart { message: any(3) },
        since: Moment::START,
    });
    payments.start_failure = Some((
        Moment::START,
        StartFailure {
            message: any(4),
            missing_image: None,
        },
    ));
    if let boatyard::engine::BuildState::Failed { failure, .. } = &mut scene.service("orders").build
    {
        failure.message = any(5);
        failure.last_lines = vec![any(6), any(7)];
    }
    let mut headers = Headers::default();
    headers.push("x-evil", any(8).as_bytes());
    scene.telemetry.exchanges().push(Exchange {
        trace: TraceId(1),
        span: SpanId(1),
        parent: None,
        caller: None,
        callee: "web".into(),
        run: 1,
        method: any(9),
        path: any(10),
        status: ExchangeStatus::Failed(any(11)),
        started: fixture::began() + Duration::from_secs(10),
        took: Duration::from_millis(3),
        held: Duration::ZERO,
        request_bytes: 0,
        response_bytes: 0,
        request_headers: headers.clone(),
        response_headers: headers,
        request_body: body(any(12)),
        response_body: BodyHead::default(),
        injected: None,
    });
    scene
}

fn body(words: String) -> BodyHead {
    BodyHead {
        bytes: words.into_bytes().into(),
        ..BodyHead::default()
    }
}

#[test]
fn a_line_of_ten_megabytes_is_drawn_like_any_other() {
    let scene = fixture::ready();
    scene.say(9.9, "web", Stream::Stdout, &"\u{1b}[31mx".repeat(2_000_000));
    let began = std::time::Instant::now();
    let mut desk = Desk::new(scene, 120, 40);
    desk.press("2 w k");
    assert!(desk.find("paused").is_some());
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "only its beginning is looked at"
    );
}

#[test]
fn the_smallest_screens_show_something() {
    for (width, height) in [(0, 0), (1, 1), (2, 1), (1, 9), (10, 3), (20, 5)] {
        let desk = Desk::new(fixture::ready(), width, height);
        let wished = usize::from(width >= 10);
        assert!(
            desk.text().matches("shop").count() >= wished,
            "{width}x{height}"
        );
    }
}
