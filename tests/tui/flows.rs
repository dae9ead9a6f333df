//! What keys and the mouse do.

use std::time::Duration;

use boatyard::engine::{Command, Held, Hold, Moment, Phase, Wanted};
use boatyard::runtime::{Input, View};
use boatyard::stack::WatchMode;
use boatyard::telemetry::{Stream, Telemetry};
use crossterm::event::MouseEventKind;
use tokio::time::timeout;

use crate::fixture::{self, Scene};
use crate::harness::Desk;

fn desk(scene: Scene) -> Desk {
    Desk::new(scene, 120, 40)
}

#[test]
fn the_choice_drives_the_other_panes() {
    let mut desk = desk(fixture::ready());
    assert!(desk.find("Logs  web").is_some());
    desk.press("j");
    assert!(desk.find("Logs  orders").is_some());
    assert!(desk.find("Health  orders").is_some());
    assert!(desk.find("Build  orders  #7").is_some());
    desk.press("G");
    assert!(desk.find("Health  db").is_some());
}

#[test]
fn keys_ask_the_engine() {
    let mut desk = desk(fixture::ready());
    let service = || "orders".into();
    desk.press("j");
    assert_eq!(
        desk.press("r"),
        Some(Command::Restart { service: service() })
    );
    assert_eq!(
        desk.press("b"),
        Some(Command::Rebuild { service: service() })
    );
    assert_eq!(desk.press("s"), Some(Command::Stop { service: service() }));
    desk.scene.service("orders").wanted = Wanted::Stopped;
    desk.show();
    assert_eq!(desk.press("s"), Some(Command::Start { service: service() }));
    desk.press("G");
    assert_eq!(desk.press("b"), None, "db has no build");
    assert!(desk.find("db has no build").is_some());
}

#[test]
fn keys_let_edits_wait_and_apply_them() {
    let mut desk = desk(fixture::ready());
    let service = || "orders".into();
    desk.press("j");
    assert_eq!(desk.press("p"), Some(Command::Hold { on: true }));
    assert_eq!(desk.press("u"), None);
    assert!(desk.find("no edits wait").is_some());
    let mode = |mode| Command::SetMode {
        service: service(),
        mode,
    };
    assert_eq!(desk.press("a"), Some(mode(WatchMode::Manual)));
    desk.scene.service("orders").mode = WatchMode::Manual;
    desk.show();
    assert_eq!(desk.press("a"), Some(mode(WatchMode::Auto)));
    let mut desk = self::desk(fixture::on_hold());
    assert!(
        desk.find("on hold  edits wait (orders 3, payments 1)")
            .is_some()
    );
    assert!(desk.find("held 4").is_some(), "in the header");
    assert!(desk.find("held 3").is_some(), "of web");
    assert_eq!(desk.press("p"), Some(Command::Hold { on: false }));
    assert_eq!(
        desk.press("u"),
        Some(Command::Flush { service: None }),
        "web has none, so those of all"
    );
    desk.press("j");
    assert!(desk.find("3 edits wait, u applies them").is_some());
    assert_eq!(
        desk.press("u"),
        Some(Command::Flush {
            service: Some(service())
        })
    );
    assert_eq!(desk.press("U"), Some(Command::Flush { service: None }));
    let asked = desk.press(": a p p l y space a l l enter");
    assert_eq!(asked, Some(Command::Flush { service: None }));
}

#[test]
fn a_job_that_ended_is_started_again() {
    let mut desk = desk(fixture::ready());
    desk.press("j j j");
    assert_eq!(
        desk.press("s"),
        Some(Command::Start {
            service: "seed".into()
        })
    );
}

#[test]
fn every_failure_says_why() {
    for (hold, words) in [
        (
            Hold::GaveUp {
                attempts: 5,
                has_sources: true,
            },
            "✗ db        gave up after 5 tries",
        ),
        (
            Hold::EngineMissing {
                why: "none found".into(),
            },
            "✗ db        needs a container engine",
        ),
        (
            Hold::CannotStart {
                message: "port 5432 is taken".into(),
            },
            "✗ db        cannot start: port 5432 is taken",
        ),
    ] {
        let mut scene = fixture::ready();
        let db = scene.service("db");
        db.runs.clear();
        db.hold = Some(Held {
            hold,
            since: Moment::START,
        });
        let desk = desk(scene);
        assert!(desk.find(words).is_some(), "{words}: {}", desk.text());
    }
}

#[test]
fn the_first_interrupt_stops_and_the_second_kills() {
    let mut desk = desk(fixture::ready());
    assert_eq!(desk.press("ctrl-c"), Some(Command::Quit));
    assert_eq!(desk.press("q"), Some(Command::Quit));
    desk.scene.state.phase = Phase::Stopping {
        since: Moment::START,
        kill: false,
    };
    desk.redraw();
    assert!(desk.find("Ctrl-C kills them").is_some());
    assert_eq!(desk.press("q"), Some(Command::Quit), "q never kills");
    assert_eq!(desk.press("ctrl-c"), Some(Command::Kill));
    desk.press("/");
    assert_eq!(
        desk.press("ctrl-c"),
        Some(Command::Kill),
        "wherever the person is"
    );
}

#[test]
fn scrolling_back_pauses_and_says_how_much_is_new() {
    let mut desk = desk(fixture::ready());
    desk.press("j 2");
    assert!(desk.find("following").is_some());
    desk.press("k k");
    assert!(desk.find("paused").is_some());
    let before = desk.find("GET /orders/17");
    for number in 0..3 {
        desk.scene.say(
            11.0,
            "orders",
            Stream::Stdout,
            &format!("INFO new line {number}"),
        );
    }
    desk.redraw();
    assert!(desk.find("paused, 3 new below").is_some());
    assert!(desk.find("new line 2").is_none());
    assert_eq!(
        desk.find("GET /orders/17"),
        before,
        "what is read does not move"
    );
    desk.press("G");
    assert!(desk.find("following").is_some());
    assert!(desk.find("new line 2").is_some());
    desk.press("g");
    assert!(desk.find("listening on :8000").is_some());
    desk.press("esc");
    assert!(desk.find("following").is_some(), "Esc goes back to the end");
}

#[test]
fn paging_through_shows_every_line_once() {
    let mut scene = fixture::ready();
    scene.telemetry = Telemetry::default().into();
    for number in 0..200 {
        scene.say(
            f64::from(number) / 100.0,
            "web",
            Stream::Stdout,
            &format!("line {number:03}"),
        );
    }
    let mut desk = desk(scene);
    desk.press("2 g");
    assert!(desk.find("line 000").is_some());
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..30 {
        let text = desk.text();
        seen.extend(text.split("line ").skip(1).map(|rest| rest[..3].to_owned()));
        desk.press("pgdn");
    }
    assert_eq!(seen.len(), 200, "{seen:?}");
    assert!(desk.find("following").is_some(), "the end follows");
}

#[test]
fn searching_is_incremental_and_counted() {
    let mut desk = desk(fixture::ready());
    desk.press("j / p a y m e n t");
    assert!(desk.find("5 lines").is_some(), "{}", desk.text());
    desk.press("space s l o w");
    assert!(desk.find("3 lines").is_some(), "{}", desk.text());
    desk.press("x");
    assert!(desk.find("no line has it").is_some());
    desk.press("backspace enter n");
    assert!(desk.find("/payment slow").is_some());
    desk.press("N N N N N N");
    assert!(desk.find("no earlier hit").is_some());
    desk.press("/ esc");
    assert!(
        desk.find("/payment slow").is_some(),
        "Esc keeps the search before"
    );
    desk.press("esc");
    assert!(desk.find("/payment slow").is_none());
}

#[test]
fn a_wrong_filter_says_what_is_wrong_and_changes_nothing() {
    let mut desk = desk(fixture::ready());
    desk.press("j f l e v e l = l o u d");
    assert!(desk.find("loud").is_some());
    assert!(desk.find("(at character").is_some(), "{}", desk.text());
    desk.press("enter");
    assert!(desk.find("only level=loud").is_some(), "it stays open");
    desk.press("esc");
    assert!(desk.find("level=loud").is_none());
    assert!(
        desk.find("POST /orders  sku=tea-20").is_some(),
        "{}",
        desk.text()
    );
}

#[test]
fn filters_show_less_and_marks_stay() {
    let mut desk = desk(fixture::ready());
    desk.press("j 2 e");
    assert!(desk.find("only level>=warn").is_some());
    assert!(desk.find("payment slow").is_some());
    assert!(desk.find("POST /orders  sku").is_none());
    assert!(desk.find("build #7 is live").is_some());
    desk.press("e");
    assert!(desk.find("POST /orders  sku").is_some());
}

#[test]
fn merged_logs_name_who_speaks() {
    let mut desk = desk(fixture::ready());
    desk.press("l");
    assert!(desk.find("Logs  all services").is_some());
    assert!(
        desk.find("payments   charged  amount").is_some(),
        "{}",
        desk.text()
    );
}

#[test]
fn the_palette_does_what_it_finds() {
    let mut desk = desk(fixture::ready());
    let asked = desk.press("j : r e b u i l d enter");
    assert_eq!(
        asked,
        Some(Command::Rebuild {
            service: "orders".into()
        })
    );
    desk.press(": g o space t o space d b enter");
    assert!(desk.find("Health  db").is_some(), "{}", desk.text());
    let before = desk.buffer()[(60, 38)].bg;
    desk.press(": l i g h t enter");
    assert_ne!(desk.buffer()[(60, 38)].bg, before);
    desk.press(": z q x j");
    assert!(desk.find("No action is called so.").is_some());
}

#[test]
fn zoom_and_escape_go_there_and_back() {
    let mut desk = desk(fixture::ready());
    desk.press("2 z");
    assert!(desk.find("Traces ─").is_none());
    desk.press("3");
    assert!(
        desk.find("newest first").is_some(),
        "numbers work while zoomed"
    );
    desk.press("esc");
    assert!(desk.find("Services ─").is_some());
    desk.press("esc ?");
    assert!(desk.find("Keys that work here").is_some());
    desk.press("esc");
    assert!(desk.find("Keys that work here").is_none());
}

#[test]
fn clicks_choose_and_the_wheel_scrolls() {
    let mut desk = desk(fixture::ready());
    desk.click("payments");
    assert!(desk.find("Health  payments").is_some());
    desk.click("GET  /orders/17");
    desk.press("enter");
    assert!(
        desk.find("Traces  GET /orders/17").is_some(),
        "{}",
        desk.text()
    );
    let (column, row) = desk.find("charged").expect("a log line");
    desk.mouse(MouseEventKind::ScrollUp, column, row);
    assert!(desk.find("paused").is_some());
    for _ in 0..20 {
        desk.mouse(MouseEventKind::ScrollDown, column, row);
    }
    assert!(desk.find("following").is_some());
    let mut small = Desk::new(fixture::ready(), 60, 16);
    small.click("3 Traces");
    assert!(small.find("newest first").is_some());
}

#[test]
fn copying_takes_the_line_without_its_frame() {
    let mut desk = desk(fixture::ready());
    desk.press("j 2 y");
    assert!(desk.find("copied: INFO  GET /orders/17").is_some());
}

/// A session in which nothing ages and nothing is asked.
fn quiet() -> Scene {
    let mut scene = fixture::ready();
    scene.telemetry = Telemetry::default().into();
    scene
}

#[tokio::test]
async fn nothing_is_drawn_when_nothing_changed() {
    let mut desk = desk(quiet());
    for _ in 0..10 {
        desk.show();
    }
    assert_eq!(desk.workbench.frames(), 1);
    assert!(
        asks(&mut desk).await.is_some(),
        "the size of the first frame"
    );
    let woken = timeout(Duration::from_millis(150), desk.workbench.next_input()).await;
    assert!(woken.is_err(), "nothing wakes a quiet screen: {woken:?}");
    desk.scene
        .say(12.0, "web", Stream::Stdout, "INFO something new");
    let woken = timeout(Duration::from_secs(5), desk.workbench.next_input()).await;
    assert_eq!(woken, Ok(Input::Show));
    until_drawn(&mut desk, 2).await;
    assert!(desk.find("something new").is_some());
}

#[tokio::test]
async fn a_flood_of_lines_is_drawn_at_a_bounded_pace() {
    let mut desk = desk(quiet());
    let began = std::time::Instant::now();
    for number in 0..5_000 {
        desk.scene
            .say(12.0, "web", Stream::Stdout, &format!("INFO line {number}"));
        desk.show();
    }
    let most = began.elapsed().as_millis() / 33 + 2;
    assert!(u128::from(desk.workbench.frames()) <= most);
    // The last frame of the flood may have it already.
    if desk.find("line 4999").is_none() {
        let drawn = desk.workbench.frames();
        until_drawn(&mut desk, drawn + 1).await;
    }
    assert!(
        desk.find("line 4999").is_some(),
        "the last one is drawn in the end"
    );
}

#[tokio::test]
async fn what_ages_is_drawn_again() {
    let mut desk = desk(fixture::waiting());
    until_drawn(&mut desk, 3).await;
}

async fn until_drawn(desk: &mut Desk, frames: u64) {
    let until = async {
        while desk.workbench.frames() < frames {
            let input = desk.workbench.next_input().await;
            let is_right = matches!(input, Input::Show | Input::Command(Command::Resize(_)));
            assert!(is_right, "{input:?}");
            desk.show();
        }
    };
    timeout(Duration::from_secs(5), until)
        .await
        .expect("it is drawn");
}

/// What the workbench asks for by itself, without a key.
async fn asks(desk: &mut Desk) -> Option<(u16, u16)> {
    let input = timeout(Duration::from_millis(1), desk.workbench.next_input()).await;
    match input {
        Ok(Input::Command(Command::Resize(size))) => Some((size.columns, size.rows)),
        Ok(Input::Show) | Err(_) => None,
        Ok(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn terminals_are_as_large_as_the_room_for_what_they_say() {
    let mut desk = desk(fixture::ready());
    let first = asks(&mut desk).await.expect("the first frame tells it");
    assert!(first.0 < 120 && first.1 < 40, "{first:?}");
    assert_eq!(asks(&mut desk).await, None, "told once");
    desk.press("2 z");
    let alone = asks(&mut desk).await.expect("the pane has grown");
    assert_eq!(
        alone.0,
        120 - 19,
        "all but margins, the time, the level and the scroll bar"
    );
    assert!(alone.1 > first.1);
    desk.press("1");
    assert_eq!(
        asks(&mut desk).await,
        None,
        "a pane that is not shown has no size"
    );
    desk.press("2 z");
    assert_eq!(asks(&mut desk).await, Some(first));
}

#[test]
fn keys_of_ones_own_work_and_are_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys.toml");
    let text = "[panes]\n\"ctrl-r\" = \"restart\"\nr = \"none\"\n[logs]\nx = \"serach\"\n[list]\n";
    std::fs::write(&keys, text).expect("written");
    let options = boatyard::tui::Options {
        keys: Some(keys.clone()),
        ..boatyard::tui::Options::default()
    };
    let mut desk = Desk::with(fixture::ready(), 140, 60, &options);
    let place = format!("{}:5:1: `serach` is no action", keys.display());
    let told = desk.find("and 1 more, which ? lists").is_some() || desk.find(&place).is_some();
    assert!(told, "{}", desk.text());
    assert_eq!(desk.press("r"), None);
    assert!(desk.find("`serach` is").is_none(), "told once");
    let restart = Command::Restart {
        service: "web".into(),
    };
    assert_eq!(desk.press("ctrl-r"), Some(restart));
    desk.press("k");
    assert!(desk.find("ctrl-r restart").is_some(), "in the footer");
    desk.press("?");
    assert!(desk.find("Your own keys").is_some(), "{}", desk.text());
    assert!(desk.find("`list` is no place").is_some(), "{}", desk.text());
    assert!(desk.find("ctrl-r            restart the service").is_some());
    desk.press("esc : r e s t a r t");
    assert!(desk.find("ctrl-r").is_some(), "in the palette");
}

#[test]
fn lines_and_failed_builds_are_opened_in_an_editor() {
    let mut desk = desk(fixture::ready());
    desk.press("2 ctrl-e");
    // Nothing there names a file of this machine; which editor it is depends on who runs the test.
    assert!(
        desk.find("the lines, at line ").is_some(),
        "{}",
        desk.text()
    );
    desk.press("5 ctrl-e");
    assert!(desk.find("no build of web failed").is_some());
    desk.press("3 ctrl-e");
    assert!(
        desk.find("names a file to be opened").is_some(),
        "{}",
        desk.text()
    );
}
