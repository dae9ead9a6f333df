//! Something that was told about the session, as filters ask it.

use std::borrow::Cow;

use super::term::{NameField, NumberField, Subject};
use crate::telemetry::level::Level;

/// Something that was told about a service, or about the session.
#[derive(Debug, Clone, Copy)]
pub struct Remark<'a> {
    /// Which service; empty: the session.
    pub service: &'a str,
    /// What it is about, in a word, and its own name.
    pub kind: [&'a str; 2],
    /// How serious it is.
    pub level: Level,
    /// The number of the run that it is about.
    pub run: Option<u64>,
    /// The sentence, and what belongs to it.
    pub text: &'a str,
}

impl Subject for Remark<'_> {
    fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.text)
    }

    fn names(&self, field: NameField) -> [&str; 2] {
        match field {
            NameField::Service => [self.service, ""],
            NameField::Kind => self.kind,
            NameField::Caller
            | NameField::Callee
            | NameField::Method
            | NameField::Path
            | NameField::Stream
            | NameField::Grpc => ["", ""],
        }
    }

    fn number(&self, field: NumberField) -> Option<f64> {
        let run = self.run.filter(|_| field == NumberField::Run);
        run.map(|run| run as f64)
    }

    fn failed(&self) -> bool {
        self.level >= Level::Error
    }

    fn fault(&self) -> Option<&str> {
        None
    }

    fn level(&self) -> Option<Level> {
        Some(self.level)
    }

    fn is_of_trace(&self, _: &str) -> bool {
        false
    }

    fn field(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::Filter;
    use super::*;

    #[test]
    fn a_remark_is_asked_like_a_line() {
        let remark = Remark {
            service: "orders",
            kind: ["build", "build-failed"],
            level: Level::Error,
            run: None,
            text: "build 8 failed after 2.14 s",
        };
        let passes = |filter| {
            let filter = Filter::parse(filter).expect("a right filter");
            filter.matches_remark(&remark)
        };
        for filter in [
            "",
            "kind=build",
            "kind=run,build-failed",
            "service=orders level>=warn",
            "~after.2",
            "?bldfail",
            "error",
            "FAILED",
            "not kind=run",
        ] {
            assert!(passes(filter), "{filter}");
        }
        for filter in ["kind=run", "service=web", "status>=500", "run=1", "trace=1"] {
            assert!(!passes(filter), "{filter}");
        }
    }
}
