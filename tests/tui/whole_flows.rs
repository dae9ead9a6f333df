//! The panes that have the whole screen: where they lead, and back.

use boatyard::engine::{Notice, Noticed};
use boatyard::tui::{Options, themes};
use crossterm::event::{MouseButton, MouseEventKind};
use ratatui::style::Modifier;

use crate::fixture;
use crate::harness::Desk;

fn desk() -> Desk {
    Desk::new(fixture::told(), 120, 40)
}

#[test]
fn a_notice_leads_to_what_it_is_about_and_back() {
    let mut desk = desk();
    desk.press("9 / # 5 space f a i l e d enter enter");
    assert!(desk.find("▌Build").is_some(), "{}", desk.text());
    assert!(desk.find("▌Build  orders").is_some(), "{}", desk.text());
    desk.press("esc");
    assert!(desk.find("▌Notices").is_some(), "{}", desk.text());
    desk.press("esc");
    assert!(desk.find("▌Services").is_some(), "{}", desk.text());
    assert!(desk.find("Logs  web").is_some(), "who was chosen before");
}

#[test]
fn esc_returns_to_the_place_that_was_left_however_long_the_way() {
    let mut desk = desk();
    // From an open trace to its logs, to the map, to the notices, to a build; and all the way back.
    desk.press("3 enter");
    let trace = desk.find("▌Trace").is_some();
    desk.press("L");
    assert!(desk.find("▌Logs").is_some(), "{}", desk.text());
    desk.press("6");
    assert!(desk.find("map of services").is_some());
    desk.press("9 / # 5 space f a i l e d enter enter");
    assert!(desk.find("▌Build  orders").is_some(), "{}", desk.text());
    desk.press("esc");
    assert!(desk.find("▌Notices").is_some(), "{}", desk.text());
    desk.press("esc");
    assert!(desk.find("map of services").is_some(), "{}", desk.text());
    desk.press("esc");
    assert!(desk.find("▌Logs").is_some(), "{}", desk.text());
    desk.press("esc");
    assert_eq!(desk.find("▌Trace").is_some(), trace);
    assert!(desk.find("took").is_some(), "{}", desk.text());
    desk.press("esc");
    assert!(desk.find("took").is_none(), "{}", desk.text());
    assert!(desk.find("▌Traces").is_some(), "the list");
    // Whoever goes elsewhere by hand comes from nowhere, and has all panes again.
    desk.press("6 2");
    assert!(desk.find("▌Logs").is_some() && desk.find("Services").is_some());
    desk.press("esc");
    assert!(desk.find("▌Services").is_some(), "{}", desk.text());
}

#[test]
fn a_run_that_ended_leads_to_its_last_lines() {
    let mut desk = desk();
    desk.press("2 9 / # 2 space o u t enter enter");
    assert!(desk.find("▌Logs  payments").is_some(), "{}", desk.text());
    assert!(desk.find("E out of memory").is_some());
    desk.press("esc esc");
    assert!(desk.find("▌Logs").is_some(), "where 9 was pressed");
}

#[test]
fn what_leads_nowhere_says_so() {
    let mut desk = desk();
    desk.press("9 enter");
    assert!(desk.find("all that is known of it stands here").is_some());
    assert!(desk.find("▌Notices").is_some());
}

#[test]
fn problems_alone_and_all_again() {
    let mut desk = desk();
    desk.press("9 e");
    assert!(desk.find("only level>=warn").is_some());
    assert!(desk.find("session").is_none() || desk.find("shop: 5").is_none());
    assert!(desk.find("build #5 failed").is_some());
    desk.press("e g");
    assert!(desk.find("shop: 5 services").is_some());
}

#[test]
fn an_empty_list_says_why() {
    let mut desk = Desk::new(fixture::starting(), 80, 24);
    desk.press("9");
    assert!(desk.find("Nothing has happened yet").is_some());
    let mut desk = self::desk();
    desk.press("9 f n o p e enter");
    assert!(desk.find("No notice passes “nope”").is_some());
}

#[test]
fn new_notices_do_not_move_what_is_read() {
    let mut desk = desk();
    desk.press("9 k k k");
    let before = desk.find("▸");
    let notice = Notice::Solo { on: true };
    let at = fixture::at(13.0);
    desk.scene.notices = vec![Noticed { at, notice }];
    desk.tell_again();
    assert_eq!(desk.find("▸"), before);
    assert!(desk.find("paused, 1 new below").is_some());
    desk.press("G");
    assert!(desk.find("following").is_some());
    assert!(desk.find("front doors let one request in").is_some());
}

#[test]
fn the_timeline_tells_what_the_start_waited_for() {
    let mut desk = desk();
    desk.press("8");
    let path =
        "all ready after 4.9 s; longest wait: db 2.1 s → seed 900 ms → orders 700 ms → web 1.2 s";
    assert!(desk.find(path).is_some(), "{}", desk.text());
    for on_it in ["»● db", "»✓ seed", "»● orders"] {
        assert!(desk.find(on_it).is_some(), "{on_it}");
    }
    assert!(desk.find("»● payments").is_none());
    let axis = desk.find("▄▄▂").expect("a run that became ready");
    let style = desk.buffer()[axis].modifier;
    assert!(style.contains(Modifier::BOLD | Modifier::UNDERLINED));
}

#[test]
fn the_cursor_goes_along_events_and_leads_to_them() {
    let mut desk = desk();
    desk.press("j 8 left");
    assert!(
        desk.find("orders live in 1.2 s").is_some(),
        "{}",
        desk.text()
    );
    desk.press("left left left left");
    assert!(desk.find("stands still").is_some());
    while desk.find("orders build #5 failed").is_none() {
        desk.press("left");
        assert!(desk.find("no earlier event").is_none(), "{}", desk.text());
    }
    desk.press("enter");
    assert!(desk.find("▌Build  orders").is_some(), "{}", desk.text());
    desk.press("esc");
    assert!(desk.find("▌Timeline").is_some() && desk.find("build #5 failed").is_some());
    desk.press("G");
    assert!(desk.find("follows now").is_some());
    desk.press("esc");
    assert!(desk.find("▌Services").is_some());
}

#[test]
fn errors_in_logs_lead_to_the_logs_of_that_time() {
    let mut desk = desk();
    desk.press("j j 8");
    while desk.find("errors in its logs").is_none() {
        desk.press("left");
        assert!(desk.find("no earlier event").is_none(), "{}", desk.text());
    }
    desk.press("enter");
    assert!(desk.find("▌Logs  payments").is_some(), "{}", desk.text());
    assert!(desk.find("E out of memory").is_some());
}

#[test]
fn a_click_on_the_axis_goes_there() {
    let mut desk = desk();
    desk.press("8");
    let (column, row) = desk.find("▆✗").expect("a failed build");
    desk.mouse(MouseEventKind::Down(MouseButton::Left), column + 1, row);
    assert!(desk.find("build #5 failed").is_some(), "{}", desk.text());
}

#[test]
fn a_timeline_of_nothing_says_so() {
    let mut desk = Desk::new(fixture::starting(), 80, 24);
    desk.press("8");
    assert!(desk.find("No service has become ready yet").is_some());
    assert!(desk.find("nothing has happened to it yet").is_some());
    desk.press("left");
    assert!(desk.find("no earlier event of web").is_some());
}

#[test]
fn the_signs_of_the_timeline_are_seen_in_every_theme() {
    for name in themes() {
        let options = Options {
            theme: Some(name.to_owned()),
            ..Options::default()
        };
        let mut desk = Desk::with(fixture::told(), 140, 40, &options);
        desk.press("8");
        let ground = desk.cell("longest wait").bg;
        for sign in [
            "· waits",
            "▄ starting",
            "▂ ready",
            "▆ build",
            "✗ failed",
            "e errors",
        ] {
            assert_ne!(desk.cell(sign).fg, ground, "{name} {sign}");
        }
    }
}

#[test]
fn copying_takes_all_of_a_notice() {
    let mut desk = desk();
    desk.press("9 / c o l l e c t i n g enter y");
    assert!(
        desk.find("copied: build #5 failed").is_some(),
        "{}",
        desk.text()
    );
}

#[test]
fn the_map_shows_very_many_services_and_goes_along_them() {
    for (width, height) in [(80, 24), (140, 40)] {
        let mut desk = Desk::new(fixture::twelve(), width, height);
        desk.press("6");
        for place in 0..12 {
            let name = format!("service-{place:02}");
            assert!(desk.find(&name).is_some(), "{name} on\n{}", desk.text());
        }
    }
    let mut desk = Desk::new(fixture::fifty_seven(), 80, 24);
    desk.press("6");
    for place in 0..57 {
        let name = format!("● service-{place:02}");
        let waits = format!("◌ service-{place:02}");
        let is_seen = desk.find(&name).is_some() || desk.find(&waits).is_some();
        assert!(is_seen, "{name} on\n{}", desk.text());
        desk.press("j");
    }
}

#[test]
fn the_map_says_what_a_service_waits_for() {
    let mut desk = Desk::new(fixture::waiting(), 140, 40);
    desk.press("6");
    assert!(
        desk.find("waits for db: not healthy yet").is_some(),
        "{}",
        desk.text()
    );
}
