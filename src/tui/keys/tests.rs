//! The table of keys, and files that change it.

use std::collections::HashSet;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::*;

#[test]
fn no_key_means_two_things_in_one_place() {
    let mut seen = HashSet::new();
    for binding in KEYS {
        for key in binding.keys {
            assert!(seen.insert((binding.at, *key)), "{key} twice: {binding:?}");
        }
    }
}

#[test]
fn every_key_of_the_table_can_be_typed() {
    let named = [
        KeyCode::Enter,
        KeyCode::Esc,
        KeyCode::Tab,
        KeyCode::BackTab,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::F(1),
    ];
    let letters = (' '..='~').map(KeyCode::Char);
    let mut typed = HashSet::new();
    for code in named.into_iter().chain(letters) {
        for modifiers in [
            KeyModifiers::NONE,
            KeyModifiers::CONTROL,
            KeyModifiers::SHIFT,
        ] {
            typed.extend(key_name(KeyEvent::new(code, modifiers)));
        }
    }
    let keymap = Keymap::default();
    for binding in KEYS {
        for key in binding.keys {
            assert!(typed.contains(*key), "{key} cannot be typed");
            assert_eq!(keymap.action(key, &[binding.at]), Some(binding.action));
        }
    }
}

#[test]
fn a_nearer_place_goes_first() {
    let places = [Where::Traces, Where::Panes, Where::Always];
    let keymap = Keymap::default();
    assert_eq!(keymap.action("enter", &places), Some(Action::Open));
    assert_eq!(keymap.action("ctrl-c", &places), Some(Action::Interrupt));
    let open: Vec<&str> = keymap
        .working(&places)
        .into_iter()
        .filter(|binding| binding.keys[0] == "enter")
        .map(|binding| binding.words)
        .collect();
    assert_eq!(open, ["open the trace"]);
}

#[test]
fn shifted_and_control_letters_have_one_name() {
    let shifted = KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT);
    assert_eq!(key_name(shifted).as_deref(), Some("G"));
    let control = KeyEvent::new(KeyCode::Char('C'), KeyModifiers::CONTROL);
    assert_eq!(key_name(control).as_deref(), Some("ctrl-c"));
}

fn changed(text: &str) -> Keymap {
    let mut keymap = Keymap::default();
    keymap.change(text, "keys.toml");
    keymap
}

const LOGS: [Where; 3] = [Where::Logs, Where::Panes, Where::Always];

#[test]
fn a_file_gives_keys_to_actions_and_takes_them_away() {
    let keymap = changed(
        "[logs]\n\"ctrl-f\" = \"search\"\nn = \"none\"\n\"/\" = \"filter\"\nR = \"restart\"\n[panes]\nr = \"none\"\nPgUp = \"top\"\n",
    );
    assert_eq!(keymap.problems, [""; 0]);
    let action = |key| keymap.action(key, &LOGS);
    assert_eq!(action("ctrl-f"), Some(Action::Search));
    assert_eq!(action("n"), None);
    assert_eq!(action("/"), Some(Action::Filter));
    assert_eq!(action("f"), Some(Action::Filter), "it has both");
    assert_eq!(action("R"), Some(Action::Restart));
    assert_eq!(action("r"), None);
    assert_eq!(action("pgup"), Some(Action::Top));
    assert_eq!(action("ctrl-u"), Some(Action::PageUp));
    // In other places they are what they were.
    assert_eq!(keymap.action("n", &[Where::Trace]), Some(Action::NextHit));
    // What is shown is the key of one's own.
    let shown = |action| {
        let working = keymap.working(&LOGS);
        let row = working.iter().find(|row| row.action == action);
        row.map(|row| row.keys.join(" "))
    };
    assert_eq!(shown(Action::Filter).as_deref(), Some("/ f"));
    assert_eq!(shown(Action::Search).as_deref(), Some("ctrl-f"));
    assert_eq!(shown(Action::NextHit), None);
}

#[test]
fn keys_are_written_in_several_ways() {
    let same = [
        ("x", "x"),
        ("shift-x", "X"),
        ("Ctrl-X", "ctrl-x"),
        ("alt-ctrl-x", "ctrl-alt-x"),
        ("Return", "enter"),
        ("PageDown", "pgdn"),
        ("shift-up", "shift-up"),
        ("shift-tab", "shift-tab"),
        (" ", "space"),
        ("ctrl-space", "ctrl-space"),
        ("F12", "f12"),
        ("-", "-"),
        ("ctrl--", "ctrl--"),
        ("ä", "ä"),
    ];
    for (written, name) in same {
        assert_eq!(typed::read(written), Ok(vec![name.to_owned()]), "{written}");
    }
    let both = ["ctrl-]".to_owned(), "ctrl-5".to_owned()];
    assert_eq!(typed::read("ctrl-]").as_deref(), Ok(both.as_slice()));
    for wrong in ["", "xy", "ctrl-", "f0", "f25", "hyper-x", "\u{7}", "ctrl-i"] {
        assert!(typed::read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_the_rest_counts() {
    let cases = [
        (
            "[logs]\nx = \"serach\"",
            "keys.toml:2:1: `serach` is no action; did you mean `search`?",
        ),
        (
            "[log]\nx = \"search\"",
            "keys.toml:1:2: `log` is no place; there are services, logs",
        ),
        (
            "[logs]\nctrl-x-y = \"search\"",
            "keys.toml:2:1: `ctrl-x-y` is no key",
        ),
        ("[logs]\nx = 3", "keys.toml:2:1: what `x` does is a name"),
        ("logs = 3", "keys.toml:1:1: `logs` is a table"),
        (
            "[logs]\n\"ctrl-c\" = \"search\"",
            "keys.toml:2:1: `ctrl-c` always stops everything",
        ),
        (
            "[logs]\n\"ctrl-m\" = \"search\"",
            "keys.toml:2:1: terminals send `enter`",
        ),
        (
            "[prompt]\nq = \"back\"",
            "keys.toml:2:1: `q` is typed in `prompt`",
        ),
        (
            "[logs]\nQ = \"none\"",
            "keys.toml:2:1: `Q` does nothing in `logs` anyway",
        ),
        (
            "[services]\nQ = \"submit\"",
            "keys.toml:2:1: `submit` does nothing in `services`",
        ),
        ("[logs\nx = \"search\"", "keys.toml:1:"),
        (
            "[help]\nesc = \"none\"\n\"?\" = \"none\"\nq = \"none\"\nf1 = \"none\"",
            "keys.toml: `back` has no key in `help`",
        ),
    ];
    for (text, wished) in cases {
        let keymap = changed(text);
        let told = keymap.problems.first().map_or("nothing", String::as_str);
        assert!(told.starts_with(wished), "{text}\n{told}");
    }
    let keymap =
        changed("[logs]\nx = \"serach\"\ny = \"search\"\n[inside]\n\"ctrl-]\" = \"none\"\n");
    assert_eq!(keymap.action("y", &LOGS), Some(Action::Search));
    let leave = keymap.action("ctrl-]", &[Where::Inside]);
    assert_eq!(leave, Some(Action::Leave), "there is a way out");
}

#[test]
fn every_action_has_a_name_of_its_own_by_which_it_is_found() {
    let mut names = HashSet::new();
    for binding in KEYS {
        let name = binding.action.name();
        assert!(!name.is_empty(), "{:?} has no name", binding.action);
        assert_eq!(Action::named(name), Some(binding.action));
        names.insert(name);
    }
    let actions: HashSet<Action> = KEYS.iter().map(|binding| binding.action).collect();
    assert_eq!(names.len(), actions.len());
    let places: HashSet<Where> = KEYS.iter().map(|binding| binding.at).collect();
    assert!(places.iter().all(|place| Where::ALL.contains(place)));
}

#[test]
fn the_template_changes_nothing_and_its_lines_are_right() {
    let template = template();
    assert_eq!(changed(&template), Keymap::default());
    let on: String = template
        .lines()
        .map(|line| {
            line.strip_prefix("# \"")
                .map_or(line.to_owned(), |rest| format!("\"{rest}"))
                + "\n"
        })
        .collect();
    let problems = changed(&on).problems;
    // The one key that cannot be changed stands there as well.
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("`ctrl-c` always"), "{problems:?}");
}

#[test]
fn a_file_that_is_not_there_changes_nothing_and_one_that_is_no_text_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.toml");
    assert_eq!(Keymap::from_file(&path), Keymap::default());
    std::fs::write(&path, b"\xff\xfe").expect("written");
    let keymap = Keymap::from_file(&path);
    assert_eq!(keymap.problems.len(), 1, "{:?}", keymap.problems);
    assert!(Keymap::from_file(folder.path()).problems[0].contains("the keys are as they were"));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_file_leaves_a_way_out(
        text in "(\\[(logs|inside|prompt|help|palette)\\]\n(\"(ctrl-\\]|esc|enter|q|\\?|f1|[a-z])\" = \"(none|back|search|leave)\"\n){0,6}){0,4}|\\PC{0,60}",
    ) {
        let keymap = changed(&text);
        for (at, action) in [(Where::Inside, Action::Leave), (Where::Help, Action::Back), (Where::Prompt, Action::Back)] {
            let there = keymap.rows().any(|row| row.at == at && row.action == action);
            proptest::prop_assert!(there, "{:?}", keymap.problems);
        }
        proptest::prop_assert_eq!(keymap.action("ctrl-c", &LOGS), Some(Action::Interrupt));
    }
}
