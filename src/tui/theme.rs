//! Themes: colours by meaning, read from `themes/*.toml`, made fit for what the terminal can show.

mod contrast;
mod file;

use ratatui::style::{Color, Modifier, Style};

use crate::engine::Status;

pub(super) use file::BUILT_IN;

/// Whether a theme, or a terminal, is dark or light.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Ground {
    /// Light letters on dark.
    Dark,
    /// Dark letters on light.
    Light,
}

/// How many colours the terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// 24 bits.
    True,
    /// The 256 of xterm.
    Indexed,
    /// The 16 that the terminal's own palette sets.
    Named,
    /// None: weight, underline and symbols tell everything.
    None,
}

/// What a piece of the screen means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Role {
    /// Plain text.
    Text,
    /// Names and figures that are read first.
    Strong,
    /// What is read second: times, units, hints.
    Dim,
    /// Rules between panes.
    Border,
    /// Where the person is: focus, keys, cursor.
    Accent,
    /// Well.
    Ready,
    /// Under way.
    Busy,
    /// Waiting, slow, in doubt.
    Waiting,
    /// Failed.
    Failed,
    /// A log line's level.
    Error,
    /// A log line's level.
    Warn,
    /// A log line's level.
    Info,
    /// A log line's level.
    Debug,
}

/// A theme, made fit for one terminal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Theme {
    /// Its name.
    pub(super) name: String,
    /// Whether it is dark or light.
    pub(super) ground: Ground,
    depth: Depth,
    file: file::ThemeFile,
}

impl Theme {
    /// The theme of this name, for this depth; `None` if there is none.
    pub(super) fn named(name: &str, depth: Depth) -> Option<Self> {
        file::find(name).map(|file| Self {
            name: file.name.clone(),
            ground: file.ground,
            depth,
            file,
        })
    }

    /// The theme for a terminal of this ground.
    pub(super) fn for_ground(ground: Ground, depth: Depth) -> Self {
        let name = match ground {
            Ground::Dark => "harbor-dark",
            Ground::Light => "harbor-light",
        };
        Self::named(name, depth).unwrap_or_else(|| unreachable!("{name} is built in"))
    }

    /// The built-in theme after this one.
    pub(super) fn next(&self) -> Self {
        let at = BUILT_IN.iter().position(|(name, _)| *name == self.name);
        let next = at.map_or(0, |at| (at + 1) % BUILT_IN.len());
        Self::named(BUILT_IN[next].0, self.depth).unwrap_or_else(|| self.clone())
    }

    /// The theme of this name, as many-coloured as this one.
    pub(super) fn other(&self, name: &str) -> Option<Self> {
        Self::named(name, self.depth)
    }

    /// Whether it has colours at all.
    pub(super) fn has_colours(&self) -> bool {
        self.depth != Depth::None
    }

    /// The theme for a terminal of this ground, as many-coloured as this one.
    pub(super) fn on(&self, ground: Ground) -> Self {
        Self::for_ground(ground, self.depth)
    }

    /// The style of a role.
    pub(super) fn style(&self, role: Role) -> Style {
        let style = match self.depth {
            Depth::None => return Style::new().add_modifier(plain(role)),
            Depth::Named => Style::new().fg(self.named_colour(role)),
            Depth::True | Depth::Indexed => Style::new().fg(self.fit(self.file.colour(role))),
        };
        match role {
            Role::Strong => style.add_modifier(Modifier::BOLD),
            _ => style,
        }
    }

    /// The ground of the whole screen.
    pub(super) fn base(&self) -> Style {
        match self.depth {
            Depth::True | Depth::Indexed => Style::new()
                .fg(self.fit(self.file.roles.text))
                .bg(self.fit(self.file.roles.base)),
            Depth::Named | Depth::None => Style::new(),
        }
    }

    /// The ground of header and footer.
    pub(super) fn surface(&self) -> Style {
        self.ground(self.file.roles.surface, Modifier::empty())
    }

    /// The ground of the chosen row.
    pub(super) fn selection(&self) -> Style {
        self.ground(self.file.roles.selection, Modifier::REVERSED)
    }

    /// The ground of what a search found.
    pub(super) fn found(&self) -> Style {
        self.ground(
            self.file.roles.found,
            Modifier::REVERSED | Modifier::UNDERLINED,
        )
    }

    /// The colour that stands for the service at this place of the stack.
    pub(super) fn series(&self, place: usize) -> Style {
        const NAMED: [Color; 6] = [
            Color::Cyan,
            Color::Magenta,
            Color::Green,
            Color::Blue,
            Color::LightCyan,
            Color::LightMagenta,
        ];
        match self.depth {
            Depth::None => Style::new(),
            Depth::Named => Style::new().fg(NAMED[place % NAMED.len()]),
            Depth::True | Depth::Indexed => {
                let series = &self.file.series;
                Style::new().fg(self.fit(series[place % series.len()]))
            }
        }
    }

    /// The style of what a service is at.
    pub(super) fn status(&self, status: Status) -> Style {
        self.style(match status {
            Status::Ready => Role::Ready,
            Status::Completed | Status::Stopped => Role::Dim,
            Status::Building { .. } | Status::Starting | Status::Stopping => Role::Busy,
            Status::Probing | Status::Waiting => Role::Waiting,
            Status::Unhealthy | Status::Failed { .. } => Role::Failed,
        })
    }

    /// A colour that a service chose for its own text, as far as it may be shown.
    pub(super) fn foreign(&self, colour: Color) -> Option<Color> {
        match (self.depth, colour) {
            (Depth::None, _) | (Depth::Named, Color::Rgb(..) | Color::Indexed(16..)) => None,
            (Depth::True | Depth::Indexed, Color::Rgb(..)) => {
                Some(self.fit(contrast::readable(colour, self.file.roles.base)))
            }
            (Depth::True | Depth::Indexed, named) => {
                let rgb = file::spoken(named, self.ground)?;
                Some(self.fit(contrast::readable(rgb, self.file.roles.base)))
            }
            (Depth::Named, named) => Some(named),
        }
    }

    /// Letters and ground where a program chose the ground: the letters are moved until they can be read on it.
    pub(super) fn foreign_ground(&self, letters: Option<Color>, ground: Color) -> Style {
        match self.depth {
            Depth::None => Style::new(),
            Depth::Named => {
                let named =
                    |colour: Color| !matches!(colour, Color::Rgb(..) | Color::Indexed(16..));
                Style {
                    fg: letters.filter(|colour| named(*colour)),
                    bg: Some(ground).filter(|colour| named(*colour)),
                    ..Style::new()
                }
            }
            Depth::True | Depth::Indexed => {
                let ground = contrast::in_full(ground);
                let letters = letters.map_or(self.file.roles.text, contrast::in_full);
                let letters = contrast::readable(letters, ground);
                Style::new().fg(self.fit(letters)).bg(self.fit(ground))
            }
        }
    }

    fn ground(&self, colour: Color, without: Modifier) -> Style {
        match self.depth {
            Depth::True | Depth::Indexed => Style::new().bg(self.fit(colour)),
            Depth::Named | Depth::None => Style::new().add_modifier(without),
        }
    }

    fn fit(&self, colour: Color) -> Color {
        match self.depth {
            Depth::Indexed => contrast::nearest_indexed(colour),
            _ => colour,
        }
    }

    fn named_colour(&self, role: Role) -> Color {
        match role {
            Role::Text | Role::Strong => Color::Reset,
            Role::Dim | Role::Info | Role::Debug | Role::Border => match self.ground {
                Ground::Dark => Color::Gray,
                Ground::Light => Color::DarkGray,
            },
            Role::Accent => Color::Cyan,
            Role::Ready => Color::Green,
            Role::Busy => Color::Blue,
            Role::Waiting | Role::Warn => Color::Yellow,
            Role::Failed | Role::Error => Color::Red,
        }
    }
}

/// What stands for a role where there are no colours.
fn plain(role: Role) -> Modifier {
    match role {
        Role::Strong | Role::Accent | Role::Warn | Role::Waiting => Modifier::BOLD,
        Role::Failed | Role::Error => Modifier::BOLD.union(Modifier::UNDERLINED),
        Role::Dim | Role::Border | Role::Info | Role::Debug => Modifier::DIM,
        Role::Text | Role::Ready | Role::Busy => Modifier::empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [Role; 12] = [
        Role::Text,
        Role::Strong,
        Role::Dim,
        Role::Accent,
        Role::Ready,
        Role::Busy,
        Role::Waiting,
        Role::Failed,
        Role::Error,
        Role::Warn,
        Role::Info,
        Role::Debug,
    ];

    #[test]
    fn every_word_stands_out_from_every_ground() {
        for (name, _) in BUILT_IN {
            let theme = Theme::named(name, Depth::True).unwrap();
            let roles = &theme.file.roles;
            let wished = if matches!(*name, "beacon" | "daymark") {
                7.0
            } else {
                4.5
            };
            let words = WORDS.map(|role| (format!("{role:?}"), theme.file.colour(role)));
            let series = theme.file.series.iter().enumerate();
            let series = series.map(|(at, colour)| (format!("series {at}"), *colour));
            for (word, colour) in words.into_iter().chain(series) {
                for (ground, behind) in [
                    ("base", roles.base),
                    ("surface", roles.surface),
                    ("selection", roles.selection),
                ] {
                    let ratio = contrast::ratio(colour, behind);
                    assert!(ratio >= wished, "{name}: {word} on {ground}: {ratio:.2}");
                }
            }
            let ratio = contrast::ratio(roles.strong, roles.found);
            assert!(ratio >= 4.5, "{name}: what was found: {ratio:.2}");
        }
    }

    #[test]
    fn what_a_service_colours_stays_readable() {
        for (name, _) in BUILT_IN {
            let theme = Theme::named(name, Depth::True).unwrap();
            for colour in [
                Color::Rgb(0, 0, 0),
                Color::Rgb(255, 255, 255),
                Color::Rgb(255, 255, 0),
                Color::Black,
                Color::White,
                Color::LightYellow,
                Color::Indexed(16),
                Color::Indexed(231),
            ] {
                let shown = theme.foreign(colour).unwrap();
                let ratio = contrast::ratio(shown, theme.file.roles.base);
                assert!(ratio >= 3.0, "{name}: {colour:?} as {shown:?}: {ratio:.2}");
            }
        }
    }

    #[test]
    fn letters_stay_readable_on_a_ground_that_a_program_chose() {
        for (name, _) in BUILT_IN {
            let theme = Theme::named(name, Depth::True).unwrap();
            for ground in (0..=255).map(Color::Indexed) {
                for letters in [
                    None,
                    Some(Color::Indexed(0)),
                    Some(Color::Rgb(120, 120, 120)),
                ] {
                    let shown = theme.foreign_ground(letters, ground);
                    let ratio = contrast::ratio(shown.fg.unwrap(), shown.bg.unwrap());
                    assert!(
                        ratio >= 3.0,
                        "{name}: {letters:?} on {ground:?}: {ratio:.2}"
                    );
                }
            }
        }
    }

    #[test]
    fn without_colours_nothing_is_coloured() {
        let theme = Theme::for_ground(Ground::Dark, Depth::None);
        for role in WORDS {
            assert_eq!(theme.style(role).fg, None);
        }
        assert_eq!(theme.base(), Style::new());
        assert_eq!(theme.foreign(Color::Red), None);
        assert_ne!(theme.selection(), Style::new(), "the chosen row is seen");
    }

    #[test]
    fn the_next_theme_goes_round() {
        let first = Theme::for_ground(Ground::Dark, Depth::True);
        let mut theme = first.clone();
        for _ in BUILT_IN {
            theme = theme.next();
        }
        assert_eq!(theme, first);
    }
}
