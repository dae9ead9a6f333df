//! Which lines of a block a search finds: all of its words at once where they are shown as they came, else line by line.

use regex::bytes::Regex;

use super::block::{Block, Entry};
use crate::telemetry::search::Search;
use crate::text;

/// The lines that the search finds, in the block's order. `None` if the block is damaged.
pub(super) fn among(search: &Search, block: &Block) -> Option<Vec<Entry>> {
    if let Some(pattern) = search.in_lines().filter(|_| block.summary.plain) {
        return at_once(search, pattern, block);
    }
    let mut entries = block.entries()?;
    entries.retain(|entry| is_found(search, block, entry));
    Some(entries)
}

fn is_found(search: &Search, block: &Block, entry: &Entry) -> bool {
    let words = block.words(entry);
    match str::from_utf8(words) {
        Ok(words) if entry.plain => search.is_in(words),
        _ => search.is_in(&text::readable(words)),
    }
}

/// Only as many entries are read as it takes to know the last line that is found.
fn at_once(search: &Search, pattern: &Regex, block: &Block) -> Option<Vec<Entry>> {
    let mut found = Vec::new();
    let mut entries = block.in_turn();
    let mut from = 0;
    while let Some(place) = pattern.find_at(&block.text, from) {
        let entry = loop {
            match entries.next().ok()? {
                None => return Some(found),
                Some(entry) if entry.end >= place.start() => break entry,
                Some(_) => {}
            }
        };
        if place.end() <= entry.end || is_found(search, block, &entry) {
            found.push(entry);
        }
        from = entry.end + 1;
        if from >= block.text.len() {
            break;
        }
    }
    Some(found)
}
