//! How the screen is laid out, what moves its dividers, and what of it is there again the next time.

use boatyard::tui::Options;
use crossterm::event::{MouseButton, MouseEventKind};

use crate::fixture;
use crate::harness::Desk;

fn desk(width: u16, height: u16) -> Desk {
    Desk::new(fixture::ready(), width, height)
}

#[test]
fn layouts_come_round() {
    let mut desk = desk(120, 40);
    desk.press("2 Z");
    insta::assert_snapshot!("layout_focus_120x40", desk.text());
    desk.press("3");
    assert!(desk.find("▌Traces").is_some() && desk.find("Services").is_some());
    assert!(desk.find("Logs  ").is_none(), "{}", desk.text());
    // Alone and back; what is seen below is the layout that was chosen.
    desk.press("z");
    assert!(desk.find("▸● web").is_none(), "{}", desk.text());
    desk.press("esc");
    assert!(desk.find("▸● web").is_some(), "{}", desk.text());
    assert!(desk.find("Health  web").is_none(), "{}", desk.text());
    desk.press("Z");
    assert!(desk.find("▸● web").is_none() && desk.find("Traces  ").is_none());
    assert!(desk.find("the logs alone").is_some());
    desk.press("Z");
    assert!(desk.find("Health  web").is_some() && desk.find("▸● web").is_some());
    // A jump that takes the whole screen gives this layout back, too, whichever way it is left.
    desk.press("Z 2 i 3");
    assert!(desk.find("▌Traces").is_some() && desk.find("▸● web").is_some());
    desk.press("6 esc");
    assert!(desk.find("▌Traces").is_some() && desk.find("▸● web").is_some());
    desk.press("i z");
    assert!(desk.find("▌Details").is_some() && desk.find("▸● web").is_some());
    assert!(desk.find("Health  web").is_none(), "{}", desk.text());
    let mut narrow = self::desk(80, 24);
    narrow.press("2 Z");
    insta::assert_snapshot!("layout_focus_80x24", narrow.text());
}

#[test]
fn dividers_are_dragged_and_moved_by_keys() {
    let mut desk = desk(140, 40);
    let (before, row) = desk.find("Logs  web").expect("the logs");
    let divider = before - 2;
    desk.mouse(MouseEventKind::Down(MouseButton::Left), divider, row + 5);
    desk.mouse(
        MouseEventKind::Drag(MouseButton::Left),
        divider + 20,
        row + 9,
    );
    desk.mouse(MouseEventKind::Up(MouseButton::Left), divider + 20, row + 9);
    assert_eq!(desk.find("Logs  web"), Some((before + 20, row)));
    // It is let go, and lines are chosen by dragging as ever.
    desk.mouse(MouseEventKind::Drag(MouseButton::Left), divider, row + 9);
    assert_eq!(desk.find("Logs  web"), Some((before + 20, row)));
    desk.press("ctrl-left ctrl-left");
    assert_eq!(desk.find("Logs  web"), Some((before + 16, row)));

    let (column, traces) = desk.find("Traces").expect("the traces");
    desk.mouse(MouseEventKind::Down(MouseButton::Left), column + 3, traces);
    assert!(
        desk.find("▌Traces").is_some(),
        "a click on a title goes there"
    );
    desk.mouse(MouseEventKind::Drag(MouseButton::Left), column, traces - 6);
    desk.mouse(MouseEventKind::Up(MouseButton::Left), column, traces - 6);
    let at = |desk: &Desk| desk.find("▌Traces").map(|(_, row)| row);
    assert_eq!(at(&desk), Some(traces - 6));
    desk.press("ctrl-down");
    assert_eq!(at(&desk), Some(traces - 5));
    // However far it is drawn, both sides can be read.
    desk.mouse(MouseEventKind::Down(MouseButton::Left), column, traces - 5);
    desk.mouse(MouseEventKind::Drag(MouseButton::Left), column, 0);
    desk.mouse(MouseEventKind::Up(MouseButton::Left), column, 0);
    assert!(desk.find("Logs  web").is_some() && desk.find("▌Traces").is_some());
    desk.press("=");
    assert_eq!(desk.find("Logs  web"), Some((before, row)));
    assert_eq!(at(&desk), Some(traces));
}

#[test]
fn the_screen_is_as_it_was_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options {
        state: Some(folder.path().join("stack")),
        ..Options::default()
    };
    let again = || Desk::with(fixture::ready(), 140, 40, &options);
    let mut desk = again();
    let usual = desk.find("Logs  web").expect("the logs");
    desk.press("j space 2 w d l m ctrl-right t");
    let theme = desk.buffer()[(0, 0)].bg;
    drop(desk);
    let mut desk = again();
    assert_eq!(desk.buffer()[(0, 0)].bg, theme, "the theme");
    let (column, _) = desk.find("Logs  orders").expect("the marked service's");
    assert_eq!(column, usual.0 + 2, "{}", desk.text());
    assert!(desk.find("▸● orders").is_some() || desk.find("orders").is_some());
    desk.press("m");
    assert!(desk.find("the mouse works here again").is_some());
    desk.press("2 d");
    assert!(desk.find("no times").is_some(), "they told since when");
    // A file that is damaged, or names what is not there, does no harm.
    let file = options.state.as_ref().expect("a folder").join("view.json");
    drop(desk);
    std::fs::write(
        file,
        "{\"layout\": 3, \"chosen\": \"gone\", \"marked\": [\"gone\"], \"theme\": \"gone\"}",
    )
    .expect("written");
    let desk = again();
    assert_eq!(desk.find("Logs  web"), Some(usual));
}

#[test]
fn a_theme_that_is_asked_for_goes_before_the_one_that_was_chosen() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut options = Options {
        state: Some(folder.path().to_owned()),
        ..Options::default()
    };
    let first = |options: &Options| Desk::with(fixture::ready(), 120, 40, options);
    let mut desk = first(&options);
    let usual = desk.buffer()[(0, 0)].bg;
    desk.press(": d a y m a r k enter");
    let chosen = desk.buffer()[(0, 0)].bg;
    assert_ne!(usual, chosen, "{}", desk.text());
    drop(desk);
    assert_eq!(first(&options).buffer()[(0, 0)].bg, chosen);
    options.theme = Some("harbor-dark".into());
    assert_eq!(first(&options).buffer()[(0, 0)].bg, usual);
    // Nothing was forgotten by that, and one can go back to the terminal's.
    options.theme = None;
    let mut desk = first(&options);
    assert_eq!(desk.buffer()[(0, 0)].bg, chosen);
    desk.press(": t e r m i n a l space h a s enter");
    assert_eq!(desk.buffer()[(0, 0)].bg, usual, "{}", desk.text());
    drop(desk);
    assert_eq!(first(&options).buffer()[(0, 0)].bg, usual);
}
