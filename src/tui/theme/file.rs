//! The form of `themes/*.toml`, the themes that are built in, and those of this machine's user.

use std::path::PathBuf;

use ratatui::style::Color;
use serde::{Deserialize, Deserializer, de::Error};

use super::{Ground, Role, contrast};

/// Names and texts of the themes that come with the program.
pub(in crate::tui) const BUILT_IN: &[(&str, &str)] = &[
    (
        "harbor-dark",
        include_str!("../../../themes/harbor-dark.toml"),
    ),
    (
        "harbor-light",
        include_str!("../../../themes/harbor-light.toml"),
    ),
    ("dusk", include_str!("../../../themes/dusk.toml")),
    ("beacon", include_str!("../../../themes/beacon.toml")),
    ("daymark", include_str!("../../../themes/daymark.toml")),
    ("lookout", include_str!("../../../themes/lookout.toml")),
];

/// A theme as its file says it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ThemeFile {
    pub(super) name: String,
    pub(super) ground: Ground,
    pub(super) roles: Roles,
    pub(super) levels: Levels,
    #[serde(deserialize_with = "colours")]
    pub(super) series: Vec<Color>,
}

/// Colours by meaning.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Roles {
    #[serde(deserialize_with = "colour")]
    pub(super) base: Color,
    #[serde(deserialize_with = "colour")]
    pub(super) surface: Color,
    #[serde(deserialize_with = "colour")]
    pub(super) selection: Color,
    #[serde(deserialize_with = "colour")]
    pub(super) text: Color,
    #[serde(deserialize_with = "colour")]
    pub(super) strong: Color,
    #[serde(deserialize_with = "colour")]
    pub(super) dim: Color,
    #[serde(deserialize_with = "colour")]
    pub(super) border: Color,
    #[serde(deserialize_with = "colour")]
    pub(super) accent: Color,
    #[serde(deserialize_with = "colour")]
    pub(super) ready: Color,
    #[serde(deserialize_with = "colour")]
    pub(super) busy: Color,
    #[serde(deserialize_with = "colour")]
    pub(super) waiting: Color,
    #[serde(deserialize_with = "colour")]
    pub(super) failed: Color,
    #[serde(rename = "match", deserialize_with = "colour")]
    pub(super) found: Color,
}

/// Colours of log levels.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Levels {
    #[serde(deserialize_with = "colour")]
    pub(super) error: Color,
    #[serde(deserialize_with = "colour")]
    pub(super) warn: Color,
    #[serde(deserialize_with = "colour")]
    pub(super) info: Color,
    #[serde(deserialize_with = "colour")]
    pub(super) debug: Color,
}

impl ThemeFile {
    /// The colour of a role.
    pub(super) fn colour(&self, role: Role) -> Color {
        match role {
            Role::Text => self.roles.text,
            Role::Strong => self.roles.strong,
            Role::Dim => self.roles.dim,
            Role::Border => self.roles.border,
            Role::Accent => self.roles.accent,
            Role::Ready => self.roles.ready,
            Role::Busy => self.roles.busy,
            Role::Waiting => self.roles.waiting,
            Role::Failed => self.roles.failed,
            Role::Error => self.levels.error,
            Role::Warn => self.levels.warn,
            Role::Info => self.levels.info,
            Role::Debug => self.levels.debug,
        }
    }
}

/// The theme of this name: the user's own of that name, else the one built in.
pub(super) fn find(name: &str) -> Option<ThemeFile> {
    let own = own_theme(name).and_then(|path| std::fs::read_to_string(path).ok());
    let built_in = || {
        let found = BUILT_IN.iter().find(|(known, _)| *known == name);
        found.and_then(|(_, text)| parse(text))
    };
    own.and_then(|text| parse(&text)).or_else(built_in)
}

/// What a colour of the terminal's palette looks like on this ground, for text that a service coloured.
pub(super) fn spoken(colour: Color, ground: Ground) -> Option<Color> {
    let dark = ground == Ground::Dark;
    let pick = |on_dark: u32, on_light: u32| {
        let [_, red, green, blue] = (if dark { on_dark } else { on_light }).to_be_bytes();
        Some(Color::Rgb(red, green, blue))
    };
    match colour {
        Color::Black | Color::Indexed(0) => pick(0x8d_9bac, 0x26_323d),
        Color::Red | Color::LightRed | Color::Indexed(1 | 9) => pick(0xff_8a80, 0xb0_221b),
        Color::Green | Color::LightGreen | Color::Indexed(2 | 10) => pick(0x86_d3a2, 0x1a_6b42),
        Color::Yellow | Color::LightYellow | Color::Indexed(3 | 11) => pick(0xe6_bd70, 0x7a_4e00),
        Color::Blue | Color::LightBlue | Color::Indexed(4 | 12) => pick(0x7d_b8ff, 0x1a_56a0),
        Color::Magenta | Color::LightMagenta | Color::Indexed(5 | 13) => pick(0xc8_a6f5, 0x6d_3fa8),
        Color::Cyan | Color::LightCyan | Color::Indexed(6 | 14) => pick(0x63_c5d8, 0x07_607d),
        Color::Gray | Color::DarkGray | Color::Indexed(7 | 8) => pick(0x8d_9bac, 0x56_636f),
        Color::White | Color::Indexed(15) => pick(0xf2_f6fa, 0x0c_151d),
        Color::Indexed(index) => {
            let (red, green, blue) = contrast::indexed(index);
            Some(Color::Rgb(red, green, blue))
        }
        Color::Rgb(..) => Some(colour),
        Color::Reset => None,
    }
}

fn parse(text: &str) -> Option<ThemeFile> {
    let file: ThemeFile = toml::from_str(text).ok()?;
    (!file.series.is_empty()).then_some(file)
}

fn own_theme(name: &str) -> Option<PathBuf> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    if name.is_empty() || !name.chars().all(is_plain) {
        return None;
    }
    let settings = crate::tui::own_settings()?;
    Some(settings.join("themes").join(format!("{name}.toml")))
}

fn colour<'de, D: Deserializer<'de>>(from: D) -> Result<Color, D::Error> {
    let text = String::deserialize(from)?;
    hexadecimal(&text)
        .ok_or_else(|| D::Error::custom(format!("`{text}` is no colour like #10151c")))
}

fn colours<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Color>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    let colour = |text: &String| {
        let told = || D::Error::custom(format!("`{text}` is no colour like #10151c"));
        hexadecimal(text).ok_or_else(told)
    };
    texts.iter().map(colour).collect()
}

fn hexadecimal(text: &str) -> Option<Color> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let [_, red, green, blue] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
    Some(Color::Rgb(red, green, blue))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_themes_are_right_and_called_as_their_files() {
        for (name, text) in BUILT_IN {
            let file: ThemeFile = toml::from_str(text).unwrap();
            assert_eq!(file.name, *name);
            assert!(file.series.len() >= 6);
        }
    }

    #[test]
    fn names_that_are_paths_find_nothing() {
        assert_eq!(own_theme("../../etc/passwd"), None);
        assert_eq!(own_theme(""), None);
        assert!(find("no-such-theme").is_none());
    }
}
