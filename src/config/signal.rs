//! Names of signals.

use crate::stack::Signal;

use super::item::Item;
use super::nearest::suggest;
use super::problem::quoted;
use super::scope::Scope;
use super::tree::Value;

/// Linux's signals that can be asked for by name, with their numbers.
const SIGNALS: [(&str, i64); 27] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("CHLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("WINCH", 28),
    ("IO", 29),
    ("PWR", 30),
];

/// A signal by name (`SIGTERM`, `TERM`) or number.
pub(super) fn read(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Signal> {
    if let Value::Integer(number) = item.node.value {
        let known = SIGNALS.iter().find(|(_, known)| *known == number);
        if known.is_none() {
            item.invalid(&format!("{number} is not the number of a signal"), scope);
        }
        return known.map(|(name, _)| Signal(format!("SIG{name}")));
    }
    let text = item.filled_text(scope)?;
    let signal = parse(text);
    if signal.is_none() {
        let plain = text.trim_start_matches("SIG");
        let help = suggest(plain, SIGNALS.iter().map(|(name, _)| *name), "signal");
        let message = format!("{}: {} is not a signal", item.what, quoted(text));
        scope.error(item.span(), message).help_if(help);
    }
    signal
}

/// The signal of this name, with or without `SIG`.
pub(super) fn parse(text: &str) -> Option<Signal> {
    let upper = text.to_uppercase();
    let plain = upper.strip_prefix("SIG").unwrap_or(&upper);
    let real_time = plain
        .strip_prefix("RTMIN+")
        .or_else(|| plain.strip_prefix("RTMAX-"))
        .is_some_and(|number| number.parse().is_ok_and(|n: u8| n <= 30));
    let known = SIGNALS.iter().any(|(name, _)| *name == plain) || real_time;
    known.then(|| Signal(format!("SIG{plain}")))
}
