//! Attributes of spans, log records and resources: named, typed values (OpenTelemetry, "Common: attribute").

use std::fmt;

/// Named values in the order in which they came.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Attributes(pub Vec<(String, AttributeValue)>);

/// One value.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum AttributeValue {
    /// Nothing was given.
    #[default]
    Empty,
    /// Text.
    Text(String),
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Several values.
    List(Vec<AttributeValue>),
    /// Named values.
    Map(Attributes),
}

impl Attributes {
    /// The value of this name.
    pub fn get(&self, name: &str) -> Option<&AttributeValue> {
        let mut all = self.0.iter();
        all.find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The text of this name, if it is one.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            AttributeValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number of this name, also where it was sent as text.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            AttributeValue::Int(number) => Some(*number),
            AttributeValue::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names and values, in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &AttributeValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Bytes of memory beyond the struct itself.
    pub fn heap(&self) -> usize {
        let slots = self.0.capacity() * size_of::<(String, AttributeValue)>();
        let each = self.0.iter();
        slots
            + each
                .map(|(name, value)| name.capacity() + value.heap())
                .sum::<usize>()
    }

    /// Changes every text in it, however deep.
    pub fn change_texts(&mut self, change: &mut impl FnMut(&str, &mut String)) {
        for (name, value) in &mut self.0 {
            value.change_texts(name, change);
        }
    }
}

impl AttributeValue {
    /// Bytes of memory beyond the enum itself.
    pub fn heap(&self) -> usize {
        match self {
            Self::Text(text) => text.capacity(),
            Self::Bytes(bytes) => bytes.capacity(),
            Self::List(values) => {
                values.capacity() * size_of::<Self>() + values.iter().map(Self::heap).sum::<usize>()
            }
            Self::Map(attributes) => attributes.heap(),
            Self::Empty | Self::Bool(_) | Self::Int(_) | Self::Double(_) => 0,
        }
    }

    fn change_texts(&mut self, name: &str, change: &mut impl FnMut(&str, &mut String)) {
        match self {
            Self::Text(text) => change(name, text),
            Self::List(values) => {
                for value in values {
                    value.change_texts(name, change);
                }
            }
            Self::Map(attributes) => attributes.change_texts(change),
            Self::Empty | Self::Bool(_) | Self::Int(_) | Self::Double(_) | Self::Bytes(_) => {}
        }
    }
}

impl fmt::Display for AttributeValue {
    /// As people read it; texts stand as they are, at most 1,000 bytes of a value of bytes are written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::Text(text) => f.write_str(text),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Double(number) => write!(f, "{number}"),
            Self::Bytes(bytes) => bytes
                .iter()
                .take(1000)
                .try_for_each(|byte| write!(f, "{byte:02x}")),
            Self::List(values) => {
                f.write_str("[")?;
                for (at, value) in values.iter().enumerate() {
                    if at > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{value}")?;
                }
                f.write_str("]")
            }
            Self::Map(attributes) => {
                f.write_str("{")?;
                for (at, (name, value)) in attributes.iter().enumerate() {
                    if at > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{name}={value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

impl<N: Into<String>> FromIterator<(N, AttributeValue)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (N, AttributeValue)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter();
        Self(pairs.map(|(name, value)| (name.into(), value)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_people_write_them() {
        let list = AttributeValue::List(vec![
            AttributeValue::Int(-1),
            AttributeValue::Double(1.5),
            AttributeValue::Bool(true),
            AttributeValue::Bytes(vec![0, 255]),
        ]);
        let map: Attributes = [("a", list), ("b", AttributeValue::Text("x y".into()))]
            .into_iter()
            .collect();
        assert_eq!(
            AttributeValue::Map(map.clone()).to_string(),
            "{a=[-1, 1.5, true, 00ff], b=x y}"
        );
        assert_eq!(
            (map.text("b"), map.text("a"), map.int("b")),
            (Some("x y"), None, None)
        );
        assert!(map.heap() > 2 * size_of::<(String, AttributeValue)>());
    }
}
