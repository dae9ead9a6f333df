//! All about one service, and what all of them use: what it looks like, and what its keys do.

use boatyard::tui::Options;
use crossterm::event::MouseEventKind;

use crate::fixture::{self, Scene};
use crate::harness::Desk;

type Picture = (&'static str, fn() -> Scene, &'static str);

const PICTURES: &[Picture] = &[
    ("details", fixture::detailed, "j i"),
    ("details_end", fixture::detailed, "j i G"),
    ("details_process", fixture::detailed, "7"),
    ("details_crash", fixture::detailed_crash, "j j i"),
    ("details_waiting", fixture::waiting, "i"),
    ("details_searched", fixture::detailed, "j i / t o k e n"),
    ("stats", fixture::detailed, "j i i"),
    ("stats_crash", fixture::detailed_crash, "j j i i"),
];

#[test]
fn pictures() {
    for (name, scene, keys) in PICTURES {
        for (width, height) in [(120, 40), (80, 24), (40, 12)] {
            let mut desk = Desk::new(scene(), width, height);
            desk.press(keys);
            insta::assert_snapshot!(format!("{name}_{width}x{height}"), desk.text());
        }
    }
}

/// Every line of the details of a container with much set, on a screen that has room for all of them.
#[test]
fn all_that_is_set_is_told() {
    let mut desk = Desk::new(fixture::detailed(), 110, 110);
    desk.press("j i");
    insta::assert_snapshot!("details_whole", desk.text());
    let text = desk.text();
    for secret in ["hunter2", "tok-4711", "npm-4711", ":pw@", "sk_live_42"] {
        assert!(!text.contains(secret), "{secret} is shown:\n{text}");
    }
}

#[test]
fn what_is_not_set_is_left_out() {
    let mut desk = Desk::new(fixture::ready(), 110, 110);
    desk.press("G i");
    let text = desk.text();
    assert!(text.contains("postgres:16"), "{text}");
    assert!(text.contains("PORT  5432, given by Boatyard"), "{text}");
    for heading in ["Files", "Limits", "Rights", "Labels", "Last end", "none"] {
        assert!(!text.contains(heading), "{heading} is told:\n{text}");
    }
}

#[test]
fn it_opens_from_everywhere_and_goes_back_there() {
    for (keys, there) in [
        ("1", "▌Services"),
        ("2 z", "▌Logs"),
        ("3 enter", "▌Traces"),
        ("6", "▌Traces"),
        ("5", "▌Build"),
    ] {
        for open in ["i", "7"] {
            let mut desk = Desk::new(fixture::detailed(), 140, 40);
            desk.press(keys);
            let before = desk.text();
            assert!(before.contains(there), "{before}");
            desk.press(open);
            assert!(desk.text().contains("▌Details"), "{}", desk.text());
            desk.press("j j esc");
            assert_eq!(desk.text(), before, "after {keys} {open}");
        }
    }
}

#[test]
fn it_toggles_with_what_all_use() {
    let mut desk = Desk::new(fixture::detailed(), 120, 40);
    desk.press("i i");
    assert!(desk.text().contains("what all use"), "{}", desk.text());
    // There the keys choose a service, and its details follow.
    desk.press("j i");
    assert!(desk.text().contains("Details  orders"), "{}", desk.text());
    desk.press("i j enter");
    assert!(desk.text().contains("Details  payments"));
    desk.press("i esc");
    assert!(desk.text().contains("▌Services"), "{}", desk.text());
    // It begins with the details again.
    desk.press("i");
    assert!(desk.text().contains("Details  payments"));
}

#[test]
fn other_services_are_a_key_away() {
    let mut desk = Desk::new(fixture::detailed(), 120, 40);
    desk.press("i right");
    assert!(desk.text().contains("Details  orders"), "{}", desk.text());
    desk.press("left left left");
    assert!(desk.text().contains("Details  web"), "{}", desk.text());
    // From a service that is needed to it.
    desk.press("/ m u s t enter enter");
    assert!(desk.text().contains("Details  orders"), "{}", desk.text());
    desk.press("g enter");
    assert!(desk.text().contains("leads nowhere"), "{}", desk.text());
}

#[test]
fn the_chosen_lines_value_is_copied() {
    let mut desk = Desk::new(fixture::detailed(), 120, 40);
    desk.press("j i / f r o n t enter y");
    assert!(
        desk.text().contains("copied: 127.0.0.1:8082"),
        "{}",
        desk.text()
    );
    desk.press("/ A P I _ T enter y");
    assert!(desk.text().contains("copied: ***"), "{}", desk.text());
    desk.press("i y");
    assert!(
        desk.text().contains("copied: orders: cpu"),
        "{}",
        desk.text()
    );
}

#[test]
fn a_search_goes_from_line_to_line() {
    let mut desk = Desk::new(fixture::detailed(), 120, 40);
    desk.press("j i / p a y m e n t s");
    assert!(desk.text().contains("2 lines have it"), "{}", desk.text());
    desk.press("enter");
    let first = desk.find("▸ payments");
    assert!(first.is_some(), "{}", desk.text());
    desk.press("n");
    assert!(desk.find("▸ PAYMENTS_URL").is_some(), "{}", desk.text());
    desk.press("n");
    assert!(desk.find("▸ payments").is_some(), "{}", desk.text());
    // The first esc forgets the search, the next goes back.
    desk.press("esc");
    assert!(desk.text().contains("▌Details"));
    desk.press("esc");
    assert!(desk.text().contains("▌Services"));
    desk.press("i / q q q q");
    assert!(desk.text().contains("stands nowhere"), "{}", desk.text());
}

#[test]
fn it_stands_beside_the_services_where_there_is_room() {
    let mut desk = Desk::new(fixture::detailed(), 140, 40);
    desk.press("i z");
    let text = desk.text();
    assert!(
        text.contains("▌Details") && text.contains("Services"),
        "{text}"
    );
    // The list drives it.
    desk.press("1 j");
    let text = desk.text();
    assert!(
        text.contains("▌Services") && text.contains("Details  orders"),
        "{text}"
    );
    desk.press("2");
    assert!(!desk.text().contains("Details  orders"), "{}", desk.text());
}

#[test]
fn another_pane_is_seen_as_before() {
    let mut desk = Desk::new(fixture::detailed(), 140, 40);
    desk.press("j 3");
    let before = desk.text();
    desk.press("1 i 3");
    assert_eq!(desk.text(), before);
}

#[test]
fn the_mouse_chooses_lines_and_scrolls() {
    let mut desk = Desk::new(fixture::detailed(), 120, 40);
    desk.press("j i");
    desk.click("built from");
    assert!(desk.find("▸ built from").is_some(), "{}", desk.text());
    for _ in 0..200 {
        desk.mouse(MouseEventKind::ScrollDown, 10, 10);
    }
    assert!(desk.find("▸ team").is_some(), "{}", desk.text());
    desk.press("i");
    desk.click("db");
    assert!(desk.find("▸ ● db").is_some(), "{}", desk.text());
    desk.click("web");
    assert!(desk.find("▸ ● web").is_some(), "{}", desk.text());
}

#[test]
fn many_services_scroll_and_the_chosen_one_is_told_below() {
    let mut scene = fixture::detailed();
    let (_, template) = scene.state.services.get_index(1).expect("there is one");
    let template = template.clone();
    for number in 0..60 {
        let name = boatyard::stack::ServiceName::new(format!("extra-{number}"));
        let mut service = boatyard::stack::Service::clone(&template.service);
        service.name = name.clone();
        let mut state = template.clone();
        state.service = std::sync::Arc::new(service);
        scene.state.services.insert(name, state);
    }
    let mut desk = Desk::new(scene, 100, 30);
    desk.press("i i G");
    let text = desk.text();
    assert!(
        text.contains("▸ ● extra-59") && text.contains("extra-59  ready"),
        "{text}"
    );
    assert!(!text.contains("extra-3 "), "{text}");
    desk.click("extra-50");
    assert!(desk.find("▸ ● extra-50").is_some(), "{}", desk.text());
    desk.press("g");
    assert!(desk.text().contains("▸ ● web"), "{}", desk.text());
}

#[test]
fn without_colours_signs_and_words_tell_everything() {
    let options = Options {
        color: false,
        ..Options::default()
    };
    let mut desk = Desk::with(fixture::detailed_crash(), 100, 60, &options);
    desk.press("j j i");
    let text = desk.text();
    assert!(text.contains("ran out of memory"), "{text}");
    assert!(text.contains("3 in a row"), "{text}");
    desk.press("left");
    assert!(desk.text().contains("✗ must be ready"), "{}", desk.text());
}
