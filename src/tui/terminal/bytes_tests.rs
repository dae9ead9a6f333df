//! What terminals send, whole and in pieces.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use proptest::prelude::*;

use super::*;
use crate::tui::keys::key_name;

/// All that these bytes tell, nothing coming after them.
fn told(bytes: &[u8]) -> Vec<Told> {
    let mut reader = Reader::default();
    let mut told = Vec::new();
    reader.take(bytes, &mut told);
    while reader.patience().is_some() {
        reader.give_up(&mut told);
    }
    told
}

/// The same in words: keys by name.
fn words(bytes: &[u8]) -> String {
    let word = |told: &Told| match told {
        Told::Event(Event::Key(key)) => key_name(*key).unwrap_or_else(|| format!("{:?}", key.code)),
        Told::Event(Event::Paste(text)) => format!("paste({text})"),
        Told::Event(Event::Mouse(mouse)) => {
            format!("{:?}@{},{}", mouse.kind, mouse.column, mouse.row)
        }
        Told::Event(event) => format!("{event:?}"),
        Told::Ground(ground) => format!("{ground:?}"),
        Told::Attributes => "attributes".into(),
    };
    told(bytes).iter().map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn keys_are_told_by_the_bytes_that_terminals_send_for_them() {
    let cases: &[(&[u8], &str)] = &[
        (b"qG ", "q G space"),
        ("äß🦀".as_bytes(), "ä ß 🦀"),
        (
            b"\r\t\x7f\x00\x03\x1a\x0a\x08",
            "enter tab backspace ctrl-space ctrl-c ctrl-z ctrl-j ctrl-h",
        ),
        (b"\x1c\x1d\x1e\x1f", "ctrl-4 ctrl-5 ctrl-6 ctrl-7"),
        (b"\x1b", "esc"),
        (b"\x1b\x1b", "esc esc"),
        (b"\x1b\x1bq", "esc alt-q"),
        (
            b"\x1bq\x1bQ\x1b\r\x1b\x03",
            "alt-q alt-Q alt-enter ctrl-alt-c",
        ),
        (b"\x1b[\x1b", "esc"),
        (b"\x1b[", "alt-["),
        (b"\x1bO", "alt-O"),
        (b"\x1b]", "alt-]"),
        (
            b"\x1b[A\x1b[B\x1b[C\x1b[D\x1b[H\x1b[F",
            "up down right left home end",
        ),
        (
            b"\x1bOA\x1bOB\x1bOC\x1bOD\x1bOH\x1bOF\x1bOM",
            "up down right left home end enter",
        ),
        (
            b"\x1bOP\x1bOQ\x1bOR\x1bOS\x1b[15~\x1b[17~\x1b[24~",
            "f1 f2 f3 f4 f5 f6 f12",
        ),
        (b"\x1b[[A\x1b[[E\x1b[1;2R", "f1 f5 shift-f3"),
        (
            b"\x1b[1~\x1b[3~\x1b[4~\x1b[5~\x1b[6~\x1b[7~\x1b[8~",
            "home delete end pgup pgdn home end",
        ),
        (
            b"\x1b[Z\x1b[1;5A\x1b[1;3D\x1b[5;2~\x1b[1;2H",
            "shift-tab ctrl-up alt-left shift-pgup shift-home",
        ),
        (b"\x1b\x1b[A\x1b\x1bOB", "alt-up alt-down"),
        (b"\x1b[97;5u\x1b[13u\x1b[27;5;105~", "ctrl-a enter ctrl-i"),
        (b"\x1b[I\x1b[O", "FocusGained FocusLost"),
        (b"\xff\xc3\x28\xe2\x82", "("),
    ];
    for (bytes, wished) in cases {
        let shown = String::from_utf8_lossy(bytes).escape_debug().to_string();
        assert_eq!(words(bytes), *wished, "{shown}");
    }
}

#[test]
fn clicks_are_told_in_three_ways() {
    let cases: &[(&[u8], &str)] = &[
        (b"\x1b[<0;5;7M\x1b[<0;5;7m", "Down(Left)@4,6 Up(Left)@4,6"),
        (b"\x1b[<32;300;200M", "Drag(Left)@299,199"),
        (b"\x1b[<64;1;1M\x1b[<65;1;1M", "ScrollUp@0,0 ScrollDown@0,0"),
        (b"\x1b[32;3;4M\x1b[35;3;4M", "Down(Left)@2,3 Up(Left)@2,3"),
        (b"\x1b[M !!\x1b[M#!!", "Down(Left)@0,0 Up(Left)@0,0"),
        // Places that are none.
        (b"\x1b[<0;0;7M\x1b[M  !\x1b[<0;99999;1M\x1b[<0;1Mq", "q"),
    ];
    for (bytes, wished) in cases {
        assert_eq!(words(bytes), *wished);
    }
    let Told::Event(Event::Mouse(MouseEvent {
        kind, modifiers, ..
    })) = &told(b"\x1b[<28;1;1M")[0]
    else {
        panic!("a click");
    };
    assert_eq!(*kind, MouseEventKind::Down(MouseButton::Left));
    let all = KeyModifiers::SHIFT | KeyModifiers::ALT | KeyModifiers::CONTROL;
    assert_eq!(*modifiers, all);
}

#[test]
fn a_paste_is_one_piece_and_no_keys() {
    assert_eq!(
        words(b"\x1b[200~q\x1b[A\rr\x1b[201~q"),
        "paste(q\x1b[A\rr) q"
    );
    assert_eq!(words(b"\x1b[200~\x1b[201~"), "paste()");
    // Its end never came.
    assert_eq!(words(b"\x1b[200~some\x1b[20"), "paste(some\x1b[20)");
    let mut long = b"\x1b[200~".to_vec();
    long.resize(LONGEST_PASTE + 1000, b'x');
    long.extend_from_slice(b"\x1b[201~q");
    let told = told(&long);
    assert_eq!(told.len(), 2);
    let Told::Event(Event::Paste(text)) = &told[0] else {
        panic!("a paste");
    };
    assert_eq!(text.len(), LONGEST_PASTE);
}

#[test]
fn what_a_stalled_paste_goes_on_with_is_not_keys() {
    let mut reader = Reader::default();
    let mut told = Vec::new();
    reader.take(b"\x1b[200~one", &mut told);
    reader.give_up(&mut told);
    reader.take(b"q\x1b[201~", &mut told);
    let pasted = |text: &str| Told::Event(Event::Paste(text.into()));
    assert_eq!(told, [pasted("one"), pasted("q")]);
    assert_eq!(reader.patience(), None);
    // One that never ends does not keep the keys for ever.
    reader.take(b"\x1b[200~one", &mut told);
    reader.give_up(&mut told);
    reader.give_up(&mut told);
    told.clear();
    reader.take(b"q", &mut told);
    assert!(matches!(told[..], [Told::Event(Event::Key(_))]), "{told:?}");
}

#[test]
fn what_the_terminal_answers_is_never_typed() {
    let cases: &[(&[u8], &str)] = &[
        (
            b"\x1b]11;rgb:ffff/ffff/f0f0\x1b\\\x1b[?62;4c",
            "Light attributes",
        ),
        (b"\x1b]11;rgb:10/15/1c\x07\x1b[?1;2c", "Dark attributes"),
        (b"q\x1b]11;rgb:0/0/0\x07\x1b[?6cj", "q Dark attributes j"),
        (b"\x1b]11;rgb:zz//\x07\x1b]11;?\x07", ""),
        (b"\x1b]4;1;rgb:0/0/0\x07\x1b]52;c;cnJycg==\x1b\\", ""),
        (b"\x1b[?997;1n\x1b[?997;2nr", "Dark Light r"),
        (b"\x1b[?997;3n\x1b[0n\x1b[12;4R\x1b[?1u\x1b[>41;0;0c", ""),
        (
            b"\x1bP>|tmux 3.4\x1b\\\x1bP1+r544e=78\x1b\\\x1b_Gi=1;OK\x1b\\r",
            "r",
        ),
        // One that is broken off, and one that never ends.
        (b"\x1b]11;rgb:10\x1b[Ar", "up r"),
        (b"\x1b]11;rgb:1010/1515", ""),
    ];
    for (bytes, wished) in cases {
        let shown = String::from_utf8_lossy(bytes).escape_debug().to_string();
        assert_eq!(words(bytes), *wished, "{shown}");
    }
    let mut endless = b"\x1b]52;c;".to_vec();
    endless.resize(100_000, b'r');
    let mut reader = Reader::default();
    let mut told = Vec::new();
    for piece in endless.chunks(1000) {
        reader.take(piece, &mut told);
        assert!(reader.pending.len() <= LONGEST_STRING);
    }
    reader.take(b"\x07q", &mut told);
    assert_eq!(told.len(), 1, "{told:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Sequences that mean something, and any bytes, in any pieces: what is told does not depend on the pieces.
    #[test]
    fn pieces_do_not_matter(
        parts in prop::collection::vec(
            prop_oneof![
                Just(b"\x1b[A".to_vec()),
                Just(b"\x1b]11;rgb:0/0/0\x1b\\".to_vec()),
                Just(b"\x1b[200~p\x1b[201~".to_vec()),
                Just(b"\x1b[<0;5;7M".to_vec()),
                Just("ä".as_bytes().to_vec()),
                prop::collection::vec(any::<u8>(), 0..8),
            ],
            0..12,
        ),
        cuts in prop::collection::vec(1_usize..9, 1..40),
    ) {
        let bytes = parts.concat();
        let mut reader = Reader::default();
        let mut pieces = Vec::new();
        let mut rest = bytes.as_slice();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, more) = rest.split_at((*cut).min(rest.len()));
            reader.take(piece, &mut pieces);
            rest = more;
        }
        if reader.patience().is_some() {
            reader.give_up(&mut pieces);
        }
        prop_assert_eq!(pieces, told(&bytes));
        prop_assert!(reader.pending.is_empty());
    }
}
