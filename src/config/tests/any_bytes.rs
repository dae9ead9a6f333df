//! Whatever the file holds, reading it ends, and every problem stands within it.

use proptest::prelude::*;

use super::{folder, options, read_text, round_trip};
use crate::config::discover::Options;
use crate::config::load::{Loaded, load};

fn check(loaded: &Loaded, text: &str) {
    let lines: Vec<&str> = text.split('\n').collect();
    for problem in &loaded.problems {
        let rendered = problem.render(true);
        let tamed = rendered.replace(['\u{1b}', '\n'], "");
        assert!(!tamed.contains(char::is_control), "{rendered:?}");
        let places = problem.place.iter().chain(&problem.more_places);
        for place in places.filter(|place| place.file.as_os_str() == "boatyard.toml") {
            assert!((1..=lines.len()).contains(&place.line), "{place:?}");
            let width = lines[place.line - 1].chars().count();
            assert!((1..=width + 1).contains(&place.column), "{place:?}");
            assert!(
                place.length >= 1 && place.column + place.length <= width + 2,
                "{place:?}"
            );
        }
    }
    assert_eq!(loaded.stack.is_none(), loaded.has_errors());
}

/// Pieces that the file's own grammar is made of, so that random files get past the TOML reader.
fn piece() -> impl Strategy<Value = String> {
    let words = prop_oneof![
        Just("[services.a]\n"),
        Just("[services]\n"),
        Just("[[smoke]]\n"),
        Just("image = "),
        Just("build = "),
        Just("ports = "),
        Just("depends_on = "),
        Just("environment = "),
        Just("health = "),
        Just("watch = "),
        Just("\"x\"\n"),
        Just("{ "),
        Just(" }\n"),
        Just("["),
        Just("]\n"),
        Just("\"8080:80\""),
        Just(", "),
        Just("a.b."),
        Just("\"${X:-${Y}}\"\n"),
        Just("\"{{a.url}}\""),
        Just("\"\"\"\n"),
        Just("'"),
        Just("1"),
        Just("true"),
        Just("# é\n"),
        Just("\r\n"),
        Just("= "),
        Just("\t"),
        Just("request = "),
        Just("name = "),
    ];
    prop_oneof![4 => words.prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from), 1 => "[ -~\n]{0,6}"]
}

/// A change to a sound file: a stretch is replaced by something else.
fn changed() -> impl Strategy<Value = String> {
    let whole: Vec<char> = round_trip::EVERYTHING.chars().collect();
    let length = whole.len();
    let edit = (0..length, 0..12_usize, piece());
    prop::collection::vec(edit, 1..4).prop_map(move |edits| {
        let mut text = whole.clone();
        for (at, removed, added) in edits {
            let at = at.min(text.len());
            let end = (at + removed).min(text.len());
            text.splice(at..end, added.chars());
        }
        text.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_pieces(pieces in prop::collection::vec(piece(), 0..60)) {
        let text = pieces.concat();
        check(&read_text(&text), &text);
    }

    #[test]
    fn sound_files_with_changes(text in changed()) {
        check(&read_text(&text), &text);
    }
}

#[test]
fn files_that_are_not_text_or_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        directory: Some(folder.path().to_path_buf()),
        ..options()
    };
    let path = folder.path().join("boatyard.toml");
    let message = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let loaded = load(&options);
        let problem = &loaded.problems[0];
        let place = problem
            .place
            .as_ref()
            .map(|place| (place.line, place.column));
        (problem.message.clone(), place)
    };
    let not_text = "the stack file is not UTF-8 text".to_owned();
    assert_eq!(
        message(b"a = 1\nb = \xff"),
        (not_text.clone(), Some((2, 5)))
    );
    assert_eq!(message(b"\xff\xfea\0"), (not_text, Some((1, 1))));
    let large = vec![b'#'; 5 << 20];
    assert!(message(&large).0.ends_with("it is larger than 4 MB"));
}

#[test]
fn keys_and_values_nested_very_deep() {
    let deep = 30_000;
    let texts = [
        format!("{}x = 1", "a.".repeat(deep)),
        format!("[{}x]", "a.".repeat(deep)),
        format!("x = {}1", "{ a = ".repeat(deep)),
        format!("x = {}", "[".repeat(deep)),
        format!("x = {{ {}b = 1 }}", "a.".repeat(deep)),
        format!("x = [\n{{ {}b = 1 }}]", "a.".repeat(deep)),
        format!(
            "x = \"y=\"\na = {{ b = \"=\", {}c = 1 }}",
            "a.".repeat(deep)
        ),
        format!("x = \"{}\"", "${A:-".repeat(deep)),
        format!("x = \"{}{}\"", "${A:-".repeat(deep), "}".repeat(deep)),
        format!(
            "[services.a]\nimage = \"x\"\nenvironment = {{ A = \"{}}}}}\", B = \"${{NONE}}\" }}",
            "{{a.".repeat(deep)
        ),
    ];
    for text in texts {
        let loaded = read_text(&text);
        assert!(!loaded.problems.is_empty(), "{}", &text[..40]);
        check(&loaded, &text);
    }
    assert!(folder().is_dir());
}
