//! Addresses of other services in environment values: `{{payments.url}}`.

use std::fmt::Write as _;

use crate::stack::{AddressPart, EnvValue, Fragment, ServiceName};

/// A mention of another service's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mention {
    /// As written, braces included.
    pub(super) expression: String,
    /// The service named.
    pub(super) service: String,
    /// The part named, which may not exist.
    pub(super) part: String,
}

/// The parts there are.
pub(super) const PARTS: [(&str, AddressPart); 3] = [
    ("url", AddressPart::Url),
    ("host", AddressPart::Host),
    ("port", AddressPart::Port),
];

/// Splits a value into text and addresses. `{{NAME.part}}` is an address, `\{{` a plain `{{`, and all else is text.
pub(super) fn parse(text: &str) -> (EnvValue, Vec<Mention>) {
    let mut fragments = Vec::new();
    let mut mentions = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        if let Some(before) = rest[..at].strip_suffix('\\') {
            plain.push_str(before);
            plain.push_str("{{");
            rest = &rest[at + 2..];
            continue;
        }
        let Some(mention) = mention(&rest[at..]) else {
            plain.push_str(&rest[..at + 2]);
            rest = &rest[at + 2..];
            continue;
        };
        plain.push_str(&rest[..at]);
        rest = &rest[at + mention.expression.len()..];
        let part = PARTS.iter().find(|(name, _)| *name == mention.part);
        if let Some((_, part)) = part {
            if !plain.is_empty() {
                fragments.push(Fragment::Text(std::mem::take(&mut plain)));
            }
            let name = ServiceName::new(&mention.service);
            fragments.push(Fragment::Address(name, *part));
        }
        mentions.push(mention);
    }
    plain.push_str(rest);
    if !plain.is_empty() || fragments.is_empty() {
        fragments.push(Fragment::Text(plain));
    }
    (EnvValue(fragments), mentions)
}

/// The value as [`parse`] reads it back.
pub(super) fn show(value: &EnvValue) -> String {
    let mut text = String::new();
    for fragment in &value.0 {
        match fragment {
            Fragment::Text(plain) => text.push_str(&plain.replace("{{", "\\{{")),
            Fragment::Address(name, part) => {
                let _ = write!(text, "{{{{{name}.{}}}}}", part.word());
            }
        }
    }
    text
}

/// The mention that this text begins with.
fn mention(text: &str) -> Option<Mention> {
    // Names are short: without a limit a text of many open braces would be searched again for each of them.
    const LONGEST: usize = 200;
    let end = text
        .bytes()
        .take(LONGEST)
        .zip(text.bytes().skip(1))
        .position(|pair| pair == (b'}', b'}'))?;
    let (service, part) = text[2..end].trim().rsplit_once('.')?;
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
    };
    (is_name(service) && is_name(part)).then(|| Mention {
        expression: text[..end + 2].to_owned(),
        service: service.to_owned(),
        part: part.to_owned(),
    })
}
