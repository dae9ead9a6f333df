//! What the environment says about the terminal, and what the terminal answers when asked for its background.

use std::env;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::tui::theme::{Depth, Ground};

/// How long the terminal may take to answer.
const PATIENCE: Duration = Duration::from_millis(50);

/// "What is your background?" (OSC 11), then "who are you?" (DA1), which every terminal answers: the second answer ends
/// the wait for the first.
const QUESTION: &[u8] = b"\x1b]11;?\x1b\\\x1b[c";

/// How many colours the terminal shows, by `COLORTERM` and `TERM`.
pub(in crate::tui) fn depth(color: bool) -> Depth {
    let var = |name| env::var(name).unwrap_or_default();
    if color {
        depth_of(&var("COLORTERM"), &var("TERM"))
    } else {
        Depth::None
    }
}

/// Whether the terminal is dark or light, by `COLORFGBG`.
pub(in crate::tui) fn ground() -> Option<Ground> {
    ground_of(&env::var("COLORFGBG").ok()?)
}

fn depth_of(colorterm: &str, term: &str) -> Depth {
    if matches!(colorterm, "truecolor" | "24bit") || term.ends_with("-direct") {
        Depth::True
    } else if term.contains("256color") {
        Depth::Indexed
    } else if matches!(term, "dumb" | "vt100" | "vt220") {
        Depth::None
    } else {
        Depth::Named
    }
}

/// `FOREGROUND;BACKGROUND` or `FOREGROUND;DEFAULT;BACKGROUND`, numbers of the palette; 7 and the bright ones are light.
fn ground_of(colorfgbg: &str) -> Option<Ground> {
    let background: u8 = colorfgbg.rsplit_once(';')?.1.parse().ok()?;
    match background {
        0..=6 | 8 => Some(Ground::Dark),
        7 | 9..=15 => Some(Ground::Light),
        _ => None,
    }
}

/// What an answer tells, and what was typed meanwhile.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) ground: Option<Ground>,
    pub(super) typed: Vec<char>,
}

/// Asks the terminal, and waits for at most 50 ms. To be called before anybody else reads its input.
pub(super) fn ask_ground() -> Answer {
    let mut heard = Vec::new();
    if super::writer::write_within(QUESTION, PATIENCE).is_ok() {
        let until = Instant::now() + PATIENCE;
        while !is_complete(&heard) && read_some(&mut heard, until) {}
    }
    read_answer(&heard)
}

fn read_some(heard: &mut Vec<u8>, until: Instant) -> bool {
    let terminal = rustix::stdio::stdin();
    let left = until.saturating_duration_since(Instant::now());
    let Ok(timeout) = Timespec::try_from(left) else {
        return false;
    };
    let mut ready = [PollFd::new(&terminal, PollFlags::IN)];
    if !matches!(poll(&mut ready, Some(&timeout)), Ok(1..)) {
        return false;
    }
    let mut piece = [0; 256];
    match rustix::io::read(terminal, &mut piece) {
        Ok(count @ 1..) => heard.extend_from_slice(&piece[..count]),
        _ => return false,
    }
    heard.len() < 4096
}

/// Whether the answer to DA1, `ESC [ ? … c`, has come.
fn is_complete(heard: &[u8]) -> bool {
    let start = heard.windows(3).position(|bytes| bytes == b"\x1b[?");
    start.is_some_and(|start| heard[start..].contains(&b'c'))
}

fn read_answer(heard: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(heard);
    let mut ground = None;
    let mut typed = Vec::new();
    let mut rest = text.as_ref();
    while let Some(letter) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("\x1b]") {
            let end = after.find(['\x07', '\x1b']).unwrap_or(after.len());
            ground = ground.or(background(&after[..end]));
            let after = &after[end..];
            rest = after
                .strip_prefix("\x1b\\")
                .unwrap_or(after.get(1..).unwrap_or(""));
        } else if let Some(after) = rest.strip_prefix("\x1b[") {
            let end = after.find(|letter: char| ('@'..='~').contains(&letter));
            rest = end.map_or("", |end| &after[end + 1..]);
        } else {
            if !letter.is_control() {
                typed.push(letter);
            }
            rest = &rest[letter.len_utf8()..];
        }
    }
    Answer { ground, typed }
}

/// `11;rgb:RRRR/GGGG/BBBB`, with one to four hexadecimal digits each (X11's colour names).
fn background(answer: &str) -> Option<Ground> {
    let colour = answer.strip_prefix("11;")?;
    let colour = colour
        .strip_prefix("rgb:")
        .or(colour.strip_prefix("rgba:"))?;
    let share = |digits: &str| {
        let most = 16_u32.checked_pow(u32::try_from(digits.len()).ok()?)? - 1;
        let value = u32::from_str_radix(digits, 16).ok()?;
        (most > 0).then(|| f64::from(value) / f64::from(most))
    };
    let mut shares = colour.split('/').map(share);
    let (red, green, blue) = (shares.next()??, shares.next()??, shares.next()??);
    let light = 0.299 * red + 0.587 * green + 0.114 * blue;
    Some(if light > 0.5 {
        Ground::Light
    } else {
        Ground::Dark
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_environment_tells_the_colours() {
        let cases = [
            ("truecolor", "xterm", Depth::True),
            ("24bit", "dumb", Depth::True),
            ("", "xterm-256color", Depth::Indexed),
            ("", "xterm", Depth::Named),
            ("", "linux", Depth::Named),
            ("", "dumb", Depth::None),
        ];
        for (colorterm, term, depth) in cases {
            assert_eq!(depth_of(colorterm, term), depth, "{colorterm} {term}");
        }
    }

    #[test]
    fn the_palette_tells_the_ground() {
        assert_eq!(ground_of("15;0"), Some(Ground::Dark));
        assert_eq!(ground_of("0;default;15"), Some(Ground::Light));
        assert_eq!(ground_of("0;default"), None);
        assert_eq!(ground_of(""), None);
    }

    #[test]
    fn the_answer_is_read_and_typing_is_kept() {
        let cases: [(&[u8], Option<Ground>, &str); 5] = [
            (
                b"\x1b]11;rgb:ffff/ffff/f0f0\x1b\\\x1b[?62;c",
                Some(Ground::Light),
                "",
            ),
            (
                b"\x1b]11;rgb:10/15/1c\x07\x1b[?1;2c",
                Some(Ground::Dark),
                "",
            ),
            (b"q\x1b]11;rgb:0/0/0\x07\x1b[?6cj", Some(Ground::Dark), "qj"),
            (b"\x1b[?62;4c", None, ""),
            (b"\x1b]11;rgb:zz//\x07", None, ""),
        ];
        for (heard, ground, typed) in cases {
            let answer = read_answer(heard);
            assert_eq!(answer.ground, ground);
            assert_eq!(answer.typed.iter().collect::<String>(), typed);
        }
        assert!(is_complete(b"\x1b]11;rgb:0/0/0\x07\x1b[?6c"));
        assert!(!is_complete(b"\x1b]11;rgb:cccc/0/0\x07"));
    }

    proptest! {
        #[test]
        fn no_answer_breaks_the_reader(heard in prop::collection::vec(any::<u8>(), 0..200)) {
            read_answer(&heard);
        }
    }
}
