//! `--isolated`: a second copy of a stack beside the first, and what people are told of where its front doors are.

use super::Failure;
use super::addresses::SharedDoors;
use crate::adapters::Identity;
use crate::engine::Event;
use crate::proxy::Edge;
use crate::stack::{Published, Stack};

/// How long a copy's own name may be: it becomes part of host names.
const LONGEST: usize = 32;

/// Makes a stack the copy that was asked for; nothing asked: it stays what it is. Gives the front doors that were moved.
pub(super) fn apply(stack: &mut Stack, asked: Option<&str>) -> Result<Vec<Published>, Failure> {
    match asked {
        None => Ok(Vec::new()),
        Some("") => {
            let suffix = suffix_of(stack);
            Ok(stack.isolate(&suffix))
        }
        Some(name) if is_name(name) => Ok(stack.isolate(name)),
        Some(name) => Err(Failure::Wrong(format!(
            "error: \"{name}\" cannot be the name of a copy\nhelp: take at most {LONGEST} of a-z, 0-9, `-` and `_`, beginning \
             with a letter or digit, as in `--isolated=review`"
        ))),
    }
}

fn is_name(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_any = |byte: u8| is_inner(byte) || b"-_".contains(&byte);
    name.len() <= LONGEST && name.bytes().next().is_some_and(is_inner) && name.bytes().all(is_any)
}

/// A name for the copy of this folder: that of the folder for people, and digits that no other folder has.
fn suffix_of(stack: &Stack) -> String {
    let identity = Identity::new(&stack.name, &stack.directory, String::new());
    let folder = identity.directory.file_name().unwrap_or_default();
    let plain: String = folder
        .to_string_lossy()
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(LONGEST - 9)
        .collect();
    let plain = plain.trim_matches('-');
    let digits = &identity.hash[..4];
    if plain.is_empty() || plain == stack.name {
        digits.to_owned()
    } else {
        format!("{plain}-{digits}")
    }
}

/// A front door of a copy, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Door {
    published: Published,
    at: std::net::SocketAddr,
}

/// Where the front doors of a copy are.
pub(super) fn doors(published: &[Published], doors: &SharedDoors) -> Vec<Door> {
    let doors = doors.lock();
    let found = published.iter().filter_map(|published| {
        let edge = Edge {
            caller: None,
            callee: published.service.clone(),
            port: published.container,
        };
        let at = doors.address(&edge)?;
        let published = published.clone();
        Some(Door { published, at })
    });
    found.collect()
}

impl Door {
    /// What views are told of it.
    pub(super) fn told(&self) -> Event {
        Event::FrontDoor {
            service: self.published.service.clone(),
            port: self.published.port(),
            address: self.at,
            variable: self.variable(),
        }
    }

    /// A line for the shell.
    pub(super) fn export(&self) -> String {
        format!("export {}={}", self.variable(), self.at.port())
    }

    /// The variable that names its port: `BOATYARD_WEB_8080`.
    fn variable(&self) -> String {
        let service = self.published.service.as_str().to_ascii_uppercase();
        let plain = service.chars();
        let plain: String = plain
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        format!("BOATYARD_{plain}_{}", self.published.port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(name: &str, directory: &str) -> Stack {
        Stack {
            name: name.into(),
            directory: directory.into(),
            ..Stack::default()
        }
    }

    #[test]
    fn a_copy_is_named_after_its_folder_and_no_two_folders_agree() {
        let named = |name: &str, directory: &str| {
            let mut stack = stack(name, directory);
            apply(&mut stack, Some("")).unwrap();
            stack.name
        };
        let one = named("shop", "/no/such/Feature X");
        assert!(one.starts_with("shop-feature-x-"), "{one}");
        assert_ne!(one, named("shop", "/no/other/Feature X"));
        let same = named("shop", "/no/such/shop");
        assert_eq!(same.len(), "shop-".len() + 4, "{same}");
    }

    #[test]
    fn a_given_name_must_fit_in_names_of_containers() {
        let mut given = stack("shop", "/x");
        apply(&mut given, Some("review-2")).unwrap();
        assert_eq!(given.name, "shop-review-2");
        for wrong in ["Review", "a b", "-x", "ä", &"x".repeat(33)] {
            let failed = apply(&mut stack("shop", "/x"), Some(wrong));
            let said = failed.unwrap_err().to_string();
            assert!(said.contains("--isolated=review"), "{said}");
        }
        let mut plain = stack("shop", "/x");
        assert_eq!(apply(&mut plain, None).unwrap(), []);
        assert_eq!(plain.name, "shop");
    }

    #[test]
    fn a_door_is_exported_under_a_name_that_shells_take() {
        let door = Door {
            published: Published {
                service: "my-web.v2".into(),
                container: 80,
                host: Some(8080),
            },
            at: ([127, 0, 0, 1], 41873).into(),
        };
        assert_eq!(door.export(), "export BOATYARD_MY_WEB_V2_8080=41873");
    }
}
