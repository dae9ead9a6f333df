//! The figures that a service tells of itself by OpenTelemetry, a line each.

use std::collections::BTreeMap;
use std::time::Duration;

use ratatui::text::{Line, Span};

use super::Scene;
use super::health::{LABEL, label};
use super::traces::safe;
use crate::engine::ServiceState;
use crate::telemetry::Figure;
use crate::text;
use crate::tui::draw::{sparkline, spread};
use crate::tui::theme::Role;

/// Lines that are told at most.
const TOLD: usize = 24;
/// Points of a picture at most.
const COLUMNS: usize = 20;

/// A figure: its unit, and its newest values, the oldest first.
struct Told {
    unit: String,
    values: Vec<f64>,
}

/// A line for each figure, by name. Of runs that told the same one, the newest counts.
pub(super) fn tell<'a>(scene: Scene<'_>, service: &ServiceState, room: u16) -> Vec<Line<'a>> {
    let theme = scene.theme;
    let mut told: BTreeMap<(String, String, Figure), Told> = BTreeMap::new();
    {
        let series = scene.telemetry.series();
        for (name, attributes, metric) in series.metrics().of(&service.service.name) {
            for (figure, points) in metric.figures() {
                let newest = points.len().saturating_sub(COLUMNS);
                let values = points.iter().skip(newest).map(|(_, value)| *value);
                let values = values.collect();
                let unit = metric.unit.clone();
                let key = (name.to_owned(), attributes.to_owned(), figure);
                told.insert(key, Told { unit, values });
            }
        }
    }
    let line = |(at, ((name, attributes, figure), told)): (usize, (_, Told))| {
        let (name, attributes): (String, String) = (name, attributes);
        let figure: Figure = figure;
        let last = told.values.last().copied().unwrap_or_default();
        let highest = told.values.iter().copied().fold(0.0, f64::max);
        let picture = sparkline(&told.values, COLUMNS, highest * 1.2);
        let left = vec![
            label(theme, if at == 0 { "figures" } else { "" }),
            Span::styled(safe(&name), theme.style(Role::Text)),
            Span::styled(
                format!(" {} {}", figure.name(), safe(&attributes)),
                theme.style(Role::Dim),
            ),
        ];
        let mut right = vec![Span::styled(
            format!(" {}", in_words(last, &told.unit, figure)),
            theme.style(Role::Text),
        )];
        if usize::from(room) > LABEL + 3 * COLUMNS {
            right.push(Span::styled(format!("  {picture}"), theme.style(Role::Dim)));
        }
        spread(left, right, room)
    };
    told.into_iter().take(TOLD).enumerate().map(line).collect()
}

/// A value with its unit, as people read it.
fn in_words(value: f64, unit: &str, figure: Figure) -> String {
    if figure == Figure::Rate {
        return format!("{}/s", number(value));
    }
    let time = |seconds: f64| Duration::try_from_secs_f64(seconds).map(text::duration);
    let told = match unit {
        "s" => time(value).ok(),
        "ms" => time(value / 1e3).ok(),
        "us" => time(value / 1e6).ok(),
        "ns" => time(value / 1e9).ok(),
        "By" if value >= 0.0 => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "no negative value comes here, and what is too large is said to be as large as can be"
            )]
            let bytes = value as u64;
            Some(text::bytes(bytes))
        }
        _ => None,
    };
    told.unwrap_or_else(|| {
        // `{request}` and the like say what is counted, which the name does too.
        let unit = if unit == "1" || unit.starts_with('{') {
            ""
        } else {
            unit
        };
        format!("{} {}", number(value), safe(unit))
            .trim_end()
            .to_owned()
    })
}

/// A number in about three digits.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_in_their_units() {
        for (value, unit, figure, words) in [
            (0.0131, "s", Figure::P95, "13 ms"),
            (250.0, "ms", Figure::P50, "250 ms"),
            (7.0, "{request}", Figure::Value, "7"),
            (2.25, "1", Figure::Rate, "2.2/s"),
            (-3.5, "Cel", Figure::Value, "-3.5 Cel"),
            (f64::MAX, "s", Figure::P50, ""),
        ] {
            let told = in_words(value, unit, figure);
            assert!(words.is_empty() || told == words, "{told} is not {words}");
        }
        assert!(in_words(2e6, "By", Figure::Value).contains("MB"));
    }
}
