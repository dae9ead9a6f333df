//! What was typed before is there again: in prompts, under names, and in the next session.

use std::path::Path;

use boatyard::tui::Options;

use crate::fixture;
use crate::harness::Desk;

fn desk(folder: &Path) -> Desk {
    let options = Options {
        state: Some(folder.to_owned()),
        ..Options::default()
    };
    Desk::with(fixture::said_much(), 120, 40, &options)
}

#[test]
fn lines_typed_before_come_back_in_the_next_session_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut desk = desk(folder.path());
    desk.press("j 2 z f c h a r g e d enter f ctrl-u o r d e r enter");
    desk.press("f ctrl-u x up");
    assert!(desk.find("only order").is_some(), "{}", desk.text());
    desk.press("ctrl-p");
    assert!(desk.find("only charged").is_some());
    desk.press("ctrl-p");
    assert!(desk.find("only charged").is_some(), "there is no older one");
    desk.press("down ctrl-n");
    assert!(desk.find("only x").is_some(), "what was typed is not lost");
    desk.press("esc / o r enter / up");
    assert!(
        desk.find(" / or").is_none(),
        "while searching, up goes to a hit"
    );
    desk.press("ctrl-p");
    assert!(desk.find(" / or").is_some(), "{}", desk.text());
    desk.press("esc");
    drop(desk);
    let mut desk = self::desk(folder.path());
    desk.press("2 f ctrl-p");
    assert!(desk.find("only order").is_some(), "{}", desk.text());
    assert!(desk.find("(order)").is_none());
    desk.press("esc @ ctrl-p");
    assert!(desk.find("go to order").is_none(), "each kind has its own");
}

#[test]
fn a_filter_gets_a_name_is_picked_by_it_and_forgotten() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut desk = desk(folder.path());
    desk.press("* 2 z f ctrl-s");
    assert!(desk.find("only ").is_some(), "nothing typed has no name");
    desk.press("l e v e l > = e r r o r ctrl-s");
    assert!(
        desk.find("name of level>=error").is_some(),
        "{}",
        desk.text()
    );
    desk.press("b a d enter");
    assert!(desk.find("kept as “bad”").is_some());
    assert!(
        desk.find("Logs  web  only level>=error").is_some(),
        "it is in force too"
    );
    desk.press("f ctrl-u enter 3 f m s > 5 ctrl-s s l o w enter");
    drop(desk);
    let mut desk = self::desk(folder.path());
    desk.press("*");
    for words in [
        "filter logs, bad: level>=error",
        "filter traces, slow: ms>5",
    ] {
        assert!(desk.find(words).is_some(), "{}", desk.text());
    }
    desk.press("b a d enter");
    assert!(desk.find("only level>=error").is_some(), "{}", desk.text());
    desk.press("1 : s l o w enter");
    assert!(desk.find("only ms>5").is_some(), "{}", desk.text());
    desk.press("* s l o w ctrl-d");
    assert!(desk.find("filter traces, slow").is_none());
    desk.press("esc * b a d down down esc");
    assert!(desk.find("Filters and searches").is_none());
}

#[test]
fn a_secret_is_not_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut scene = fixture::said_much();
    let stack = std::sync::Arc::make_mut(&mut scene.state.stack);
    stack.redact.push("hunter22".into());
    let options = Options {
        state: Some(folder.path().to_owned()),
        ..Options::default()
    };
    let mut desk = Desk::with(scene, 120, 40, &options);
    desk.press(
        "2 f h u n t e r 2 2 enter f ctrl-u f i n e enter f ctrl-u h u n t e r 2 2 ctrl-s n enter",
    );
    assert!(
        desk.find("there is a secret in it").is_some(),
        "{}",
        desk.text()
    );
    drop(desk);
    let kept = std::fs::read_to_string(folder.path().join("typed.json")).expect("a file");
    assert!(
        kept.contains("fine") && !kept.contains("hunter22"),
        "{kept}"
    );
}
