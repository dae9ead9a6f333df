//! What the Compose specification allows: which keys there are, and what each may hold.
//!
//! The tables ([`sections`], [`service`], [`build`], [`deploy`]) say it, [`check`] holds a document against them.

mod build;
mod check;
mod deploy;
mod sections;
mod service;

pub(super) use check::check;

/// What a value may be.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// A text.
    Text,
    /// A text that this function has nothing against; it says what is wanted.
    Checked(fn(&str) -> Result<(), &'static str>),
    /// One of these texts.
    Word(&'static [&'static str]),
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool,
    /// `true` or `false`, or a text that says so.
    BoolOrText,
    /// A whole number.
    Int,
    /// A whole number or a text.
    IntOrText,
    /// A whole number between these, or a text.
    Between(i64, i64),
    /// A number.
    Number,
    /// A number or a text.
    NumberOrText,
    /// A number, a text or a boolean.
    Scalar,
    /// Anything.
    Any,
    /// A list.
    List(&'static Rule),
    /// A list in which nothing stands twice.
    Unique(&'static Rule),
    /// A mapping of any keys.
    Free(&'static Rule),
    /// A mapping of names: letters, digits, `.`, `_` and `-`.
    Named(&'static Rule),
    /// A mapping of known keys.
    Section(&'static Section),
    /// Any of these.
    Either(&'static [Rule]),
}

/// A mapping of known keys. Keys that begin with `x-` are always allowed.
#[derive(Debug)]
struct Section {
    /// The keys.
    keys: &'static [(&'static str, Rule)],
    /// Those that must be there.
    required: &'static [&'static str],
}

impl Section {
    /// None of these keys must be there.
    const fn of(keys: &'static [(&'static str, Rule)]) -> Self {
        Self {
            keys,
            required: &[],
        }
    }
}

/// A list of texts, none twice.
const TEXTS: Rule = Rule::Unique(&Rule::Text);

/// A text, or a list of texts.
const TEXT_OR_TEXTS: Rule = Rule::Either(&[Rule::Text, TEXTS]);

/// Names and values, as a mapping or as a list of `NAME=value`.
const PAIRS: Rule = Rule::Either(&[
    Rule::Free(&Rule::Either(&[Rule::Scalar, Rule::Null])),
    TEXTS,
]);

/// Options of a driver.
const OPTIONS: Rule = Rule::Free(&Rule::NumberOrText);

/// A command.
const COMMAND: Rule = Rule::Either(&[Rule::Null, Rule::Text, Rule::List(&Rule::Text)]);

/// Hosts and their addresses.
const HOSTS: Rule = Rule::Either(&[
    Rule::Free(&Rule::Either(&[Rule::Text, Rule::List(&Rule::Text)])),
    TEXTS,
]);

/// Limits of what a process may use.
const ULIMITS: Rule = Rule::Free(&Rule::Either(&[
    Rule::IntOrText,
    Rule::Section(&Section {
        keys: &[("hard", Rule::IntOrText), ("soft", Rule::IntOrText)],
        required: &["soft", "hard"],
    }),
]));

/// Configs or secrets that are mounted.
const MOUNTED_FILES: Rule = Rule::List(&Rule::Either(&[
    Rule::Text,
    Rule::Section(&Section::of(&[
        ("source", Rule::Text),
        ("target", Rule::Text),
        ("uid", Rule::Text),
        ("gid", Rule::Text),
        ("mode", Rule::NumberOrText),
    ])),
]));

/// Devices that are asked for.
const fn device_requests(required: &'static [&'static str]) -> Section {
    Section {
        keys: &[
            ("capabilities", TEXTS),
            ("count", Rule::IntOrText),
            ("device_ids", TEXTS),
            ("driver", Rule::Text),
            ("options", PAIRS),
        ],
        required,
    }
}

/// A command that is run beside a service's own.
const HOOK: Section = Section {
    keys: &[
        ("command", COMMAND),
        ("user", Rule::Text),
        ("privileged", Rule::BoolOrText),
        ("working_dir", Rule::Text),
        ("environment", PAIRS),
    ],
    required: &["command"],
};

#[cfg(test)]
mod tests;
