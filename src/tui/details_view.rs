//! Where a person is in the details: which service's, which line, what is searched, and where they came from.

use super::details::Section;
use crate::text;

/// What the pane shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Tab {
    /// All about the chosen service.
    #[default]
    About,
    /// What all services use.
    Stats,
}

/// The state of the pane.
#[derive(Debug, Clone, Default)]
pub(super) struct DetailsView {
    pub(super) tab: Tab,
    /// The chosen fact, counted over all sections.
    pub(super) cursor: usize,
    /// What is looked for; empty: nothing.
    pub(super) searched: String,
}

impl DetailsView {
    /// Goes to the first fact from the cursor on, or up to it, in which what is searched stands; round the end if there is
    /// none. `from_next`: not the one at the cursor. False if there is none at all.
    pub(super) fn find(&mut self, sections: &[Section], forward: bool, from_next: bool) -> bool {
        let facts: Vec<bool> = sections
            .iter()
            .flat_map(|section| &section.facts)
            .map(|fact| fact.has(&self.searched))
            .collect();
        let many = facts.len();
        if many == 0 || self.searched.is_empty() {
            return false;
        }
        let start = self.cursor.min(many - 1);
        let first = usize::from(from_next);
        let mut steps = first..first + many;
        let place = |step: usize| {
            if forward {
                (start + step) % many
            } else {
                (start + many * 2 - step) % many
            }
        };
        match steps.find(|step| facts[place(*step)]) {
            Some(step) => {
                self.cursor = place(step);
                true
            }
            None => false,
        }
    }

    /// In how many facts it stands.
    pub(super) fn hits(&self, sections: &[Section]) -> usize {
        let facts = sections.iter().flat_map(|section| &section.facts);
        facts.filter(|fact| fact.has(&self.searched)).count()
    }
}

/// One line of the pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Row<'a> {
    /// Nothing, above a heading.
    Space,
    /// A heading.
    Title(&'static str),
    /// A piece of a fact: which of all, whether it is the first, the label (only of the first), and what fits into the line.
    Piece {
        fact: usize,
        first: bool,
        label: &'a str,
        piece: String,
    },
}

/// Columns of what stands left of the labels: the cursor and a space.
pub(super) const MARGIN: usize = 2;
/// Labels are set out to this many columns at most; longer ones push what follows them.
const WIDEST_LABEL: usize = 22;
/// A value takes this many lines at most.
const MOST_LINES: usize = 12;

/// Columns of the labels of a section, with the space behind them.
pub(super) fn label_width(section: &Section, room: usize) -> usize {
    let widest = section.facts.iter().map(|fact| text::width(&fact.label));
    let most = WIDEST_LABEL.min(room / 3).max(1);
    // What is longer by far does not make all others wide.
    widest.filter(|width| *width <= most).max().unwrap_or(1) + 2
}

/// The lines of all sections in so many columns.
pub(super) fn rows(sections: &[Section], room: usize) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    let mut fact_at = 0;
    for section in sections {
        if !rows.is_empty() {
            rows.push(Row::Space);
        }
        rows.push(Row::Title(section.title));
        let labels = label_width(section, room);
        for fact in &section.facts {
            let label = text::width(&text::plain(fact.label.as_bytes()));
            let hanging = room.saturating_sub(MARGIN + labels).max(8);
            let first = room.saturating_sub(MARGIN + labels.max(label + 2)).max(8);
            let pieces = pieces(&fact.value, first, hanging);
            for (at, piece) in pieces.into_iter().enumerate() {
                let label = if at == 0 { fact.label.as_str() } else { "" };
                rows.push(Row::Piece {
                    fact: fact_at,
                    first: at == 0,
                    label,
                    piece,
                });
            }
            fact_at += 1;
        }
    }
    rows
}

/// A value cut into lines of so many columns: the first, and the others. Lines end at spaces where that is possible.
fn pieces(value: &str, first: usize, others: usize) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut lines = value.lines();
    let mut next = Some(lines.next().unwrap_or_default());
    while let Some(line) = next {
        let line = text::plain(line.as_bytes());
        let mut rest = line.as_str();
        loop {
            if pieces.len() == MOST_LINES {
                pieces.pop();
                let more = text::truncate("… there is more: y copies all of it", others, "…");
                pieces.push(more.into_owned());
                return pieces;
            }
            let room = if pieces.is_empty() { first } else { others };
            let (piece, after) = split(rest, room);
            pieces.push(piece.to_owned());
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        next = lines.next();
    }
    pieces
}

/// The beginning that fits into so many columns, and the rest. Something is always taken.
fn split(line: &str, room: usize) -> (&str, &str) {
    let mut fits = text::cut(line, room).len();
    if fits == line.len() {
        return (line, "");
    }
    if fits == 0 {
        fits = line.chars().next().map_or(0, char::len_utf8);
    }
    // A word that is nearly as long as the line is cut.
    let space = line[..fits].rfind(' ').filter(|at| *at * 2 > fits);
    let end = if line[fits..].starts_with(' ') {
        fits
    } else {
        space.unwrap_or(fits)
    };
    (&line[..end], line[end..].trim_start_matches(' '))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::details::Fact;
    use super::super::theme::Role;
    use super::*;

    fn fact(label: &str, value: &str) -> Fact {
        Fact {
            label: label.into(),
            value: value.into(),
            role: Role::Text,
            picture: String::new(),
            copied: None,
            leads_to: None,
        }
    }

    fn sections() -> Vec<Section> {
        let facts = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(label, value)| fact(label, value))
                .collect()
        };
        vec![
            Section {
                title: "Now",
                facts: facts(&[("state", "ready"), ("run", "since 14:03")]),
            },
            Section {
                title: "Environment",
                facts: facts(&[("PORT", "8000"), ("MOTTO", "ready or not")]),
            },
        ]
    }

    #[test]
    fn a_search_goes_round() {
        let sections = sections();
        let mut view = DetailsView {
            searched: "READY".into(),
            ..DetailsView::default()
        };
        assert_eq!(view.hits(&sections), 2);
        assert!(view.find(&sections, true, false));
        assert_eq!(view.cursor, 0);
        assert!(view.find(&sections, true, true));
        assert_eq!(view.cursor, 3);
        assert!(view.find(&sections, true, true));
        assert_eq!(view.cursor, 0);
        assert!(view.find(&sections, false, true));
        assert_eq!(view.cursor, 3);
        view.searched = "nowhere".into();
        assert!(!view.find(&sections, true, true));
        assert_eq!(view.cursor, 3);
        assert!(!view.find(&[], true, true));
    }

    #[test]
    fn long_values_are_set_out_below_each_other() {
        let long = vec![Section {
            title: "What it is",
            facts: vec![fact("command", "python3 -m app --port 8000 --verbose")],
        }];
        let pieces: Vec<String> = rows(&long, 30)
            .into_iter()
            .filter_map(|row| match row {
                Row::Piece { label, piece, .. } => Some(format!("{label}|{piece}")),
                Row::Space | Row::Title(_) => None,
            })
            .collect();
        assert_eq!(
            pieces,
            ["command|python3 -m app", "|--port 8000", "|--verbose"]
        );
    }

    #[test]
    fn a_value_without_end_is_cut() {
        let endless = vec![Section {
            title: "Environment",
            facts: vec![fact("CERT", &"A line\nof many\n".repeat(100))],
        }];
        let rows = rows(&endless, 80);
        assert_eq!(rows.len(), 1 + MOST_LINES);
        assert!(
            matches!(rows.last(), Some(Row::Piece { piece, .. }) if piece.contains("y copies"))
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_is_lost_and_nothing_is_too_wide(value in "[a-zé日 \u{301}\n]{0,120}", room in 0usize..60) {
            let of = vec![Section { title: "Now", facts: vec![fact("run", &value)] }];
            let mut letters = String::new();
            for row in rows(&of, room) {
                if let Row::Piece { piece, .. } = row {
                    prop_assert!(room < 20 || text::width(&piece) + MARGIN + 5 <= room);
                    letters.push_str(&piece);
                }
            }
            if !letters.contains('…') {
                let kept = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
                let wanted: String = value.lines().map(|line| text::plain(line.as_bytes())).collect();
                prop_assert_eq!(kept(&letters), kept(&wanted));
            }
        }
    }
}
