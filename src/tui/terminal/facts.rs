//! What the environment says about the terminal.

use std::env;

use crate::tui::theme::{Depth, Ground};

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

#[cfg(test)]
mod tests {
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
}
