//! What keys are called.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The name of a key: what stands in the table of keys. `None` for a key that has none there.
pub(in crate::tui) fn key_name(key: KeyEvent) -> Option<String> {
    let base = match key.code {
        KeyCode::Char(' ') => "space".to_owned(),
        KeyCode::Char(letter) if key.modifiers.contains(KeyModifiers::CONTROL) => {
            letter.to_ascii_lowercase().to_string()
        }
        KeyCode::Char(letter) => letter.to_string(),
        KeyCode::F(number) => format!("f{number}"),
        code => plain_name(code)?.to_owned(),
    };
    let mut name = String::new();
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        name.push_str("ctrl-");
    }
    if key.modifiers.contains(KeyModifiers::ALT) {
        name.push_str("alt-");
    }
    let shifted = key.modifiers.contains(KeyModifiers::SHIFT);
    if shifted && !matches!(key.code, KeyCode::Char(_) | KeyCode::BackTab) {
        name.push_str("shift-");
    }
    Some(name + &base)
}

fn plain_name(code: KeyCode) -> Option<&'static str> {
    Some(match code {
        KeyCode::Enter => "enter",
        KeyCode::Esc => "esc",
        KeyCode::Tab => "tab",
        KeyCode::BackTab => "shift-tab",
        KeyCode::Up => "up",
        KeyCode::Down => "down",
        KeyCode::Left => "left",
        KeyCode::Right => "right",
        KeyCode::Home => "home",
        KeyCode::End => "end",
        KeyCode::PageUp => "pgup",
        KeyCode::PageDown => "pgdn",
        KeyCode::Backspace => "backspace",
        KeyCode::Delete => "delete",
        _ => return None,
    })
}

/// Other words for some keys.
const ALSO: [(&str, &str); 9] = [
    ("return", "enter"),
    ("escape", "esc"),
    ("pageup", "pgup"),
    ("page-up", "pgup"),
    ("pagedown", "pgdn"),
    ("page-down", "pgdn"),
    ("del", "delete"),
    ("backtab", "shift-tab"),
    ("spc", "space"),
];

/// What terminals send for another key as well.
const SAME: [(&str, &str); 4] = [
    ("ctrl-i", "tab"),
    ("ctrl-m", "enter"),
    ("ctrl-[", "esc"),
    ("ctrl-3", "esc"),
];

/// Names under which a terminal's events tell a control character.
const TWO_NAMES: [(&str, &str); 4] = [
    ("ctrl-\\", "ctrl-4"),
    ("ctrl-]", "ctrl-5"),
    ("ctrl-^", "ctrl-6"),
    ("ctrl-_", "ctrl-7"),
];

/// The names of the key that a person writes so, as [`key_name`] gives them; there are two for some.
///
/// # Errors
/// Why there is no such key, in words.
pub(super) fn read(written: &str) -> Result<Vec<String>, String> {
    let mut rest = written;
    let (mut control, mut alt, mut shift) = (false, false, false);
    loop {
        let lower = rest.to_ascii_lowercase();
        let (flag, length) = match () {
            () if lower.starts_with("ctrl-") && lower.len() > 5 => (&mut control, 5),
            () if lower.starts_with("alt-") && lower.len() > 4 => (&mut alt, 4),
            () if lower.starts_with("shift-") && lower.len() > 6 => (&mut shift, 6),
            () => break,
        };
        *flag = true;
        rest = &rest[length..];
    }
    let mut letters = rest.chars();
    let base = match (letters.next(), letters.next()) {
        (Some(' '), None) => "space".to_owned(),
        (Some(letter), None) if letter.is_control() => return Err(unknown(written)),
        (Some(letter), None) => {
            if control {
                letter.to_ascii_lowercase().to_string()
            } else if std::mem::take(&mut shift) {
                letter.to_uppercase().to_string()
            } else {
                letter.to_string()
            }
        }
        _ => long_name(rest).ok_or_else(|| unknown(written))?,
    };
    let mut name = String::new();
    for (wanted, prefix) in [(control, "ctrl-"), (alt, "alt-"), (shift, "shift-")] {
        if wanted && !base.starts_with(prefix) {
            name.push_str(prefix);
        }
    }
    name.push_str(&base);
    if let Some((_, other)) = SAME.iter().find(|(same, _)| *same == name) {
        return Err(format!("terminals send `{other}` for `{name}`"));
    }
    let two = TWO_NAMES
        .iter()
        .find(|(one, two)| *one == name || *two == name);
    Ok(match two {
        Some((one, two)) => vec![(*one).to_owned(), (*two).to_owned()],
        None => vec![name],
    })
}

fn long_name(word: &str) -> Option<String> {
    const NAMES: [&str; 15] = [
        "enter",
        "esc",
        "tab",
        "shift-tab",
        "up",
        "down",
        "left",
        "right",
        "home",
        "end",
        "pgup",
        "pgdn",
        "backspace",
        "delete",
        "space",
    ];
    let lower = word.to_ascii_lowercase();
    let also = ALSO.iter().find(|(also, _)| *also == lower);
    let name = also.map_or(lower.as_str(), |(_, name)| *name);
    let is_function = name.strip_prefix('f').is_some_and(|number| {
        let is_plain = !number.starts_with(['0', '+']);
        is_plain
            && number
                .parse::<u8>()
                .is_ok_and(|number| (1..=24).contains(&number))
    });
    (NAMES.contains(&name) || is_function).then(|| name.to_owned())
}

fn unknown(written: &str) -> String {
    format!(
        "`{written}` is no key; keys are called like `x`, `X`, `ctrl-x`, `alt-x`, `f5`, `pgdn`, `shift-up`"
    )
}
