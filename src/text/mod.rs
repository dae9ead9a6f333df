//! Text for people: durations, sizes, widths, and bytes from outside made harmless.

mod measure;
mod redact;
mod sanitize;
mod signal;
mod style;
mod width;

pub use measure::{bytes, duration};
pub use redact::{MASK, Redactor};
pub use sanitize::{plain, plain_lines, readable, sanitize};
pub use signal::signal_of;
pub use style::{Color, Span, Style, Styled};
pub use width::{cut, pad, truncate, width};
