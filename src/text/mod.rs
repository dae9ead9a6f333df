//! Text for people: durations, sizes, widths, and bytes from outside made harmless.

mod measure;

pub use measure::{bytes, duration};
