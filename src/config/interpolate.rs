//! Variables in text, `${NAME:-default}` and its relatives, with the meaning that the Compose specification gives them.
//!
//! <https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md>

/// How deep defaults may be nested in defaults.
const DEEPEST: usize = 32;

/// A text with its variables filled in, and what was noticed on the way.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Expansion {
    /// The text. A variable that could not be filled in is empty.
    pub(super) text: String,
    /// What went wrong.
    pub(super) faults: Vec<Fault>,
    /// Whether a variable (not just `$$`) was filled in.
    pub(super) expanded: bool,
}

/// What is wrong with one variable of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The expression as written, such as `${NAME:?why}`.
    pub(super) expression: String,
    /// What is wrong with it.
    pub(super) kind: FaultKind,
}

/// What is wrong with a variable.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// It has no value and no default: it became empty.
    Unset { name: String },
    /// It must have a value; `why` is what the file says about it.
    Required { name: String, why: String },
    /// It cannot be understood.
    Malformed,
}

/// Where variables come from.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Fills in every variable of this text.
pub(super) fn expand(text: &str, lookup: Lookup<'_>) -> Expansion {
    let mut expansion = Expansion::default();
    expansion.text = expand_into(text, lookup, 0, &mut expansion);
    expansion
}

fn expand_into(text: &str, lookup: Lookup<'_>, depth: usize, notes: &mut Expansion) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let name_length = name_length(after);
        let used = if after.starts_with('$') {
            out.push('$');
            1
        } else if after.starts_with('{') {
            let length = braced_length(after);
            out.push_str(&braced(&rest[at..=at + length], lookup, depth, notes));
            length
        } else if name_length > 0 {
            let name = &after[..name_length];
            notes.expanded = true;
            out.push_str(
                &lookup(name).unwrap_or_else(|| notes.unset(&rest[at..=at + name_length], name)),
            );
            name_length
        } else {
            out.push('$');
            0
        };
        rest = &after[used..];
    }
    out.push_str(rest);
    out
}

/// Bytes of the variable name that this text begins with.
pub(super) fn name_length(text: &str) -> usize {
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts_well {
        return 0;
    }
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len())
}

/// Bytes of `{…}` with its inner braces; the whole text when it is never closed.
fn braced_length(text: &str) -> usize {
    let mut open = 0_usize;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open += 1,
            b'}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return index + 1;
        }
    }
    text.len()
}

/// The value of `${…}`.
fn braced(expression: &str, lookup: Lookup<'_>, depth: usize, notes: &mut Expansion) -> String {
    let Some(inside) = expression
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'))
        .filter(|_| depth < DEEPEST)
    else {
        return notes.malformed(expression);
    };
    let (name, operation) = inside.split_at(name_length(inside));
    if name.is_empty() {
        return notes.malformed(expression);
    }
    notes.expanded = true;
    let value = lookup(name);
    let (empty_counts_as_unset, operation) = match operation.strip_prefix(':') {
        Some(rest) => (true, rest),
        None => (false, operation),
    };
    let given = value
        .clone()
        .filter(|value| !(empty_counts_as_unset && value.is_empty()));
    let mut operation_chars = operation.chars();
    match operation_chars.next() {
        None if empty_counts_as_unset => notes.malformed(expression),
        None => value.unwrap_or_else(|| notes.unset(expression, name)),
        Some('-') => {
            given.unwrap_or_else(|| expand_into(operation_chars.as_str(), lookup, depth + 1, notes))
        }
        Some('+') if given.is_some() => {
            expand_into(operation_chars.as_str(), lookup, depth + 1, notes)
        }
        Some('+') => String::new(),
        Some('?') => given.unwrap_or_else(|| {
            let why = expand_into(operation_chars.as_str(), lookup, depth + 1, notes);
            notes.required(expression, name, why)
        }),
        Some(_) => notes.malformed(expression),
    }
}

impl Expansion {
    fn unset(&mut self, expression: &str, name: &str) -> String {
        let name = name.to_owned();
        self.fault(expression, FaultKind::Unset { name })
    }

    fn required(&mut self, expression: &str, name: &str, why: String) -> String {
        let name = name.to_owned();
        self.fault(expression, FaultKind::Required { name, why })
    }

    fn malformed(&mut self, expression: &str) -> String {
        self.fault(expression, FaultKind::Malformed)
    }

    fn fault(&mut self, expression: &str, kind: FaultKind) -> String {
        let expression = expression.to_owned();
        self.faults.push(Fault { expression, kind });
        String::new()
    }
}
