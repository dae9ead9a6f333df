//! What the screen knows of the trace that is open: what is folded, searched for, and shown in place.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::pane::Scene;
use super::trace_view::moved;
use crate::engine::ChangeId;
use crate::stack::ServiceName;
use crate::telemetry::{
    Around, Direction, LinesOfPart, LogLine, RouteKey, Row, Search, SpanId, Telemetry, TraceId,
    What, critical_path,
};

/// Lines that are shown in place for one part.
const LINES: usize = 50;
/// Exchanges that are looked at for the route before and after a change.
const PATIENCE: u64 = 100_000;
/// They are looked at at most this often.
const AGAIN: Duration = Duration::from_secs(1);

/// One line of the waterfall as it is drawn.
#[derive(Debug, Clone)]
pub(super) enum Item {
    /// A part, and how many below it are folded away.
    Part { row: usize, folded: usize },
    /// What a part's service said meanwhile.
    Line { row: usize, line: Arc<LogLine> },
    /// Something about the lines of a part.
    Note { row: usize, words: String },
}

impl Item {
    /// The row that it is, or belongs to.
    pub(super) fn row(&self) -> usize {
        match self {
            Self::Part { row, .. } | Self::Line { row, .. } | Self::Note { row, .. } => *row,
        }
    }
}

/// The route of a trace before and after the last change of what it passes.
#[derive(Debug, Clone)]
pub(super) struct BeforeAndAfter {
    pub(super) key: RouteKey,
    /// The change, whose, and when it was live; `None`: nothing was changed yet.
    pub(super) change: Option<(ServiceName, ChangeId, Timestamp)>,
    pub(super) around: Around,
    looked: Instant,
}

/// A trace that is open.
#[derive(Debug)]
pub(super) struct OpenTrace {
    pub(super) trace: TraceId,
    /// Which of the items is chosen.
    pub(super) at: usize,
    pub(super) rows: Vec<Row>,
    /// How long the trace waited for each row alone, if that is on its critical path.
    pub(super) waited: Vec<Option<Duration>>,
    pub(super) items: Vec<Item>,
    folded: HashSet<SpanId>,
    lines: HashMap<SpanId, LinesOfPart>,
    /// What is searched for, as typed.
    pub(super) searched: Option<(String, Search)>,
    /// Whether the details stand alone, scrolled by so many lines.
    pub(super) details: Option<usize>,
    /// Whether the route is told before and after the last change.
    pub(super) with_change: bool,
    pub(super) change: Option<BeforeAndAfter>,
    size: Option<(usize, usize)>,
    /// What the cursor goes to as soon as it is there.
    wanted: Option<SpanId>,
}

impl OpenTrace {
    /// A trace as it is opened.
    pub(super) fn new(trace: TraceId) -> Self {
        Self {
            trace,
            at: 0,
            rows: Vec::new(),
            waited: Vec::new(),
            items: Vec::new(),
            folded: HashSet::new(),
            lines: HashMap::new(),
            searched: None,
            details: None,
            with_change: false,
            change: None,
            size: None,
            wanted: None,
        }
    }

    /// The same with the cursor at this part.
    pub(super) fn at_part(trace: TraceId, part: Option<SpanId>) -> Self {
        Self {
            wanted: part,
            ..Self::new(trace)
        }
    }

    /// Looks at the trace again if it has grown.
    pub(super) fn refresh(&mut self, telemetry: &Telemetry) {
        let size = telemetry.size_of_trace(self.trace);
        if self.size != Some(size) {
            self.size = Some(size);
            let chosen = self.chosen();
            self.rows = telemetry.waterfall(self.trace);
            self.waited = critical_path(&self.rows);
            self.arrange_around(chosen);
        }
    }

    /// The chosen row.
    pub(super) fn row(&self) -> Option<&Row> {
        self.rows.get(self.items.get(self.at)?.row())
    }

    /// Goes down, or up if negative: in the details where they stand alone.
    pub(super) fn go(&mut self, by: isize) {
        match &mut self.details {
            Some(scrolled) => *scrolled = scrolled.saturating_add_signed(by).min(100_000),
            None => self.at = moved(self.at, by, self.items.len()),
        }
    }

    /// Folds the chosen part, or the one above it if there is nothing to fold.
    pub(super) fn fold(&mut self) {
        let Some(at) = self.items.get(self.at).map(Item::row) else {
            return;
        };
        let span = self.rows[at].what.span();
        if self.has_below(at) && !self.folded.contains(&span) {
            self.folded.insert(span);
        } else if let Some(above) = self.above(at) {
            self.folded.insert(self.rows[above].what.span());
            self.wanted = Some(self.rows[above].what.span());
        }
        self.arrange();
    }

    /// Shows what is folded below the chosen part.
    pub(super) fn unfold(&mut self) {
        if let Some(span) = self.row().map(|row| row.what.span()) {
            self.folded.remove(&span);
            self.arrange();
        }
    }

    /// Folds all but the roots' own calls, or shows everything.
    pub(super) fn fold_all(&mut self, fold: bool) {
        self.folded.clear();
        if fold {
            let rows = 0..self.rows.len();
            let inner = rows.filter(|row| self.rows[*row].depth > 0 && self.has_below(*row));
            self.folded = inner.map(|row| self.rows[row].what.span()).collect();
        }
        self.arrange();
    }

    /// Shows in place what the chosen part's service said meanwhile, or hides it.
    pub(super) fn toggle_lines(&mut self, telemetry: &Telemetry) {
        let Some(what) = self.row().map(|row| row.what.clone()) else {
            return;
        };
        if self.lines.remove(&what.span()).is_none() {
            let found = telemetry.lines_of(&what, LINES);
            self.lines.insert(what.span(), found);
        }
        self.arrange();
    }

    /// Searches for what was typed, from the chosen part on.
    ///
    /// # Errors
    /// What is wrong with the pattern, in one line.
    pub(super) fn search(&mut self, text: &str) -> Result<(), String> {
        self.searched = None;
        if text.is_empty() {
            return Ok(());
        }
        let search = Search::regex(text).or_else(|wrong| Search::text(text).map_err(|_| wrong))?;
        self.searched = Some((text.to_owned(), search));
        if !self.row().is_some_and(|row| self.is_hit(row)) {
            self.go_to_hit(Direction::Forward);
        }
        Ok(())
    }

    /// Whether a row has what is searched for.
    pub(super) fn is_hit(&self, row: &Row) -> bool {
        let search = self.searched.as_ref();
        search.is_some_and(|(_, search)| search.is_in(&words(&row.what)))
    }

    /// How many rows have it.
    pub(super) fn hits(&self) -> usize {
        self.rows.iter().filter(|row| self.is_hit(row)).count()
    }

    /// Goes to the next row that has it, round the end, and unfolds what hides it; whether there is one.
    pub(super) fn go_to_hit(&mut self, direction: Direction) -> bool {
        let len = self.rows.len();
        let from = self.items.get(self.at).map_or(0, Item::row);
        let found = (1..=len)
            .map(|step| match direction {
                Direction::Forward => (from + step) % len,
                Direction::Back => (from + len - step) % len,
            })
            .find(|row| self.is_hit(&self.rows[*row]));
        let Some(found) = found else {
            return false;
        };
        let mut above = self.above(found);
        while let Some(row) = above {
            self.folded.remove(&self.rows[row].what.span());
            above = self.above(row);
        }
        self.wanted = Some(self.rows[found].what.span());
        self.arrange();
        true
    }

    fn chosen(&self) -> Option<SpanId> {
        self.row().map(|row| row.what.span())
    }

    /// The rows as they are drawn, with the cursor where it was.
    fn arrange(&mut self) {
        self.arrange_around(self.chosen());
    }

    fn arrange_around(&mut self, chosen: Option<SpanId>) {
        self.items.clear();
        let mut row = 0;
        while row < self.rows.len() {
            let span = self.rows[row].what.span();
            let folded = if self.folded.contains(&span) {
                self.below(row)
            } else {
                0
            };
            self.items.push(Item::Part { row, folded });
            if let Some(found) = self.lines.get(&span) {
                let lines = found.lines.iter();
                let lines = lines.map(|line| Item::Line {
                    row,
                    line: Arc::clone(line),
                });
                self.items.extend(lines);
                let words = note(found);
                self.items.push(Item::Note { row, words });
            }
            row += 1 + folded;
        }
        let place = |items: &[Item], span: SpanId| {
            let mut items = items.iter();
            items.position(|item| matches!(item, Item::Part { row, .. } if self.rows[*row].what.span() == span))
        };
        let wanted = self.wanted.and_then(|span| place(&self.items, span));
        if wanted.is_some() {
            self.wanted = None;
        }
        let kept = chosen.and_then(|span| place(&self.items, span));
        self.at = wanted
            .or(kept)
            .unwrap_or(self.at)
            .min(self.items.len().saturating_sub(1));
    }

    /// How many rows stand below this one.
    fn below(&self, row: usize) -> usize {
        let depth = self.rows[row].depth;
        let below = self.rows[row + 1..].iter();
        below.take_while(|other| other.depth > depth).count()
    }

    fn has_below(&self, row: usize) -> bool {
        let next = self.rows.get(row + 1);
        next.is_some_and(|next| next.depth > self.rows[row].depth)
    }

    fn above(&self, row: usize) -> Option<usize> {
        let depth = self.rows[row].depth;
        (0..row)
            .rev()
            .find(|above| self.rows[*above].depth < depth)
            .filter(|_| depth > 0)
    }

    /// Looks how the route went before and after the last change of the services that the trace passes.
    pub(super) fn look_around(&mut self, scene: Scene<'_>) {
        let is_fresh = self
            .change
            .as_ref()
            .is_some_and(|told| told.looked.elapsed() < AGAIN);
        let first = self.rows.iter().find_map(|row| row.what.exchange());
        let Some(first) = first.filter(|_| !is_fresh) else {
            return;
        };
        let key = RouteKey::of(first);
        let services: HashSet<&ServiceName> =
            self.rows.iter().map(|row| row.what.service()).collect();
        let changes = services.into_iter().filter_map(|name| {
            let service = scene.state.services.get(name)?;
            let live = service.changes.newest_first();
            let live = live.filter_map(|story| Some((story.live?, story.change)));
            let (live, change) = live.max_by_key(|(live, _)| *live)?;
            Some((live, name.clone(), change))
        });
        let last = changes.max_by_key(|(live, ..)| *live);
        let change = last.map(|(live, name, change)| (name, change, scene.clock.timestamp(live)));
        let around = match &change {
            Some((.., live)) => scene.telemetry.around(&key, *live, PATIENCE),
            None => Around::default(),
        };
        self.change = Some(BeforeAndAfter {
            key,
            change,
            around,
            looked: Instant::now(),
        });
    }
}

fn note(found: &LinesOfPart) -> String {
    let more = if found.more { ", and more" } else { "" };
    match (found.lines.len(), found.by_id) {
        (0, _) => "it said nothing meanwhile".into(),
        (_, true) => format!("by the id that they carry{more}"),
        (_, false) => format!("by time and service: they carry no id{more}"),
    }
}

/// All of a part that a search looks at.
fn words(what: &What) -> String {
    let mut words = String::new();
    // Writing to a string cannot fail.
    match what {
        What::Exchange(one) => {
            let _ = write!(
                words,
                "{} {} {} {:?}",
                one.callee, one.method, one.path, one.status
            );
            for (name, value) in one
                .request_headers
                .iter()
                .chain(one.response_headers.iter())
            {
                let _ = write!(words, "\n{name}: {value}");
            }
            for body in [&one.request_body, &one.response_body] {
                words.push('\n');
                words.push_str(&String::from_utf8_lossy(&body.bytes));
            }
        }
        What::Span(one) => {
            let _ = write!(words, "{} {} {}", one.service, one.kind.name(), one.name);
            for (name, value) in one.attributes.iter() {
                let _ = write!(words, "\n{name}={value}");
            }
            for event in &one.events {
                let _ = write!(words, "\n{}", event.name);
            }
        }
    }
    words
}
