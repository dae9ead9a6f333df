//! `watch_mode` and `hold`: what they mean where, and what is said about wrong ones.

use std::time::Duration;

use super::{read_text, said, with_line};
use crate::stack::{Holding, Service, WatchMode};

/// A line of a service that is otherwise sound, and what is said about it.
const LINES: &[(&str, &str)] = &[
    (
        "watch_mode = \"manaul\"",
        "3:14: error: \"watch_mode\" in service \"a\": \"manaul\" is not known; did you mean \"manual\"?",
    ),
    (
        "watch_mode = \"hold\"",
        "3:14: error: \"watch_mode\" in service \"a\": \"hold\" is not known; possible values: auto, manual",
    ),
    (
        "watch_mode = true",
        "3:14: error: \"watch_mode\" in service \"a\": expected a string, found a boolean",
    ),
    (
        "hold = \"soon\"",
        "3:8: error: \"hold\" in service \"a\": \"soon\" is not a duration; write a number with a unit: \"500ms\", \"10s\", \"1m30s\", \"2h\"",
    ),
    (
        "hold = 10",
        "3:8: error: \"hold\" in service \"a\": expected a duration, found a number; give it a unit: \"10s\" or \"10ms\"",
    ),
    (
        "hold = \"0s\"",
        "3:8: error: \"hold\" in service \"a\": must be longer than nothing; to refuse requests at once write hold = false",
    ),
    (
        "hold = [\"10s\"]",
        "3:8: error: \"hold\" in service \"a\": expected a duration such as \"10s\", a table or false, found a list",
    ),
    (
        "hold = { timeout = \"1s\" }",
        "3:10: error: unknown key \"timeout\" in \"hold\" in service \"a\"; did you mean \"time\"?",
    ),
    (
        "hold = { time = \"1s\", requests = 0 }",
        "3:34: error: \"requests\" in \"hold\" in service \"a\": 0 is not between 1 and 100000",
    ),
];

#[test]
fn wrong_lines() {
    for (line, expected) in LINES {
        let expected = format!("boatyard.toml:{expected}");
        assert_eq!(said(&read_text(&with_line(line))), expected, "{line}");
    }
    let top = "watch_mode = \"off\"\nhold = 5\n".to_owned() + &with_line("");
    let expected = "boatyard.toml:1:14: error: \"watch_mode\" in the stack file: \"off\" is not known; possible values: auto, manual\n\
         boatyard.toml:2:8: error: \"hold\" in the stack file: expected a duration, found a number; give it a unit: \"5s\" or \"5ms\"";
    assert_eq!(said(&read_text(&top)), expected);
}

fn services(top: &str, lines: [&str; 2]) -> [Service; 2] {
    let [a, b] = lines;
    let text =
        format!("{top}\n[services.a]\nimage = \"x\"\n{a}\n[services.b]\nimage = \"x\"\n{b}\n");
    let loaded = read_text(&text);
    assert_eq!(said(&loaded), "", "{text}");
    let stack = loaded.stack.unwrap();
    ["a", "b"].map(|name| stack.services[name].clone())
}

#[test]
fn a_service_says_it_for_itself_and_the_top_for_all_others() {
    let modes = |top, lines| services(top, lines).map(|service| service.watch_mode);
    assert_eq!(modes("", ["", ""]), [WatchMode::Auto; 2]);
    let auto = "watch_mode = \"auto\"";
    let manual = "watch_mode = \"manual\"";
    assert_eq!(
        modes(manual, ["", auto]),
        [WatchMode::Manual, WatchMode::Auto]
    );
    assert_eq!(
        modes("", [manual, ""]),
        [WatchMode::Manual, WatchMode::Auto]
    );
}

#[test]
fn holding_is_as_usual_but_for_what_is_said() {
    let usual = Holding::default();
    let holding = |seconds, requests| Holding {
        time: Duration::from_secs(seconds),
        requests,
    };
    let holds = |top, lines| services(top, lines).map(|service| service.hold);
    assert_eq!(usual, holding(10, 1000));
    assert_eq!(holds("", ["", "hold = true"]), [usual, usual]);
    let said = ["hold = \"3s\"", "hold = { requests = 5 }"];
    assert_eq!(holds("", said), [holding(3, 1000), holding(10, 5)]);
    let top = "hold = { time = \"20s\", requests = 50 }";
    assert_eq!(holds(top, said), [holding(3, 50), holding(20, 5)]);
    assert_eq!(
        holds(top, ["hold = false", ""]),
        [Holding::OFF, holding(20, 50)]
    );
    assert_eq!(
        holds("hold = false", ["", "hold = \"3s\""]),
        [Holding::OFF, holding(3, 1000)]
    );
}
