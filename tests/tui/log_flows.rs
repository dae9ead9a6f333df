//! What keys and the mouse do in the logs.

use boatyard::telemetry::{Stream, Telemetry};
use crossterm::event::{MouseButton, MouseEventKind};

use crate::fixture::{self, Scene};
use crate::harness::Desk;
use crate::until::until;

fn desk() -> Desk {
    Desk::new(fixture::said_much(), 120, 40)
}

/// The line of the screen on which the cursor is.
fn at(desk: &Desk) -> String {
    let text = desk.text();
    let at = text.lines().skip(2).find(|line| line.starts_with('▸'));
    at.unwrap_or_else(|| panic!("no cursor on\n{text}"))
        .to_owned()
}

#[test]
fn messages_of_several_lines_are_one_until_unfolded() {
    let mut desk = desk();
    desk.press("j 2 z {");
    assert!(
        at(&desk).contains("ValueError: card \"visa 42\" was refused  +6 lines"),
        "{}",
        at(&desk)
    );
    assert!(desk.find("Traceback").is_none());
    desk.press("j");
    assert!(
        at(&desk).contains("POST /orders HTTP/1.1"),
        "it is moved over as one"
    );
    desk.press("k o");
    assert!(desk.find("│ Traceback (most recent call last):").is_some());
    assert!(desk.find("│     raise Refused(order.card)").is_some());
    desk.press("j j");
    assert!(
        at(&desk).contains("File \"/app/app.py\", line 41"),
        "{}",
        at(&desk)
    );
    desk.press("o");
    assert!(
        at(&desk).contains("+6 lines"),
        "folded from any of its rows"
    );
    desk.press("]");
    assert!(desk.find("│ Traceback").is_some());
    desk.press("[");
    assert!(desk.find("│ Traceback").is_none());
}

#[test]
fn errors_are_gone_to_message_by_message() {
    let mut desk = desk();
    desk.press("l 2 z {");
    assert!(at(&desk).contains("order failed"), "{}", at(&desk));
    desk.press("{");
    assert!(desk.find("no earlier error").is_some());
    desk.press("}");
    assert!(desk.find("no later error").is_some());
    desk.press("g }");
    assert!(at(&desk).contains("order failed"), "{}", at(&desk));
}

#[test]
fn a_filter_finds_whole_messages() {
    let mut desk = desk();
    desk.press("j 2 z f V a l u e E r r o r enter");
    assert!(
        desk.find("order failed · ValueError").is_some(),
        "{}",
        desk.text()
    );
    assert!(desk.find("POST /orders").is_none());
    desk.press("f ctrl-u f i e l d . u s e r . i d = 1 7 enter");
    assert!(desk.find("order placed").is_some(), "{}", desk.text());
    assert!(desk.find("listening").is_none());
}

#[test]
fn what_lies_around_what_a_filter_finds_is_shown_on_a_key() {
    let mut scene: Scene = fixture::ready();
    scene.telemetry = Telemetry::default().into();
    for number in 0..300 {
        let at = f64::from(number) / 50.0;
        let level = if number % 100 == 50 { "ERROR" } else { "INFO" };
        scene.say(
            at,
            "web",
            Stream::Stdout,
            &format!("{level} line {number:03}"),
        );
    }
    let mut desk = Desk::new(scene, 80, 24);
    desk.press("2 z +");
    assert!(desk.find("there is no filter").is_some(), "{}", desk.text());
    desk.press("e");
    assert!(desk.find("line 150").is_some() && desk.find("line 149").is_none());
    desk.press("+ +");
    assert!(desk.find("±2").is_some());
    for line in [
        "line 048", "line 050", "line 052", "line 152", "line 248", "line 252",
    ] {
        assert!(desk.find(line).is_some(), "{line} of\n{}", desk.text());
    }
    assert!(desk.find("line 053").is_none());
    assert!(desk.find("⋯ 95 lines ⋯").is_some(), "{}", desk.text());
    assert_ne!(
        desk.cell("line 050").fg,
        desk.cell("line 051").fg,
        "context recedes"
    );
    // It is moved through like any other lines.
    desk.press("k k k k k");
    assert!(at(&desk).contains("line 152"), "{}", at(&desk));
    desk.press("G / l i n e space 1 5 [ 0 1 2 ] enter");
    assert!(at(&desk).contains("line 152"), "{}", at(&desk));
    assert!(desk.find("1 line that passes").is_some());
    for line in ["line 151", "line 150"] {
        desk.press("N");
        assert!(at(&desk).contains(line), "{}", at(&desk));
    }
    desk.press("N");
    assert!(desk.find("no earlier hit").is_some());
    for line in ["line 151", "line 152"] {
        desk.press("n");
        assert!(at(&desk).contains(line), "{}", at(&desk));
    }
    desk.press("G - -");
    assert!(desk.find("only what the filter lets pass").is_some());
    assert!(desk.find("line 149").is_none() && desk.find("⋯").is_none());
}

#[test]
fn the_scroll_bar_tells_when_was_said_how_much_and_leads_there() {
    let mut scene: Scene = fixture::ready();
    scene.telemetry = Telemetry::default().into();
    for number in 0..400 {
        // Much at first, then little.
        let at = if number < 300 {
            number
        } else {
            300 + (number - 300) * 20
        };
        let level = if number == 310 { "ERROR" } else { "INFO" };
        let words = format!("{level} line {number:03}");
        scene.say(f64::from(at) / 10.0, "web", Stream::Stdout, &words);
    }
    let mut desk = Desk::new(scene, 80, 26);
    desk.press("2 z");
    let bar = |desk: &Desk, column: u16| -> Vec<String> {
        (3..25)
            .map(|row| desk.buffer()[(column, row)].symbol().to_owned())
            .collect()
    };
    let said = bar(&desk, 79);
    assert_eq!(said[0], "█", "{}", desk.text());
    assert_eq!(said[20], "▎", "{said:?}");
    let signs = bar(&desk, 78);
    assert_eq!(
        signs.iter().filter(|sign| *sign == "!").count(),
        1,
        "{signs:?}"
    );
    assert_eq!(signs[21], "┃", "the end is seen: {signs:?}");
    assert_eq!(signs[15], "│");
    // Clicks go to a time; the window is seen to be there.
    desk.mouse(MouseEventKind::Down(MouseButton::Left), 79, 3);
    assert!(desk.find("line 000").is_some(), "{}", desk.text());
    assert_eq!(bar(&desk, 78)[0], "┃");
    desk.press("M / l i n e space 3 5 0 enter");
    let signs = bar(&desk, 78);
    assert_eq!(signs[0], "◆");
    assert_eq!(
        signs.iter().filter(|sign| *sign == "●").count(),
        1,
        "{signs:?}"
    );
    desk.press("f ~ 3 9 \\ d $ enter");
    let said = bar(&desk, 79);
    assert!(
        said[..20].iter().all(|bar| bar == " ") && said[21] == "█",
        "{said:?}"
    );
}

#[test]
fn a_hit_within_a_message_unfolds_it() {
    let mut desk = desk();
    desk.press("j 2 z / R e f u s e d enter");
    assert!(
        at(&desk).contains("raise Refused(order.card)"),
        "{}",
        at(&desk)
    );
    assert!(desk.find("1 line has it").is_some());
}

#[test]
fn a_hit_in_what_is_not_set_out_shows_the_line_as_it_came() {
    let mut desk = desk();
    desk.press("j 2 z / \" m s g");
    assert!(
        desk.find("\"msg\":\"order placed\"").is_some(),
        "{}",
        desk.text()
    );
}

#[test]
fn json_unfolds_in_place_and_is_walked_through() {
    let mut desk = Desk::new(fixture::said_much(), 80, 12);
    desk.press("j 2 z g j j o");
    assert!(at(&desk).contains("order placed"));
    for _ in 0..5 {
        desk.press("j");
    }
    assert!(at(&desk).contains("\"user\": {"), "{}", at(&desk));
    for _ in 0..30 {
        desk.press("j");
        if at(&desk).contains("POST /orders") {
            break;
        }
    }
    desk.press("k");
    assert!(at(&desk).contains("│ }"), "{}", at(&desk));
}

#[test]
fn lines_are_shown_as_they_came_on_a_key() {
    let mut desk = desk();
    desk.press("j 2 z x");
    assert!(desk.find("\"msg\":\"order placed\"").is_some());
    desk.press("x");
    assert!(desk.find("order placed  user=").is_some());
}

#[test]
fn marked_services_are_read_together() {
    let mut desk = desk();
    desk.press("j space");
    assert!(desk.find("Logs  orders").is_some());
    assert!(desk.find("●◆orders").is_some());
    desk.press("j space");
    assert!(
        desk.find("Logs  orders + payments").is_some(),
        "{}",
        desk.text()
    );
    assert!(desk.find("charged").is_some() && desk.find("sku=tea").is_some());
    desk.press("space k space");
    assert!(
        desk.find("Logs  orders ").is_some(),
        "the last mark gone, it is the chosen one again"
    );
}

#[test]
fn marks_are_gone_to_and_times_too() {
    let mut desk = desk();
    desk.press("j 2 z k M k k");
    assert!(desk.find("◆").is_some());
    desk.press(">");
    assert!(desk.find("◆").is_some());
    desk.press("< <");
    assert!(at(&desk).contains("run #2 begins"), "{}", at(&desk));
    desk.press("<");
    assert!(desk.find("no earlier mark").is_some());
    desk.press("@ 1 x");
    assert!(desk.find("is no time").is_some());
    desk.press("esc @ 1 4 : 0 2 : 1 1 enter");
    assert!(desk.find("is no time").is_none());
}

#[test]
fn silence_is_told_and_times_can_be_differences() {
    let mut desk = desk();
    desk.press("j 2 z");
    assert!(desk.find("— 1m11s —").is_some());
    desk.press("d");
    assert!(desk.find("+800 ms").is_some());
    desk.press("d");
    assert!(desk.find("14:03:22.400").is_none());
}

#[test]
fn several_lines_are_chosen_and_copied() {
    let mut desk = desk();
    desk.press("j 2 z v k y");
    assert!(desk.find("copied 2 lines").is_some(), "{}", desk.text());
    desk.press("G { y");
    assert!(
        desk.find("copied 7 lines").is_some(),
        "a folded message is copied whole"
    );
    let (column, row) = desk.find("POST /orders  sku").expect("a line");
    desk.mouse(MouseEventKind::Down(MouseButton::Left), column, row);
    desk.mouse(MouseEventKind::Drag(MouseButton::Left), column, row + 1);
    desk.mouse(MouseEventKind::Up(MouseButton::Left), column, row + 1);
    assert!(desk.find("copied 8 lines").is_some(), "{}", desk.text());
}

/// Waits until it is told that lines were written.
async fn told(desk: &mut Desk) {
    until("it is told", || {
        desk.redraw();
        desk.find("lines are in /").is_some()
    })
    .await;
}

#[tokio::test]
async fn what_is_shown_or_chosen_is_written_to_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut desk = desk();
    let type_in = |desk: &mut Desk, name: &str| {
        let path = folder.path().join(name).display().to_string();
        let keys: Vec<String> = path.chars().map(String::from).collect();
        desk.press(&format!("X ctrl-u {}", keys.join(" ")));
    };
    desk.press("j 2 z X");
    assert!(desk.find("write to orders-").is_some(), "{}", desk.text());
    desk.press("esc e");
    type_in(&mut desk, "problems.log");
    desk.press("enter");
    told(&mut desk).await;
    let text = std::fs::read_to_string(folder.path().join("problems.log")).expect("a file");
    assert!(
        text.contains("raise Refused(order.card)") && !text.contains("listening"),
        "{text}"
    );
    desk.press("j");
    type_in(&mut desk, "problems.log");
    assert!(
        desk.find("there is such a file already").is_some(),
        "{}",
        desk.text()
    );
    desk.press("enter esc e { v k");
    type_in(&mut desk, "chosen.jsonl");
    desk.press("enter");
    told(&mut desk).await;
    let text = std::fs::read_to_string(folder.path().join("chosen.jsonl")).expect("a file");
    assert_eq!(text.lines().count(), 8, "{text}");
    assert!(text.starts_with("{\"at\":\""), "{text}");
}

#[test]
fn going_up_and_down_passes_every_row_once() {
    let mut scene: Scene = fixture::ready();
    scene.telemetry = Telemetry::default().into();
    for number in 0..40 {
        let at = f64::from(number) / 10.0;
        scene.say(at, "web", Stream::Stdout, &format!("INFO line {number:02}"));
        scene.say(at, "web", Stream::Stdout, &format!("  below {number:02}"));
    }
    let mut desk = Desk::new(scene, 80, 16);
    desk.press("2 z ] g");
    for number in 0..40 {
        assert!(
            at(&desk).contains(&format!("line {number:02}")),
            "{}",
            at(&desk)
        );
        desk.press("j");
        assert!(
            at(&desk).contains(&format!("below {number:02}")),
            "{}",
            at(&desk)
        );
        if number < 39 {
            desk.press("j");
        }
    }
    for number in (0..40).rev() {
        desk.press("k");
        assert!(
            at(&desk).contains(&format!("line {number:02}")),
            "{}",
            at(&desk)
        );
        if number > 0 {
            desk.press("k");
        }
    }
}
