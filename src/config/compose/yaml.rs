//! YAML text into the [`Node`] tree: anchors, aliases and merge keys filled in, every value with its place.

use std::collections::HashMap;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, Span, options};

use super::super::problem::{Problem, quoted};
use super::super::source::Source;
use super::node::{Map, Node, Spot, Tag, Value};
use super::scalar;

/// How many values aliases may make of one file.
const MOST_ALIASED: usize = 200_000;

/// How deep values may be nested.
const DEEPEST: usize = 200;

/// The documents of this file. What is wrong goes to `problems`; what was read before it is returned.
pub(super) fn parse(source: &Arc<Source>, problems: &mut Vec<Problem>) -> Vec<Node> {
    let wanted = options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        block_scalar_eof_without_line_feed: true,
    };
    let mut reader = Reader {
        source,
        parser: Parser::new_from_str_with_options(&source.text, wanted),
        anchors: HashMap::new(),
        aliased: 0,
        depth: 0,
        problems,
    };
    let mut documents = Vec::new();
    while let Some(found) = reader.next() {
        match found {
            Ok((Event::DocumentStart(..), _)) => {
                let Ok(document) = reader.node() else { break };
                documents.push(document);
            }
            Ok((Event::StreamEnd, _)) | Err(Broken) => break,
            Ok(_) => {}
        }
    }
    documents
}

/// The rest of the file cannot be read; what is wrong was noted.
struct Broken;

struct Reader<'s, 'p> {
    source: &'s Arc<Source>,
    parser: Parser<'s, granit_parser::StrInput<'s>>,
    /// What each anchor names, and how many values that is.
    anchors: HashMap<usize, (Node, usize)>,
    aliased: usize,
    depth: usize,
    problems: &'p mut Vec<Problem>,
}

impl<'s> Reader<'s, '_> {
    fn next(&mut self) -> Option<Result<(Event<'s>, Span), Broken>> {
        let next = self.parser.next()?;
        Some(next.map_err(|error| {
            let mark = error.marker();
            let at = mark.byte_offset().unwrap_or(0);
            let spot = Spot::new(self.source, at..at + 1);
            let message = format!("not valid YAML: {}", error.info());
            self.problems.push(Problem::error(spot.place(), message));
            Broken
        }))
    }

    /// The next event within a document.
    fn event(&mut self) -> Result<(Event<'s>, Span), Broken> {
        self.next().unwrap_or(Err(Broken))
    }

    /// The next value.
    fn node(&mut self) -> Result<Node, Broken> {
        let (event, span) = self.event()?;
        self.node_of(event, &span)
    }

    fn spot(&self, span: &Span) -> Spot {
        Spot::new(self.source, span.byte_range().unwrap_or(0..0))
    }

    fn error(&mut self, spot: &Spot, message: String) -> &mut Problem {
        let index = self.problems.len();
        self.problems.push(Problem::error(spot.place(), message));
        &mut self.problems[index]
    }

    fn node_of(&mut self, event: Event<'s>, span: &Span) -> Result<Node, Broken> {
        let mut spot = self.spot(span);
        let before = self.aliased;
        self.depth += 1;
        if self.depth > DEEPEST {
            self.error(&spot, format!("more than {DEEPEST} levels deep"));
            return Err(Broken);
        }
        let (node, anchor) = match event {
            Event::Alias(anchor) => (self.alias(anchor, &spot)?, 0),
            Event::UnresolvedAlias(name) => {
                self.error(&spot, format!("nothing is called {}", quoted(&name)))
                    .help(format!(
                        "put &{name} before the value that is meant, above this line"
                    ));
                (Node::new(Value::Null, &spot), 0)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let tag = Kind::of(tag.as_deref());
                let value = scalar_value(&text, style, tag);
                (tag.node(value, &spot), anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                let members = self.members()?;
                (
                    Kind::of(tag.as_deref()).node(Value::List(members), &spot),
                    anchor,
                )
            }
            Event::MappingStart(_, anchor, tag) => {
                let (map, first) = self.mapping()?;
                if let Some(first) = first {
                    spot = first;
                }
                (
                    Kind::of(tag.as_deref()).node(Value::Map(map), &spot),
                    anchor,
                )
            }
            _ => return Err(Broken),
        };
        self.depth -= 1;
        if anchor > 0 {
            let size = count(&node).max(self.aliased - before);
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, spot: &Spot) -> Result<Node, Broken> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            self.error(spot, "this alias stands within what it names".into());
            return Ok(Node::new(Value::Null, spot));
        };
        self.aliased += size;
        if self.aliased > MOST_ALIASED {
            self.error(spot, "aliases of aliases make too much of this file".into());
            return Err(Broken);
        }
        Ok(node.clone())
    }

    fn members(&mut self) -> Result<Vec<Node>, Broken> {
        let mut members = Vec::new();
        loop {
            match self.event()? {
                (Event::SequenceEnd, _) => return Ok(members),
                (event, span) => members.push(self.node_of(event, &span)?),
            }
        }
    }

    /// A mapping, and where its first key stands.
    fn mapping(&mut self) -> Result<(Map, Option<Spot>), Broken> {
        let mut map = Map::new();
        let mut merged = Vec::new();
        let mut first = None;
        loop {
            let (event, span) = match self.event()? {
                (Event::MappingEnd, _) => break,
                other => other,
            };
            let is_merge =
                matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let key = self.node_of(event, &span)?;
            first.get_or_insert_with(|| key.at.clone());
            let known = self.problems.len();
            let mut value = self.node()?;
            if is_merge {
                let is_wrong = self.problems.len() > known;
                if !is_wrong {
                    merged.extend(self.merge_sources(value));
                }
                continue;
            }
            let Some(name) = self.key_name(&key) else {
                continue;
            };
            value.key = Some(key.at.clone());
            if let Some(earlier) = map.get(&name).and_then(|node: &Node| node.key.clone()) {
                self.twice(&name, &key.at, &earlier);
                continue;
            }
            map.insert(name, value);
        }
        for source in merged {
            for (name, value) in source {
                map.entry(name).or_insert(value);
            }
        }
        Ok((map, first))
    }

    fn twice(&mut self, name: &str, here: &Spot, earlier: &Spot) {
        let problem = self.error(here, format!("the key {} is given twice", quoted(name)));
        problem.help("remove one of the two, or join them");
        if let Some(place) = earlier.place() {
            problem.also(place, "first here");
        }
    }

    /// The mappings that a merge key brings in, the one that wins first.
    fn merge_sources(&mut self, value: Node) -> Vec<Map> {
        let at = value.at.clone();
        let sources = match value.value {
            Value::List(members) => members,
            _ => vec![value],
        };
        let mut maps = Vec::new();
        for source in sources {
            match source.value {
                Value::Map(map) => maps.push(map),
                _ => {
                    self.error(&at, "\"<<\" takes a mapping, or a list of mappings".into())
                        .help("write \"<<: *NAME\" where &NAME stands before a mapping");
                }
            }
        }
        maps
    }

    /// A key as text.
    fn key_name(&mut self, key: &Node) -> Option<String> {
        if let Value::Text(text) = &key.value {
            return Some(text.clone());
        }
        let kind = key.kind();
        match key.scalar() {
            Some(text) => self
                .error(&key.at, format!("a key must be a string, {text} is {kind}"))
                .help(format!("put it in quotes: \"{text}\"")),
            None => self.error(&key.at, format!("a key must be a string, found {kind}")),
        };
        None
    }
}

/// How many values this is.
fn count(node: &Node) -> usize {
    match &node.value {
        Value::List(members) => 1 + members.iter().map(count).sum::<usize>(),
        Value::Map(map) => 1 + map.values().map(count).sum::<usize>(),
        _ => 1,
    }
}

/// What a tag says of a value.
#[derive(Clone, Copy)]
enum Kind {
    /// Nothing.
    Plain,
    /// It is a text, as with `!!str` and with every tag of somebody else.
    Text,
    /// It is a number, a boolean or nothing, however it is quoted.
    Core,
    /// How it is merged.
    Merging(Tag),
}

impl Kind {
    fn of(tag: Option<&granit_parser::Tag>) -> Self {
        let Some(tag) = tag else { return Self::Plain };
        match (tag.handle(), tag.suffix()) {
            ("!", "reset") => Self::Merging(Tag::Reset),
            ("!", "override") => Self::Merging(Tag::Override),
            _ => match tag.core_suffix() {
                Some("int" | "float" | "bool" | "null") => Self::Core,
                _ => Self::Text,
            },
        }
    }

    fn node(self, value: Value, spot: &Spot) -> Node {
        let tag = match self {
            Self::Merging(tag) => tag,
            _ => Tag::None,
        };
        Node {
            tag,
            ..Node::new(value, spot)
        }
    }
}

fn scalar_value(text: &str, style: ScalarStyle, kind: Kind) -> Value {
    match kind {
        Kind::Core => scalar::plain(text),
        Kind::Plain | Kind::Merging(_) if style == ScalarStyle::Plain => scalar::plain(text),
        _ => Value::Text(text.to_owned()),
    }
}
