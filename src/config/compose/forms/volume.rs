//! The short form of a mount: `[SOURCE:]TARGET[:OPTIONS]`.

use serde_json::{Map, Value, json};

use super::FormError;

const HELP: &str =
    "write \"NAME:/path\", \"./folder:/path\", either with \":ro\" behind it, or \"/path\"";

/// The long form of what a short form says. That the folder of a bind mount is created is not written out.
pub(in crate::config) fn volume(text: &str) -> Result<Value, FormError> {
    if text.is_empty() {
        return Err(FormError::new(0..0, "invalid empty volume spec").help(HELP));
    }
    if text.len() < 3 {
        return Ok(json!({ "type": "volume", "target": text }));
    }
    let parts = parts(text);
    if let Some((at, _)) = parts.iter().find(|(_, part)| part.is_empty()) {
        let message = format!("invalid spec: {text}: empty section between colons");
        let colon = at.saturating_sub(1);
        return Err(FormError::new(colon..colon + 1, message).help(HELP));
    }
    if let Some((at, _)) = parts.get(3) {
        let message = format!("invalid spec: {text}: too many colons");
        return Err(FormError::new(at - 1..text.len(), message).help(HELP));
    }
    let part = |index: usize| parts.get(index).map(|(_, part)| *part);
    let (source, target) = match part(1) {
        Some(target) => (part(0), target),
        None => (None, text),
    };
    let options = Options::of(part(2).unwrap_or(""));
    let mut long = Map::new();
    let is_bind = source.is_some_and(is_path);
    let kind = if is_bind { "bind" } else { "volume" };
    long.insert("type".into(), kind.into());
    if let Some(source) = source {
        long.insert("source".into(), source.into());
    }
    long.insert("target".into(), target.into());
    if options.read_only {
        long.insert("read_only".into(), true.into());
    }
    if is_bind || !options.bind.is_empty() {
        let mut bind = options.bind;
        if !is_bind {
            // The reference makes folders only for binds, and shows that it will not.
            bind.insert("create_host_path".into(), false.into());
        }
        long.insert("bind".into(), bind.into());
    }
    if options.no_copy {
        long.insert("volume".into(), json!({ "nocopy": true }));
    } else if !is_bind {
        long.insert("volume".into(), json!({}));
    }
    Ok(long.into())
}

/// What stands between the colons, with the byte at which each begins. The colon of a Windows drive, and those of a
/// variable that is not filled in yet, part nothing.
fn parts(text: &str) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut open = 0_usize;
    for (index, c) in text.char_indices() {
        match c {
            '$' if text[index + 1..].starts_with('{') => open += 1,
            '}' => open = open.saturating_sub(1),
            ':' if open == 0 && !is_drive(&text[start..index]) => {
                parts.push((start, &text[start..index]));
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push((start, &text[start..]));
    parts
}

fn is_drive(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none()
}

/// Whether this source means a path rather than the name of a volume.
fn is_path(source: &str) -> bool {
    let drive = source
        .split_once(':')
        .is_some_and(|(letter, _)| is_drive(letter));
    drive || source.starts_with(['.', '/', '~']) || source.starts_with(r"\\")
}

#[derive(Default)]
struct Options {
    read_only: bool,
    no_copy: bool,
    bind: Map<String, Value>,
}

impl Options {
    /// What these options say; the reference passes over those that it does not know.
    fn of(text: &str) -> Self {
        let mut options = Self::default();
        for option in text.split(',') {
            match option {
                "ro" => options.read_only = true,
                "rw" => options.read_only = false,
                "nocopy" => options.no_copy = true,
                "z" | "Z" => {
                    options.bind.insert("selinux".into(), option.into());
                }
                "rprivate" | "private" | "rshared" | "shared" | "rslave" | "slave" => {
                    options.bind.insert("propagation".into(), option.into());
                }
                _ => {}
            }
        }
        options
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn short_forms_are_read_or_refused() {
        for (text, wanted) in [
            (
                "/data",
                json!({ "type": "volume", "target": "/data", "volume": {} }),
            ),
            ("/a", json!({ "type": "volume", "target": "/a" })),
            (
                "db:/data:nocopy,ro",
                json!({ "type": "volume", "source": "db", "target": "/data", "read_only": true, "volume": { "nocopy": true } }),
            ),
            (
                "./a:/b:ro,z,rslave,cached",
                json!({ "type": "bind", "source": "./a", "target": "/b", "read_only": true, "bind": { "selinux": "z", "propagation": "rslave" } }),
            ),
            (
                r"\\.\pipe\docker:/b",
                json!({ "type": "bind", "source": r"\\.\pipe\docker", "target": "/b", "bind": {} }),
            ),
            (
                r"c:\a:/b",
                json!({ "type": "bind", "source": r"c:\a", "target": "/b", "bind": {} }),
            ),
            (
                "${A:-./a}:/b",
                json!({ "type": "volume", "source": "${A:-./a}", "target": "/b", "volume": {} }),
            ),
        ] {
            assert_eq!(volume(text), Ok(wanted), "{text:?}");
        }
        for (text, message, range) in [
            ("", "invalid empty volume spec", 0..0),
            (
                "ab::/b",
                "invalid spec: ab::/b: empty section between colons",
                2..3,
            ),
            (
                ":/data",
                "invalid spec: :/data: empty section between colons",
                0..1,
            ),
            (
                "data:",
                "invalid spec: data:: empty section between colons",
                4..5,
            ),
            (
                "vol:/b:ro:rw",
                "invalid spec: vol:/b:ro:rw: too many colons",
                9..12,
            ),
        ] {
            let error = volume(text).unwrap_err();
            assert_eq!(
                (error.message.as_str(), error.range),
                (message, range),
                "{text:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[a:/.~$\\{\\},ro\\\\é]{0,16}|.{0,12}") {
            if let Err(error) = volume(&text) {
                prop_assert!(text.get(error.range).is_some());
            }
        }
    }
}
