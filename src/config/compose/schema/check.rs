//! Holds a document against the tables.

use super::super::super::nearest::{nearest, suggest};
use super::super::super::problem::quoted;
use super::super::kinds::{Kind, LATE};
use super::super::node::{Node, Tag, Value};
use super::super::path::{MEMBER, Path};
use super::super::reading::Reading;
use super::{Rule, Section, sections};

/// Notes everything in this document that the specification does not allow. With `base`, it is a document that is yet
/// to be merged onto this one: what must be there may come from it.
pub(in super::super) fn check(document: &Node, base: Option<&Node>, reading: &mut Reading) {
    let rule = Rule::Section(&sections::FILE);
    let mut checker = Checker {
        is_partial: base.is_some(),
        reading,
    };
    checker.node(document, base, &rule, Path::TOP);
}

struct Checker<'r> {
    /// Whether required keys may be missing.
    is_partial: bool,
    reading: &'r mut Reading,
}

impl Checker<'_> {
    fn node(&mut self, node: &Node, base: Option<&Node>, rule: &Rule, path: Path<'_>) {
        let stands_in = self.is_partial && node.is_null() && base.is_some();
        if node.tag == Tag::Reset || stands_in {
            return;
        }
        match rule {
            Rule::Any => {}
            Rule::Either(rules) => match rules.iter().find(|rule| takes(rule, node)) {
                Some(rule) => self.node(node, base, rule, path),
                None => self.unexpected(node, rule, path),
            },
            _ if !takes(rule, node) => self.unexpected(node, rule, path),
            Rule::List(member) => self.members(node, member, path),
            Rule::Unique(member) => {
                self.members(node, member, path);
                // Before merging, twins of some keys are still there that are about to go.
                if !self.is_partial {
                    self.twice(node, path);
                }
            }
            Rule::Free(member) => self.entries(node, base, member, path, false),
            Rule::Named(member) => self.entries(node, base, member, path, true),
            Rule::Section(section) => self.section(node, base, section, path),
            Rule::Word(words) => self.word(node, words, path),
            Rule::Checked(check) => {
                if let Err(wanted) = check(node.as_text().unwrap_or_default()) {
                    self.invalid(node, wanted, path);
                }
            }
            Rule::Between(least, most) => {
                let number = node.as_int();
                if number.is_some_and(|number| !(*least..=*most).contains(&number)) {
                    let wanted = match *most {
                        i64::MAX => format!("a number of at least {least}"),
                        most => format!("a number between {least} and {most}"),
                    };
                    self.invalid(node, &wanted, path);
                }
            }
            _ => {}
        }
    }

    fn members(&mut self, node: &Node, rule: &Rule, path: Path<'_>) {
        for member in node.members() {
            self.node(member, None, rule, path.then(MEMBER));
        }
    }

    fn entries(
        &mut self,
        node: &Node,
        base: Option<&Node>,
        rule: &Rule,
        path: Path<'_>,
        are_names: bool,
    ) {
        for (key, member) in node.entries() {
            if are_names && !is_name(key) {
                let message = format!("{}: {} cannot be a name", path.words(), quoted(key));
                self.reading
                    .error(member.key_spot(), message)
                    .help("use letters, digits, \".\", \"_\" and \"-\"");
                continue;
            }
            let base = base.and_then(|base| base.get(key));
            self.node(member, base, rule, path.then(key));
        }
    }

    fn section(&mut self, node: &Node, base: Option<&Node>, section: &Section, path: Path<'_>) {
        for (key, member) in node.entries() {
            if key.starts_with("x-") {
                continue;
            }
            let Some((_, rule)) = section.keys.iter().find(|(known, _)| *known == key) else {
                self.unknown(key, member, section, path);
                if nearest(key, ["image", "build"]).is_some() && path.is("services.*") {
                    self.reading.spoil(node.key_spot());
                }
                continue;
            };
            let base = base.and_then(|base| base.get(key));
            self.node(member, base, rule, path.then(key));
        }
        if self.is_partial {
            return;
        }
        for key in section.required {
            if node.get(key).is_none() {
                let message = format!("\"{key}\" is missing in {}", path.words());
                self.reading.error(&node.at, message);
            }
        }
    }

    fn unknown(&mut self, key: &str, member: &Node, section: &Section, path: Path<'_>) {
        let at_top = path.is_top();
        let place = if at_top {
            "at the top of the file".to_owned()
        } else {
            format!("in {}", path.words())
        };
        let looks_like_service = at_top
            && ["image", "build"]
                .iter()
                .any(|key| member.get(key).is_some());
        let help = if looks_like_service {
            Some("services stand below \"services:\", indented".to_owned())
        } else {
            suggest(key, section.keys.iter().map(|(key, _)| *key), "known key")
        };
        let spot = member.key_spot().clone();
        self.reading
            .error(&spot, format!("unknown key {} {place}", quoted(key)))
            .help_if(help);
    }

    fn word(&mut self, node: &Node, words: &'static [&'static str], path: Path<'_>) {
        let text = node.as_text().unwrap_or_default();
        if words.contains(&text) {
            return;
        }
        let message = format!("{}: {} is not known", path.words(), quoted(text));
        let help = suggest(text, words.iter().copied(), "possible value");
        self.reading.error(&node.at, message).help_if(help);
    }

    fn invalid(&mut self, node: &Node, wanted: &str, path: Path<'_>) {
        let found = quoted(&node.scalar().unwrap_or_default());
        let message = format!("{}: expected {wanted}, found {found}", path.words());
        self.reading.error(&node.at, message);
    }

    fn unexpected(&mut self, node: &Node, rule: &Rule, path: Path<'_>) {
        let (wanted, found) = (wanted(rule), node.kind());
        let message = format!("{}: expected {wanted}, found {found}", path.words());
        let is_text_wanted = wanted == "a string" || wanted.starts_with("a string or");
        let is_time = path.look_up(LATE) == Some(Kind::Duration);
        let help = match (&node.value, node.scalar()) {
            (Value::Text(_), _) | (_, None) => None,
            (_, Some(text)) if is_time => Some(format!("give it a unit: \"{text}s\"")),
            (_, Some(text)) if is_text_wanted => Some(format!("put it in quotes: \"{text}\"")),
            _ => None,
        };
        let spot = if node.is_null() {
            node.key_spot()
        } else {
            &node.at
        };
        self.reading.error(spot, message).help_if(help);
        self.reading.spoil(spot);
    }

    fn twice(&mut self, node: &Node, path: Path<'_>) {
        let members = node.members();
        for (index, member) in members.iter().enumerate() {
            let Some(first) = members[..index].iter().find(|known| *known == member) else {
                continue;
            };
            let what = member
                .scalar()
                .map_or_else(|| "this".to_owned(), |text| quoted(&text));
            let message = format!("{}: {what} is given twice", path.words());
            let problem = self.reading.error(&member.at, message);
            problem.help("remove one of the two");
            if let Some(place) = first.at.place() {
                problem.also(place, "first here");
            }
        }
    }
}

/// Whether the kind of this value is one that the rule takes.
fn takes(rule: &Rule, node: &Node) -> bool {
    let is_text = matches!(node.value, Value::Text(_));
    let is_whole = match node.value {
        Value::Int(_) => true,
        Value::Float(number) => number.fract() == 0.0,
        _ => false,
    };
    let is_number = is_whole || matches!(node.value, Value::Float(_));
    let is_bool = matches!(node.value, Value::Bool(_));
    match rule {
        Rule::Any => true,
        Rule::Text | Rule::Checked(_) | Rule::Word(_) => is_text,
        Rule::Null => node.is_null(),
        Rule::Bool => is_bool,
        Rule::BoolOrText => is_bool || is_text,
        Rule::Int => is_whole,
        Rule::IntOrText | Rule::Between(..) => is_whole || is_text,
        Rule::Number => is_number,
        Rule::NumberOrText => is_number || is_text,
        Rule::Scalar => is_number || is_text || is_bool,
        Rule::List(_) | Rule::Unique(_) => matches!(node.value, Value::List(_)),
        Rule::Free(_) | Rule::Named(_) | Rule::Section(_) => {
            matches!(node.value, Value::Map(_))
        }
        Rule::Either(rules) => rules.iter().any(|rule| takes(rule, node)),
    }
}

/// What a rule takes, in words.
fn wanted(rule: &Rule) -> String {
    match rule {
        Rule::Any => "anything".into(),
        Rule::Text | Rule::Checked(_) => "a string".into(),
        Rule::Word(words) => words.join(", "),
        Rule::Null => "nothing".into(),
        Rule::Bool | Rule::BoolOrText => "true or false".into(),
        Rule::Int | Rule::IntOrText | Rule::Between(..) => "a whole number".into(),
        Rule::Number | Rule::NumberOrText => "a number".into(),
        Rule::Scalar => "a string, number or boolean".into(),
        Rule::List(_) | Rule::Unique(_) => "a list".into(),
        Rule::Free(_) | Rule::Named(_) | Rule::Section(_) => "a mapping".into(),
        Rule::Either(rules) => {
            let mut words: Vec<String> = rules
                .iter()
                .filter(|rule| !matches!(rule, Rule::Null))
                .map(wanted)
                .collect();
            words.dedup();
            words.join(" or ")
        }
    }
}

fn is_name(key: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !key.is_empty() && key.bytes().all(fits)
}
