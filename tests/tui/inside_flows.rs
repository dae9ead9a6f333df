//! Going inside services: what keys, pastes and the mouse do there, and what it looks like.

use std::sync::Arc;

use boatyard::engine::{Command, Inside};
use boatyard::telemetry::terminals::{self, Key, Kind, Size, Terminal};
use boatyard::tui::{Options, themes};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseEventKind};

use crate::fixture;
use crate::harness::Desk;

/// A desk at which somebody has just gone inside orders, and the adapter's side of the terminal.
fn inside(keys: &str, width: u16, height: u16) -> (Desk, terminals::Inside) {
    let mut desk = Desk::new(fixture::ready(), width, height);
    desk.press("j");
    let asked = desk.press(keys);
    let Some(Command::GoInside { service, what }) = asked else {
        panic!("{asked:?}");
    };
    let (kind, line) = match what {
        Inside::Shell => (Kind::Shell, None),
        Inside::Own => (Kind::Own, None),
        Inside::Command { line } => (Kind::Command, Some(line)),
    };
    let key = Key { service, kind };
    let inside = desk.scene.telemetry.terminals().open(key, 2, line);
    let inside = inside.expect("none is open");
    desk.redraw();
    (desk, inside)
}

/// The same with a shell that has shown a few things.
fn busy(width: u16, height: u16) -> (Desk, terminals::Inside) {
    let (mut desk, inside) = inside("E", width, height);
    inside.terminal.opened("/bin/bash");
    for number in 1..=40 {
        say(
            &inside.terminal,
            &format!("line {number} of what was printed before\r\n"),
        );
    }
    say(
        &inside.terminal,
        "\x1b[1;32mapp@orders\x1b[0m:\x1b[34m/app\x1b[0m$ ls\r\n",
    );
    say(
        &inside.terminal,
        "\x1b[44;97m src \x1b[0m \x1b[31mapp.py\x1b[0m 日本.txt \x1b[7mreversed\x1b[0m\r\n",
    );
    say(&inside.terminal, "app@orders:/app$ ");
    desk.redraw();
    (desk, inside)
}

fn say(terminal: &Terminal, words: &str) {
    terminal.feed(words.as_bytes());
}

fn typed(inside: &mut terminals::Inside) -> String {
    let mut all = Vec::new();
    while let Ok(bytes) = inside.typed.try_recv() {
        all.extend(bytes);
    }
    String::from_utf8(all).expect("text")
}

#[test]
fn pictures() {
    for (width, height) in [(140, 40), (120, 40), (80, 24), (40, 12)] {
        let (desk, _inside) = busy(width, height);
        insta::assert_snapshot!(format!("inside_{width}x{height}"), desk.text());
    }
    let (mut desk, inside) = inside("! l s space - l enter", 80, 24);
    insta::assert_snapshot!("inside_opening_80x24", desk.text());
    inside.terminal.opened("in its container");
    say(
        &inside.terminal,
        "total 4\r\n-rw-r--r-- 1 app app 20 Mar 18 app.py\r\n",
    );
    inside.terminal.ended("exit code 3");
    desk.redraw();
    insta::assert_snapshot!("inside_ended_80x24", desk.text());
}

#[test]
fn all_keys_but_one_go_to_the_program() {
    let (mut desk, mut inside) = inside("E", 120, 40);
    inside.terminal.opened("/bin/sh");
    assert_eq!(
        desk.press("q ? : ctrl-c ctrl-z ctrl-l tab esc 1 / up"),
        None
    );
    assert_eq!(typed(&mut inside), "q?:\x03\x1a\x0c\t\x1b1/\x1b[A");
    desk.workbench.hear(&Event::Paste("two\nlines".into()));
    assert_eq!(typed(&mut inside), "two\rlines");
    say(&inside.terminal, "\x1b[?2004h\x1b[?1h");
    desk.workbench.hear(&Event::Paste("p".into()));
    desk.press("up");
    assert_eq!(typed(&mut inside), "\x1b[200~p\x1b[201~\x1bOA");
    desk.press("ctrl-]");
    assert!(
        desk.find("left: E returns, x ends the shell of orders")
            .is_some()
    );
    assert!(desk.find("Logs").is_some(), "{}", desk.text());
    assert_eq!(typed(&mut inside), "");
}

#[test]
fn what_was_left_is_returned_to_or_ended() {
    let (mut desk, inside) = busy(120, 40);
    desk.press("ctrl-]");
    assert_eq!(desk.press("E"), None, "it is not opened again");
    assert!(desk.find("日本.txt").is_some(), "{}", desk.text());
    // Terminals send the same byte for both, and the reader of keys names it so.
    desk.press("ctrl-5");
    desk.press("j");
    desk.press("x");
    assert!(!inside.wish.borrow().end, "only the next key ends it");
    desk.press("k E ctrl-] x");
    assert!(inside.wish.borrow().end);
    assert!(
        desk.find("ending the shell of orders").is_some(),
        "{}",
        desk.text()
    );
    inside.terminal.ended("ended, as you asked");
    assert!(
        matches!(desk.press("E"), Some(Command::GoInside { .. })),
        "another one"
    );
}

#[test]
fn it_is_scrolled_by_keys_and_the_wheel_and_typing_returns() {
    let (mut desk, mut inside) = busy(80, 24);
    let (first, last) = ("line 1 of", "日本");
    assert!(desk.find(first).is_none() && desk.find(last).is_some());
    desk.press("pgup pgup pgup");
    assert!(desk.find(first).is_some() && desk.find("lines up").is_some());
    desk.press("pgdn");
    assert!(desk.find(first).is_none());
    desk.mouse(MouseEventKind::ScrollUp, 10, 10);
    desk.workbench.hear(&Event::Key(KeyEvent::new(
        KeyCode::Home,
        KeyModifiers::SHIFT,
    )));
    desk.redraw();
    assert!(desk.find(first).is_some());
    desk.press("a");
    assert!(desk.find(last).is_some() && desk.find("lines up").is_none());
    assert_eq!(typed(&mut inside), "a");
    // A program that has the whole screen gets the keys and, as arrows, the wheel.
    say(&inside.terminal, "\x1b[?1049hwhole");
    desk.press("pgup");
    desk.mouse(MouseEventKind::ScrollDown, 10, 10);
    assert_eq!(typed(&mut inside), "\x1b[5~\x1b[B\x1b[B\x1b[B");
    say(&inside.terminal, "\x1b[?1000h\x1b[?1006h");
    desk.mouse(MouseEventKind::ScrollDown, 10, 10);
    let told = typed(&mut inside);
    assert!(told.starts_with("\x1b[<65;11;"), "{told:?}");
}

#[test]
fn it_is_as_large_as_its_place_and_a_click_beside_it_leaves() {
    let (mut desk, mut inside) = inside("E", 140, 40);
    inside.terminal.opened("/bin/sh");
    let size = inside.wish.borrow_and_update().size;
    assert_eq!(
        size,
        Some(Size {
            columns: 83,
            rows: 36
        })
    );
    desk.workbench.backend_mut().resize(80, 24);
    desk.redraw();
    let size = inside.wish.borrow_and_update().size;
    assert_eq!(
        size,
        Some(Size {
            columns: 80,
            rows: 21
        })
    );
    desk.workbench.backend_mut().resize(140, 40);
    desk.redraw();
    desk.click("payments");
    assert!(desk.find("Logs").is_some(), "{}", desk.text());
    assert_eq!(inside.wish.borrow().size, None, "nobody looks any more");
}

#[test]
fn nobody_goes_into_what_does_not_run() {
    let mut desk = Desk::new(fixture::starting(), 120, 40);
    for key in ["E", "A", "!"] {
        assert_eq!(desk.press(key), None);
        assert!(
            desk.find("does not run, so nobody can be inside").is_some(),
            "{}",
            desk.text()
        );
    }
}

#[test]
fn an_empty_command_shows_the_last_one_again() {
    let (mut desk, inside) = inside("! l s enter", 80, 24);
    say(&inside.terminal, "app.py\r\n");
    inside.terminal.ended("it ended well: exit code 0");
    desk.press("q");
    assert!(desk.find("app.py").is_none(), "{}", desk.text());
    assert_eq!(desk.press("! enter"), None);
    assert!(desk.find("app.py").is_some());
    desk.press("enter !");
    assert_eq!(desk.press("esc"), None);
    assert!(desk.find("app.py").is_none());
}

#[test]
fn nothing_is_drawn_for_what_nobody_looks_at_or_for_a_key_alone() {
    let (mut desk, inside) = busy(80, 24);
    desk.redraw();
    let frames = desk.workbench.frames();
    desk.workbench
        .hear(&Event::Key(KeyEvent::from(KeyCode::Char('a'))));
    desk.show();
    assert_eq!(
        desk.workbench.frames(),
        frames,
        "what comes of a key is drawn, not the key"
    );
    desk.press("ctrl-]");
    desk.redraw();
    let frames = desk.workbench.frames();
    say(&inside.terminal, "flood\r\n");
    desk.show();
    assert_eq!(desk.workbench.frames(), frames);
}

/// A shell inside `orders`, as the session opens it.
fn shell_of_orders(desk: &Desk) -> terminals::Inside {
    let key = Key {
        service: "orders".into(),
        kind: Kind::Shell,
    };
    let terminals = desk.scene.telemetry.terminals();
    terminals.open(key, 2, None).expect("one")
}

#[test]
fn letters_are_coloured_as_far_as_they_may_be() {
    for name in themes() {
        let mut desk = Desk::with(
            fixture::ready(),
            80,
            24,
            &Options {
                theme: Some(name.to_owned()),
                ..Options::default()
            },
        );
        desk.press("j E");
        let inside = shell_of_orders(&desk);
        let terminal = Arc::clone(&inside.terminal);
        say(&terminal, "\x1b[40mplain\x1b[0m \x1b[37;47mwhite\x1b[0m");
        desk.redraw();
        for words in ["plain", "white"] {
            let cell = desk.cell(words);
            assert_ne!(cell.fg, cell.bg, "{name}: {words}");
        }
    }
    let (desk, _inside) = {
        let mut desk = Desk::with(
            fixture::ready(),
            80,
            24,
            &Options {
                color: false,
                ..Options::default()
            },
        );
        desk.press("j E");
        let inside = shell_of_orders(&desk);
        say(&inside.terminal, "\x1b[31;44mwords\x1b[0m");
        desk.redraw();
        (desk, inside)
    };
    assert_eq!(desk.cell("words").fg, ratatui::style::Color::Reset);
}
