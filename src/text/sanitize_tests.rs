//! Bytes from outside, hostile ones too.

use proptest::prelude::*;

use super::*;
use crate::corpus::corpus;

fn is_harmless(text: &str) -> bool {
    !text.chars().any(|letter| {
        letter.is_control()
            || ('\u{202a}'..='\u{202e}').contains(&letter)
            || ('\u{2066}'..='\u{2069}').contains(&letter)
    })
}

#[test]
fn only_what_can_be_read_is_left() {
    for (given, shown) in [
        (&b"plain"[..], "plain"),
        (b"\x1b[31mred\x1b[0m", "red"),
        (b"a\x00b\x07c\x08d\x7fe", "abcde"),
        (b"cursor\x1b[2Jgone\x1b[10;10H", "cursorgone"),
        (b"\x1b]0;title\x07text", "text"),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"\x1b]52;c;aGVsbG8=\x1b\\copied", "copied"),
        (b"\x1bP$q\"p\x1b\\dcs", "dcs"),
        (b"\x1b_apc\x1b\\a\x1b^pm\x1b\\b\x1bXsos\x1b\\c", "abc"),
        (b"\x1b[>4;2mkeys", "keys"),
        (b"\x1bcreset", "reset"),
        ("c1 \u{9b}31m \u{9d}0;t\u{9c}".as_bytes(), "c1 31m 0;t"),
        (b"raw c1 \x9b", "raw c1 \u{fffd}"),
        (b"broken \xff\xfe", "broken \u{fffd}\u{fffd}"),
        (b"cut \xe6\x97", "cut \u{fffd}"),
        ("bidi \u{202e}txt.exe".as_bytes(), "bidi \u{fffd}txt.exe"),
        ("\u{feff}bom \u{200f}mark".as_bytes(), "bom mark"),
        ("日本 é 👩\u{200d}🚀".as_bytes(), "日本 é 👩\u{200d}🚀"),
        (b"two\nlines", "two lines"),
    ] {
        assert_eq!(plain(given), shown, "{given:?}");
    }
}

#[test]
fn tabs_stop_at_every_eighth_column() {
    assert_eq!(plain(b"a\tb"), "a       b");
    assert_eq!(plain(b"12345678\tb"), "12345678        b");
    assert_eq!(plain("日\tb".as_bytes()), "日      b");
    assert_eq!(plain(b"\x1b[1ma\t\x1b[0mb\tc"), "a       b       c");
}

#[test]
fn carriage_returns_overwrite() {
    for (given, shown) in [
        (&b"line\r"[..], "line"),
        (b"line\r\r", "line"),
        (b"10 %\r50 %\r100 %", "100 %"),
        (b"downloading\rdone", "doneloading"),
        (b"downloading\r\x1b[Kdone", "done"),
        (b"downloading\rdone\x1b[K", "done"),
        (b"downloading\x1b[2K\rdone", "done"),
        (b"abc\x1b[2Kd", "d"),
        ("日本\rx".as_bytes(), "x 本"),
        (b"aaaaaa\rbbbb\rcc", "ccbbaa"),
        (b"gone\r\x1b[K", ""),
    ] {
        assert_eq!(plain(given), shown, "{given:?}");
    }
    let styled = sanitize(b"\x1b[32mlong green\x1b[0m\rred");
    let pieces: Vec<_> = styled
        .pieces()
        .map(|(text, style)| (text, style.is_plain()))
        .collect();
    assert_eq!(pieces, [("red", true), ("g green", false)]);
}

#[test]
fn colours_are_kept() {
    use Color::{Indexed, Rgb};
    let seen = |codes: &str| sanitize(format!("\x1b[{codes}mx").as_bytes()).spans[0].style;
    for (codes, color) in [
        ("31", Indexed(1)),
        ("97", Indexed(15)),
        ("38;5;208", Indexed(208)),
        ("38:5:208", Indexed(208)),
        ("38;2;1;2;3", Rgb(1, 2, 3)),
        ("38:2:1:2:3", Rgb(1, 2, 3)),
        ("38:2::1:2:3", Rgb(1, 2, 3)),
        ("58;5;9;31", Indexed(1)),
    ] {
        assert_eq!(seen(codes).foreground, Some(color), "{codes}");
    }
    assert_eq!(seen("44").background, Some(Indexed(4)));
    assert_eq!(seen("103").background, Some(Indexed(11)));
    let many = seen("1;2;3;4;7;9");
    assert!(many.bold && many.dim && many.italic && many.underline && many.reverse && many.strike);
    assert!(seen("4:3").underline);
    let off = "\x1b[1;3;4;7;9;31;41m\x1b[22;23;24;27;29;39;49mx";
    assert_eq!(sanitize(off.as_bytes()).spans, []);
    assert_eq!(sanitize(b"\x1b[31m\x1b[mx").spans, []);
    assert_eq!(
        sanitize(b"\x1b[38;5;999;38;2mx").spans,
        [],
        "nonsense is no colour"
    );
}

#[test]
fn concealed_text_is_shown() {
    assert_eq!(sanitize(b"\x1b[8mhidden").text, "hidden");
}

#[test]
fn several_lines_stay_several() {
    assert_eq!(plain_lines(b"a\r\n\x1b[31mb\n"), "a\nb\n");
}

#[test]
fn a_huge_line_of_returns_is_no_trap() {
    let mut line = vec![b'x'; 200_000];
    for _ in 0..200_000 {
        line.extend_from_slice(b"\ry");
    }
    assert_eq!(plain(&line).len(), 200_000);
    assert_eq!(plain(&vec![b'\t'; 100_000]).len(), 800_000);
}

#[test]
fn the_naughty_strings_are_harmless() {
    let Some(folder) = corpus("terminal/naughty") else {
        return;
    };
    let file = std::fs::read(folder.join("blns.json")).unwrap();
    let strings: Vec<String> = serde_json::from_slice(&file).unwrap();
    assert!(strings.len() > 100);
    for naughty in strings {
        assert!(is_harmless(&plain(naughty.as_bytes())), "{naughty:?}");
    }
}

#[test]
fn terminal_tests_of_others_never_leak() {
    let Some(folder) = corpus("terminal/xterm.js") else {
        return;
    };
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "in") {
            let bytes = std::fs::read(&path).unwrap();
            assert!(is_harmless(&plain(&bytes)), "{}", path.display());
            let lines = plain_lines(&bytes);
            assert!(lines.split('\n').all(is_harmless), "{}", path.display());
            files += 1;
        }
    }
    assert!(files > 50, "only {files} files");
}

fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<Vec<u8>>(),
        "[\\x1b\\x9b\\x9d\\x90\\[\\]P_^X0-9;:mKHJ\\\\\\x07\\r\\n\\t ]{0,12}"
            .prop_map(String::into_bytes),
        "\\PC{0,8}".prop_map(String::into_bytes),
        "[\\u{80}-\\u{9f}\\u{2028}-\\u{202e}\\u{2066}-\\u{2069}]{0,4}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn whatever_comes_is_made_harmless(bytes in hostile()) {
        let styled = sanitize(&bytes);
        prop_assert!(is_harmless(&styled.text), "{:?}", styled.text);
        let pieces: String = styled.pieces().map(|(piece, _)| piece).collect();
        prop_assert_eq!(&pieces, &styled.text);
    }

    #[test]
    fn what_is_harmless_stays_as_it_is(bytes in hostile()) {
        let once = plain(&bytes);
        prop_assert_eq!(plain(once.as_bytes()), once);
    }
}
