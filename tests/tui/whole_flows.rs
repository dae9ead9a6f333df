//! The panes that have the whole screen: where they lead, and back.

use boatyard::engine::{Notice, Noticed};

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
fn copying_takes_all_of_a_notice() {
    let mut desk = desk();
    desk.press("9 / c o l l e c t i n g enter y");
    assert!(
        desk.find("copied: build #5 failed").is_some(),
        "{}",
        desk.text()
    );
}
