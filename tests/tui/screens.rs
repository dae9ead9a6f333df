//! What the screen looks like in every state and size.

use boatyard::tui::{Options, themes};
use ratatui::style::{Color, Modifier};

use crate::fixture::{self, Scene};
use crate::harness::Desk;

type Picture = (&'static str, fn() -> Scene, &'static str);

const PICTURES: &[Picture] = &[
    ("starting", fixture::starting, ""),
    ("ready", fixture::ready, "j"),
    ("building", fixture::building, "j 5"),
    ("build_failed", fixture::build_failed, "j enter"),
    ("crashed", fixture::crashed, "j j 4"),
    ("waiting", fixture::waiting, "G"),
    ("refused", fixture::refused, ""),
    ("quitting", fixture::quitting, ""),
    ("logs_searched", fixture::ready, "j 2 / s l o w enter n"),
    (
        "logs_filtered",
        fixture::ready,
        "l f l e v e l > = w a r n enter",
    ),
    ("logs_paused", fixture::ready, "j 2 k k k"),
    ("logs_set_out", fixture::said_much, "j 2 z"),
    ("logs_raw", fixture::said_much, "j 2 z x"),
    ("logs_unfolded", fixture::said_much, "j 2 z { o"),
    ("logs_json", fixture::said_much, "j 2 z g j j o"),
    ("logs_since", fixture::said_much, "j 2 z d"),
    ("logs_of_two", fixture::said_much, "j space j space 2 z"),
    ("traces", fixture::ready, "3 j"),
    ("trace", fixture::ready, "3 j j enter j"),
    ("traces_of_spans", fixture::instrumented, "3 j"),
    ("trace_of_spans", fixture::instrumented, "3 j enter j j j j"),
    ("figures", fixture::instrumented, "j 4"),
    ("help", fixture::ready, "3 ?"),
    ("palette", fixture::ready, ": r e b"),
    ("changes", fixture::edited, "j 5"),
    ("changes_alone", fixture::edited, "j j 5"),
    ("changes_zoomed", fixture::edited, "j 5 z"),
    ("on_hold", fixture::on_hold, "j"),
];

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 12)];

#[test]
fn pictures() {
    for (name, scene, keys) in PICTURES {
        for (width, height) in SIZES {
            let mut desk = Desk::new(scene(), width, height);
            desk.press(keys);
            insta::assert_snapshot!(format!("{name}_{width}x{height}"), desk.text());
        }
    }
}

/// What the trace pane shows, alone.
const VIEWS: &[Picture] = &[
    (
        "traces_filtered",
        fixture::ready,
        "3 z f s t a t u s > = 5 0 0 space a n d space m s > 1 0 enter",
    ),
    ("traces_wrong", fixture::ready, "3 z f s t a t e = 5"),
    ("trace_alone", fixture::ready, "3 z j j enter j j"),
    ("trace_details", fixture::ready, "3 z j j enter j enter"),
    ("trace_folded", fixture::ready, "3 z j j enter j left"),
    ("trace_lines", fixture::ready, "3 z G enter j o"),
    (
        "trace_searched",
        fixture::ready,
        "3 z j j enter / s t o c k",
    ),
    ("trace_change", fixture::edited, "3 z j j enter v"),
    ("compare", fixture::ready, "3 z j c j j j j j j j j j c j"),
    ("map", fixture::ready, "6"),
    ("map_waiting", fixture::waiting, "6 j"),
    ("map_of_12", fixture::twelve, "6"),
    ("map_of_57", fixture::fifty_seven, "6 j j j j j j"),
    ("timeline", fixture::told, "8"),
    ("timeline_at", fixture::told, "j 8 left left left left left"),
    (
        "timeline_closer",
        fixture::told,
        "j 8 0 + + + left left left H",
    ),
    ("notices", fixture::told, "9"),
    ("notices_unfolded", fixture::told, "9 k k k k k k k k k o"),
    (
        "notices_filtered",
        fixture::told,
        "9 f s e r v i c e = o r d e r s space k i n d = b u i l d enter",
    ),
];

#[test]
fn views_of_traces() {
    for (name, scene, keys) in VIEWS {
        for (width, height) in [(140, 40), (80, 24), (40, 12)] {
            let mut desk = Desk::new(scene(), width, height);
            desk.press(keys);
            insta::assert_snapshot!(format!("{name}_{width}x{height}"), desk.text());
        }
    }
}

#[test]
fn changes_are_told_on_a_wide_screen() {
    for (name, scene, keys) in [
        ("changes", fixture::edited as fn() -> Scene, "j 5"),
        ("on_hold", fixture::on_hold, "j 5"),
    ] {
        let mut desk = Desk::new(scene(), 140, 40);
        desk.press(keys);
        insta::assert_snapshot!(format!("{name}_140x40"), desk.text());
    }
}

#[test]
fn the_stages_of_a_change_are_told_apart_in_every_theme() {
    for name in themes() {
        let options = Options {
            theme: Some(name.to_owned()),
            ..Options::default()
        };
        let mut desk = Desk::with(fixture::edited(), 140, 40, &options);
        desk.press("j 5");
        let ground = desk.cell("p50").bg;
        let colours = ["▁settle", "▆make", "▄start", "▂ready"].map(|sign| desk.cell(sign).fg);
        for (at, colour) in colours.iter().enumerate() {
            assert_ne!(*colour, ground, "{name}");
            assert!(!colours[..at].contains(colour), "{name}: {colours:?}");
        }
    }
}

#[test]
fn colour_follows_meaning() {
    let (ready, failed, busy) = (
        Color::Rgb(0x86, 0xd3, 0xa2),
        Color::Rgb(0xff, 0x8a, 0x80),
        Color::Rgb(0x7d, 0xb8, 0xff),
    );
    let desk = Desk::new(fixture::build_failed(), 120, 40);
    assert_eq!(desk.cell("● web").fg, ready);
    assert_eq!(desk.cell("✗ orders").fg, failed);
    assert_eq!(desk.cell("build failed").fg, failed);
    assert_eq!(desk.cell("✗503").fg, failed);
    let desk = Desk::new(fixture::building(), 120, 40);
    assert_eq!(desk.cell("building 3/7").fg, busy);
    let mut desk = Desk::new(fixture::ready(), 120, 40);
    desk.press("j");
    assert_eq!(desk.cell("order failed").fg, failed);
    assert_eq!(desk.cell("cache ").fg, Color::Rgb(0x87, 0x95, 0xa7));
}

#[test]
fn a_search_marks_what_it_found() {
    let mut desk = Desk::new(fixture::ready(), 120, 40);
    desk.press("j 2 / s l o w");
    let found = desk.cell("slow, retry");
    assert_eq!(found.bg, Color::Rgb(0x5a, 0x4a, 0x12));
    assert!(found.modifier.contains(Modifier::BOLD));
    assert_ne!(desk.cell(", retry").bg, found.bg);
}

#[test]
fn without_colours_weight_and_symbols_tell_everything() {
    let options = Options {
        color: false,
        ..Options::default()
    };
    for (name, scene, keys) in PICTURES.iter().chain(VIEWS) {
        let mut desk = Desk::with(scene(), 120, 40, &options);
        desk.press(keys);
        for cell in &desk.buffer().content {
            assert_eq!(
                (cell.fg, cell.bg),
                (Color::Reset, Color::Reset),
                "{name}: {cell:?}"
            );
        }
    }
    let desk = Desk::with(fixture::build_failed(), 120, 40, &options);
    let urgent = Modifier::BOLD | Modifier::UNDERLINED;
    assert!(desk.cell("✗ orders").modifier.contains(urgent));
    assert!(
        desk.cell("● web").modifier.contains(Modifier::REVERSED),
        "the chosen row"
    );
    assert!(
        !desk
            .cell("● payments")
            .modifier
            .contains(Modifier::REVERSED)
    );
}

#[test]
fn every_theme_draws_on_its_own_ground() {
    let mut grounds = Vec::new();
    for name in themes() {
        let options = Options {
            theme: Some(name.to_owned()),
            ..Options::default()
        };
        let desk = Desk::with(fixture::ready(), 100, 30, &options);
        let ground = desk.buffer()[(50, 28)].bg;
        assert_ne!(ground, Color::Reset, "{name}");
        assert!(!grounds.contains(&ground), "{name}");
        grounds.push(ground);
    }
}

#[test]
fn an_unknown_theme_is_refused_with_the_known_ones() {
    let options = Options {
        theme: Some("harbour".into()),
        ..Options::default()
    };
    let scene = fixture::starting();
    let backend = ratatui::backend::TestBackend::new(80, 24);
    let wrong = boatyard::tui::Workbench::on(backend, &options, scene.telemetry, scene.clock);
    let words = wrong
        .err()
        .map(|wrong| wrong.to_string())
        .unwrap_or_default();
    assert!(
        words.contains("`harbour`") && words.contains("harbor-light"),
        "{words}"
    );
}
