//! Which service a resource is, and which run of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::message::{self, Resource};
use crate::stack::ServiceName;
use crate::telemetry::Attributes;
use crate::text;

/// Resource attribute that names the service of the stack, whatever the program calls itself.
pub(super) const SERVICE: &str = "boatyard.service";
/// Resource attribute with the number of the run.
pub(super) const RUN: &str = "boatyard.run";

/// What a service without a name is called (semantic conventions, "Service").
const UNKNOWN: &str = "unknown_service";
/// What services beyond the number that is told apart are called.
const OTHERS: &str = "other-services";
/// How many names are told apart.
const MOST: usize = 256;
/// Characters of a name at most.
const LONGEST: usize = 100;

/// The names of services that were heard of, each made once.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<HashMap<String, ServiceName>>);

/// A resource as telemetry knows it.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) service: ServiceName,
    pub(super) run: Option<u64>,
    pub(super) attributes: Arc<Attributes>,
}

impl Names {
    /// Who a resource is.
    pub(super) fn origin(&self, resource: Option<Resource>) -> Origin {
        let attributes = message::attributes(resource.unwrap_or_default().attributes);
        let named = [SERVICE, "service.name"].iter();
        let named = named.filter_map(|key| attributes.text(key));
        let name = named.into_iter().find(|name| !name.trim().is_empty());
        let run = attributes.int(RUN).and_then(|run| run.try_into().ok());
        Origin {
            service: self.name(name.unwrap_or(UNKNOWN)),
            run,
            attributes: Arc::new(attributes),
        }
    }

    fn name(&self, name: &str) -> ServiceName {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(name) {
            return known.clone();
        }
        if names.len() >= MOST {
            return ServiceName::new(OTHERS);
        }
        let harmless: String = text::plain(name.as_bytes()).chars().take(LONGEST).collect();
        let made = ServiceName::new(harmless);
        // A name that is too long to be kept is made anew each time.
        if name.len() <= 4 * LONGEST {
            names.insert(name.to_owned(), made.clone());
        }
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_harmless_and_bounded() {
        let names = Names::default();
        assert_eq!(names.origin(None).service.as_str(), UNKNOWN);
        assert_eq!(names.name("a\x1b[31mb").as_str(), "ab");
        assert_eq!(names.name(&"x".repeat(5000)).as_str().len(), LONGEST);
        for n in 0..2 * MOST {
            names.name(&format!("s{n}"));
        }
        assert_eq!(names.name("s9999").as_str(), OTHERS);
        assert_eq!(names.name("s1").as_str(), "s1");
    }
}
