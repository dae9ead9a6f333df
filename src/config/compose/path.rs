//! Where in a Compose model a value stands: the keys that lead to it.

use super::super::problem::quoted;

/// The keys from the top of the model to a value; `[]` stands for a place in a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path<'a> {
    above: Option<&'a Path<'a>>,
    key: &'a str,
}

/// The name of every place in a list.
pub(super) const MEMBER: &str = "[]";

impl<'a> Path<'a> {
    /// The top of the model.
    pub(super) const TOP: Path<'static> = Path {
        above: None,
        key: "",
    };

    /// One key further down.
    pub(super) fn then<'b>(&'b self, key: &'b str) -> Path<'b>
    where
        'a: 'b,
    {
        Path {
            above: Some(self),
            key,
        }
    }

    /// Whether it is the top of the model.
    pub(super) fn is_top(&self) -> bool {
        self.above.is_none()
    }

    /// Whether it is a path of this pattern, in which `*` stands for any one key.
    pub(super) fn is(&self, pattern: &str) -> bool {
        let mut here = self;
        for wanted in pattern.rsplit('.') {
            let Some(above) = here.above else {
                return false;
            };
            if wanted != "*" && wanted != here.key {
                return false;
            }
            here = above;
        }
        here.above.is_none()
    }

    /// How messages name the value: `"ports" in service "web"`.
    pub(super) fn words(&self) -> String {
        let mut keys = Vec::new();
        let mut here = self;
        while let Some(above) = here.above {
            if here.key != MEMBER {
                keys.push(here.key);
            }
            here = above;
        }
        keys.reverse();
        let section = keys.first().and_then(|first| singular(first));
        match (section, keys.as_slice()) {
            (Some(section), [_, name]) => format!("{section} {}", quoted(name)),
            (Some(section), [_, name, rest @ ..]) => {
                format!("\"{}\" in {section} {}", rest.join("."), quoted(name))
            }
            (_, []) => "the Compose file".into(),
            (_, keys) => format!("\"{}\"", keys.join(".")),
        }
    }

    /// The row of a table whose pattern this path fits.
    pub(super) fn look_up<T: Copy>(&self, table: &[(&str, T)]) -> Option<T> {
        let row = table.iter().find(|(pattern, _)| self.is(pattern));
        row.map(|(_, value)| *value)
    }
}

/// What one entry of a section is called.
fn singular(section: &str) -> Option<&'static str> {
    Some(match section {
        "services" => "service",
        "networks" => "network",
        "volumes" => "volume",
        "secrets" => "secret",
        "configs" => "config",
        "models" => "model",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_key() {
        let services = Path::TOP.then("services");
        let web = services.then("web.example");
        let ports = web.then("ports");
        assert!(ports.is("services.*.ports"));
        assert!(!ports.is("services.*"));
        assert!(!ports.is("*.ports"));
        assert!(ports.then(MEMBER).is("services.*.ports.[]"));
        assert!(ports.then(MEMBER).is("services.*.ports.*"));
        assert_eq!(ports.words(), "\"ports\" in service \"web.example\"");
        assert_eq!(web.words(), "service \"web.example\"");
        assert_eq!(services.words(), "\"services\"");
        assert_eq!(web.look_up(&[("services", 1), ("services.*", 2)]), Some(2));
    }
}
