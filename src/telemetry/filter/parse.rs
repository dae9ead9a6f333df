//! Reads the filter language.

use super::FilterError;
use super::fault::FaultKind;
use super::fuzzy::Fuzzy;
use super::term::{FIELDS, NameField, Node, NumberField, Order, Test, number};
use crate::telemetry::level::Level;
use crate::telemetry::search::Search;

/// What stands before the name of a field that lines have of their own.
const OWN: &str = "field.";

/// How deep parentheses and negations may nest.
const DEEPEST: usize = 64;

/// The tree of this filter; `None` if it is empty.
pub(super) fn parse(text: &str) -> Result<Option<Node>, FilterError> {
    let mut parser = Parser {
        text,
        at: 0,
        depth: 0,
    };
    parser.skip_space();
    if parser.rest().is_empty() {
        return Ok(None);
    }
    let root = parser.any()?;
    if parser.rest().is_empty() {
        Ok(Some(root))
    } else {
        Err(parser.wrong("there is nothing that this parenthesis closes"))
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// A field's name, its operator, and where they began.
struct Question<'a> {
    at: usize,
    field: &'a str,
    op: &'static str,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn wrong(&self, message: impl Into<String>) -> FilterError {
        wrong_at(self.at, message)
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Whether this comes next; then it is passed.
    fn take(&mut self, wanted: &str) -> bool {
        let taken = self.rest().starts_with(wanted);
        if taken {
            self.at += wanted.len();
            self.skip_space();
        }
        taken
    }

    /// Whether this word comes next, and nothing else of the same word; then it is passed.
    fn take_word(&mut self, wanted: &str) -> bool {
        let rest = self.rest();
        let taken = rest
            .get(..wanted.len())
            .is_some_and(|word| word.eq_ignore_ascii_case(wanted))
            && rest[wanted.len()..]
                .chars()
                .next()
                .is_none_or(|c| c.is_whitespace() || c == '(');
        if taken {
            self.at += wanted.len();
            self.skip_space();
        }
        taken
    }

    fn any(&mut self) -> Result<Node, FilterError> {
        let mut nodes = vec![self.all()?];
        while self.take_word("or") {
            nodes.push(self.all()?);
        }
        Ok(one_or(nodes, Node::Any))
    }

    fn all(&mut self) -> Result<Node, FilterError> {
        let mut nodes = vec![self.one()?];
        loop {
            let said = self.take_word("and");
            let ends = self.rest().is_empty() || self.rest().starts_with(')') || self.is_at_or();
            if ends && !said {
                return Ok(one_or(nodes, Node::All));
            }
            nodes.push(self.one()?);
        }
    }

    fn is_at_or(&mut self) -> bool {
        let before = self.at;
        let found = self.take_word("or");
        self.at = before;
        found
    }

    fn one(&mut self) -> Result<Node, FilterError> {
        if self.depth == DEEPEST {
            return Err(self.wrong("too many parentheses within each other"));
        }
        self.depth += 1;
        let node = self.one_inside();
        self.depth -= 1;
        node
    }

    fn one_inside(&mut self) -> Result<Node, FilterError> {
        let opened = self.at;
        if self.rest().is_empty() || self.rest().starts_with(')') || self.is_at_or() {
            return Err(self.wrong("something to look for is missing here"));
        }
        if self.take("!") || self.take_word("not") {
            return Ok(Node::Not(Box::new(self.one()?)));
        }
        if self.take("(") {
            let node = self.any()?;
            if !self.take(")") {
                return Err(wrong_at(opened, "this parenthesis is not closed"));
            }
            return Ok(node);
        }
        if let Some(question) = self.question() {
            return self.answer(&question);
        }
        let at = self.at;
        if self.rest().starts_with('~') {
            self.at += 1;
            let pattern = self.value()?;
            return Search::regex(&pattern)
                .map(Node::Text)
                .map_err(|why| wrong_at(at, why));
        }
        if self.rest().starts_with('?') {
            self.at += 1;
            let letters = self.value()?;
            return Fuzzy::new(&letters)
                .map(Node::Fuzzy)
                .map_err(|why| wrong_at(at, why));
        }
        let quoted = self.rest().starts_with(['"', '\'']);
        let text = self.value()?;
        let search = Search::any_case(&text).map_err(|why| wrong_at(at, why))?;
        let is_word = |word| !quoted && text.eq_ignore_ascii_case(word);
        Ok(if is_word("error") {
            Node::Error(search)
        } else if is_word("fault") {
            Node::AnyFault(search)
        } else {
            Node::Text(search)
        })
    }

    /// A field and an operator, if these come next.
    fn question(&mut self) -> Option<Question<'a>> {
        let rest = self.rest();
        let is_own = rest
            .get(..OWN.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(OWN));
        let belongs = |byte: &u8| {
            byte.is_ascii_alphabetic()
                || *byte == b'_'
                || (is_own && (byte.is_ascii_digit() || b".-/@".contains(byte)))
        };
        let length = rest.bytes().take_while(belongs).count();
        let after = &rest[length..];
        let op = ["==", "!=", "=~", "!~", ">=", "<=", "=", "~", "<", ">"]
            .into_iter()
            .find(|op| after.starts_with(op))?;
        if length == 0 {
            return None;
        }
        let at = self.at;
        self.at += length + op.len();
        Some(Question {
            at,
            field: &rest[..length],
            op,
        })
    }

    fn answer(&mut self, question: &Question<'_>) -> Result<Node, FilterError> {
        let value_at = self.at;
        let value = self.value()?;
        let wrong = |message: String| wrong_at(value_at, message);
        let (op, negated) = match question.op {
            "!=" => ("=", true),
            "!~" => ("~", true),
            "==" => ("=", false),
            "=~" => ("~", false),
            op => (op, false),
        };
        let field = question.field.to_ascii_lowercase();
        let node = if field.starts_with(OWN) && field.len() > OWN.len() {
            own_node(&question.field[OWN.len()..], op, &value).map_err(wrong)
        } else if let Some(name) = name_field(&field) {
            name_node(name, op, &value).map_err(wrong)
        } else if let Some(number) = number_field(&field) {
            number_node(number, &field, op, &value).map_err(wrong)
        } else {
            match field.as_str() {
                "level" => level_node(op, &value).map_err(wrong),
                "trace" => trace_node(op, &value).map_err(wrong),
                "fault" => fault_node(op, &value).map_err(wrong),
                _ => Err(unknown(question)),
            }
        }?;
        Ok(if negated {
            Node::Not(Box::new(node))
        } else {
            node
        })
    }

    /// A word up to the next space or the parenthesis that closes, or a text in quotes.
    fn value(&mut self) -> Result<String, FilterError> {
        let value = match self.rest().chars().next() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote)?,
            _ => self.bare(),
        };
        if value.is_empty() {
            return Err(self.wrong("a value is missing here"));
        }
        self.skip_space();
        Ok(value)
    }

    fn bare(&mut self) -> String {
        let rest = self.rest();
        let mut open = 0_u32;
        let end = rest.char_indices().find(|(_, letter)| match letter {
            '(' => {
                open += 1;
                false
            }
            ')' if open > 0 => {
                open -= 1;
                false
            }
            letter => *letter == ')' || letter.is_whitespace(),
        });
        let end = end.map_or(rest.len(), |(at, _)| at);
        self.at += end;
        rest[..end].to_owned()
    }

    /// A text in quotes; a backslash stands before a quote that belongs to it.
    fn quoted(&mut self, quote: char) -> Result<String, FilterError> {
        let mut text = String::new();
        let mut letters = self.rest().char_indices().skip(1).peekable();
        while let Some((at, letter)) = letters.next() {
            match letter {
                letter if letter == quote => {
                    self.at += at + letter.len_utf8();
                    return Ok(text);
                }
                '\\' => match letters.next_if(|(_, next)| *next == quote) {
                    Some((_, escaped)) => text.push(escaped),
                    None => text.push('\\'),
                },
                letter => text.push(letter),
            }
        }
        Err(self.wrong("this quote is not closed"))
    }
}

fn wrong_at(at: usize, message: impl Into<String>) -> FilterError {
    FilterError {
        at,
        message: message.into(),
    }
}

fn one_or(mut nodes: Vec<Node>, several: fn(Vec<Node>) -> Node) -> Node {
    match nodes.pop() {
        Some(only) if nodes.is_empty() => only,
        Some(last) => {
            nodes.push(last);
            several(nodes)
        }
        None => several(nodes),
    }
}

fn unknown(question: &Question<'_>) -> FilterError {
    let known: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
    let field = question.field;
    let nearest = known
        .iter()
        .find(|name| strsim::osa_distance(name, &field.to_ascii_lowercase()) <= 2);
    let hint = match nearest {
        Some(name) => format!("did you mean {name}?"),
        None => format!("the fields are {}.", known.join(", ")),
    };
    let op = question.op;
    let message = format!(
        "there is no field {field}; {hint} To find the text itself, write it in quotes: \"{field}{op}…\""
    );
    wrong_at(question.at, message)
}

fn name_field(name: &str) -> Option<NameField> {
    Some(match name {
        "service" => NameField::Service,
        "caller" => NameField::Caller,
        "callee" => NameField::Callee,
        "method" => NameField::Method,
        "path" => NameField::Path,
        "stream" => NameField::Stream,
        "grpc" => NameField::Grpc,
        "kind" => NameField::Kind,
        _ => return None,
    })
}

fn number_field(name: &str) -> Option<NumberField> {
    Some(match name {
        "run" => NumberField::Run,
        "status" => NumberField::Status,
        "ms" => NumberField::Millis,
        "held" => NumberField::Held,
        "bytes" => NumberField::Bytes,
        _ => return None,
    })
}

fn name_node(field: NameField, op: &str, value: &str) -> Result<Node, String> {
    match op {
        "=" => Ok(Node::Name(
            field,
            value.split(',').map(str::to_owned).collect(),
        )),
        "~" => Search::regex(value).map(|search| Node::NameHas(field, search)),
        _ => Err(format!("a name has no order; use = or ~ instead of {op}")),
    }
}

fn number_node(field: NumberField, name: &str, op: &str, value: &str) -> Result<Node, String> {
    if field == NumberField::Status
        && op == "="
        && let Some(class) = status_class(value)
    {
        return Ok(Node::Number(field, class, class + 99.0));
    }
    let order =
        order(op).ok_or_else(|| format!("{name} is a number; use = or < or > instead of ~"))?;
    let number = match field {
        NumberField::Millis | NumberField::Held => millis(value),
        _ => value.parse().ok(),
    };
    let number = number.filter(|number: &f64| number.is_finite());
    number
        .map(|number| Node::NumberIs(field, order, number))
        .ok_or_else(|| format!("{name} is a number, and {value:?} is none"))
}

/// A question about what is said under a name of its own.
fn own_node(name: &str, op: &str, value: &str) -> Result<Node, String> {
    let test = match (op, order(op)) {
        ("=", _) => Test::Is(value.split(',').map(str::to_owned).collect()),
        ("~", _) => Test::Has(Search::regex(value)?),
        (_, Some(order)) => {
            let number = number(value);
            let number = number.ok_or_else(|| {
                format!("only numbers are compared with {op}, and {value:?} is none")
            })?;
            Test::Compares(order, number)
        }
        _ => {
            return Err(format!(
                "a field is compared with = or ~ or < or >, not with {op}"
            ));
        }
    };
    Ok(Node::Field(name.to_owned(), test))
}

/// `5xx` is 500.
fn status_class(value: &str) -> Option<f64> {
    let digit = value
        .strip_suffix("xx")
        .or_else(|| value.strip_suffix("XX"))?;
    let digit: u8 = digit.parse().ok().filter(|digit| (1..=5).contains(digit))?;
    Some(f64::from(digit) * 100.0)
}

/// `100`, `100ms`, `1.5s`, `2m`: milliseconds.
fn millis(value: &str) -> Option<f64> {
    let unit = value.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    let factor = match unit {
        "" | "ms" => 1.0,
        "us" | "µs" => 0.001,
        "s" => 1000.0,
        "m" => 60_000.0,
        _ => return None,
    };
    let number: f64 = value[..value.len() - unit.len()].parse().ok()?;
    Some(number * factor)
}

fn order(op: &str) -> Option<Order> {
    Some(match op {
        "=" => Order::Equal,
        "<" => Order::Less,
        "<=" => Order::LessOrEqual,
        ">" => Order::Greater,
        ">=" => Order::GreaterOrEqual,
        _ => return None,
    })
}

fn level_node(op: &str, value: &str) -> Result<Node, String> {
    let order = order(op).ok_or("a level is compared with = or < or >, not with ~")?;
    let one = |name: &str| {
        Level::named(name).ok_or_else(|| {
            let names = Level::ALL.map(Level::name).join(", ");
            format!("there is no level {name}; levels are {names}")
        })
    };
    if order != Order::Equal {
        return one(value).map(|level| Node::Level(order, level));
    }
    let levels = value
        .split(',')
        .map(|name| one(name).map(|level| Node::Level(order, level)));
    Ok(one_or(levels.collect::<Result<_, _>>()?, Node::Any))
}

fn trace_node(op: &str, value: &str) -> Result<Node, String> {
    if op != "=" {
        return Err(format!("a trace has no order; use = instead of {op}"));
    }
    if !value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(format!("a trace's id is hexadecimal, and {value:?} is not"));
    }
    Ok(Node::Trace(value.to_ascii_lowercase()))
}

fn fault_node(op: &str, value: &str) -> Result<Node, String> {
    match op {
        "~" => return Search::regex(value).map(Node::FaultHas),
        "=" => {}
        _ => return Err(format!("a fault has no order; use = or ~ instead of {op}")),
    }
    let one = |name: &str| {
        let mut all = FaultKind::NAMES.iter();
        let found = all.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, kind)| *kind).ok_or_else(|| {
            let names = FaultKind::NAMES.map(|(name, _)| name).join(", ");
            format!(
                "there is no fault {name}; faults are {names}, and the word fault alone finds any"
            )
        })
    };
    let kinds = value.split(',').map(one);
    Ok(Node::Faults(kinds.collect::<Result<_, _>>()?))
}
