//! What must be read and found even where there is little room.

use boatyard::tui::{Options, themes};
use ratatui::style::Color;

use crate::fixture;
use crate::harness::Desk;

fn last_line(desk: &Desk) -> String {
    desk.text().lines().last().unwrap_or_default().to_owned()
}

#[test]
fn what_leads_back_is_always_told() {
    for (width, height) in [(80, 24), (60, 20), (40, 12)] {
        let mut desk = Desk::new(fixture::told(), width, height);
        for (keys, back) in [
            ("8", "esc back"),
            ("left", "esc back"),
            ("9", "esc back"),
            ("i", "esc back"),
            ("3 enter", "esc back"),
        ] {
            desk.press(keys);
            let line = last_line(&desk);
            assert!(line.contains(back), "{width}: {keys}: {line}");
        }
    }
    // However long what was just done is told.
    let mut desk = Desk::new(fixture::told(), 80, 24);
    desk.press("9 / c o l l e c t i n g enter y");
    assert!(desk.find("copied: build #5").is_some(), "{}", desk.text());
    assert!(last_line(&desk).contains("esc back"), "{}", desk.text());
}

#[test]
fn what_enter_does_with_a_line_is_told() {
    let mut desk = Desk::new(fixture::ready(), 80, 24);
    for (keys, word) in [
        ("j !", "enter run it"),
        ("esc F", "enter set them"),
        ("esc 2 @", "enter go there"),
        ("esc f", "enter keep"),
    ] {
        desk.press(keys);
        let line = last_line(&desk);
        assert!(line.contains(word), "{keys}: {line}");
    }
}

#[test]
fn the_service_of_a_fault_is_told_in_full() {
    for (width, height) in [(120, 40), (80, 24), (60, 20)] {
        let mut desk = Desk::new(fixture::crashed(), width, height);
        let fault = boatyard::stack::Fault {
            latency: std::time::Duration::from_millis(200),
            ..Default::default()
        };
        let faults = [("payments".into(), vec![fault])];
        desk.scene.state.faults = faults.into_iter().collect();
        desk.redraw();
        let text = desk.text();
        assert!(desk.find("↯ faults of payments").is_some(), "{text}");
        assert!(desk.find("◌ 2").is_some(), "{text}");
    }
}

#[test]
fn nothing_of_the_help_is_cut() {
    for (width, height) in [(140, 90), (120, 90), (80, 120), (60, 140)] {
        for keys in ["3 ?", "j 2 ?", "8 ?", "9 ?"] {
            let mut desk = Desk::new(fixture::ready(), width, height);
            desk.press(keys);
            let text = desk.text();
            assert!(desk.find("Keys that work here").is_some(), "{text}");
            let cut = text
                .lines()
                .take(usize::from(height) - 1)
                .skip_while(|line| !line.contains("Keys that work here"))
                .any(|line| line.contains('…'));
            assert!(!cut, "{width}: {keys}\n{text}");
            assert!(desk.find("`fg` returns").is_some(), "{text}");
        }
    }
}

fn channel(value: u8) -> f64 {
    let value = f64::from(value) / 255.0;
    if value <= 0.03928 {
        value / 12.92
    } else {
        ((value + 0.055) / 1.055).powf(2.4)
    }
}

/// WCAG's contrast of two colours.
fn contrast(one: Color, other: Color) -> f64 {
    let light = |colour| match colour {
        Color::Rgb(red, green, blue) => {
            0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue)
        }
        other => panic!("{other:?} is no colour of a theme"),
    };
    let (one, other) = (light(one), light(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn every_word_of_the_map_stands_out_from_its_own_ground() {
    for name in themes() {
        let options = Options {
            theme: Some(name.to_owned()),
            ..Options::default()
        };
        let mut desk = Desk::with(fixture::waiting(), 140, 40, &options);
        desk.press("6 j");
        let buffer = desk.buffer();
        for cell in buffer.content() {
            let is_word = cell.symbol().chars().all(char::is_alphanumeric);
            if is_word {
                let found = contrast(cell.fg, cell.bg);
                let what = format!("{name}: {} {:?} on {:?}", cell.symbol(), cell.fg, cell.bg);
                assert!(found >= 4.5, "{what}: {found:.2}\n{}", desk.text());
            }
        }
    }
}

#[test]
fn what_stands_in_the_column_of_the_cursor_at_another_time_says_so() {
    let mut desk = Desk::new(fixture::told(), 140, 40);
    desk.press("j 8 - - - - - - -");
    let mut told = String::new();
    for key in ["left"; 6].into_iter().chain(["right"; 5]) {
        desk.press(key);
        told.push_str(&desk.exact());
    }
    for words in [" later: ", " earlier: "] {
        assert!(told.contains(words), "{words}\n{told}");
    }
}

#[test]
fn a_young_session_fills_the_axis() {
    for (width, height) in [(80, 24), (120, 40), (140, 40)] {
        let mut desk = Desk::new(fixture::told(), width, height);
        desk.press("8");
        let ready = desk.text();
        let db = ready.lines().find(|line| line.contains("● db"));
        let drawn = db.map_or(0, boatyard::text::width);
        assert!(drawn * 10 >= usize::from(width) * 6, "{drawn}\n{ready}");
    }
}
