//! How the chosen service is: its probe, its load, where it runs, and why it last ended.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{Scene, changes, figures};
use crate::engine::{Place, Run, ServiceState};
use crate::stack::{Health, PortMapping, Probe, Protocol, Runtime};
use crate::telemetry::Sample;
use crate::text;
use crate::tui::draw::{Title, empty, lines, sparkline, spread, title};
use crate::tui::layout::Pane;
use crate::tui::theme::{Role, Theme};
use crate::tui::words;

pub(in crate::tui) fn render(
    frame: &mut Frame<'_>,
    area: Rect,
    scene: Scene<'_>,
    service: Option<(usize, &ServiceState)>,
    scrolled: usize,
    focus: Pane,
) {
    let theme = scene.theme;
    let mut head = Title::default();
    if let Some((at, service)) = service {
        head.of = vec![Span::styled(
            service.service.name.as_str(),
            theme.series(at).bold(),
        )];
    }
    let body = title(frame, area, Pane::Health, head, focus, theme);
    let Some((_, service)) = service else {
        empty(frame, body, "No service is chosen.", theme);
        return;
    };
    let told = tell(scene, service, body.width);
    if told.is_empty() {
        empty(frame, body, "Nothing has run yet.", theme);
        return;
    }
    let last = told.len().saturating_sub(usize::from(body.height));
    lines(frame, body, told.into_iter().skip(scrolled.min(last)));
}

/// Everything there is to tell, the most wanted first.
fn tell<'a>(scene: Scene<'_>, service: &ServiceState, room: u16) -> Vec<Line<'a>> {
    let theme = scene.theme;
    let mut told = Vec::new();
    let newest = service.runs.last();
    told.extend(probe(scene, service.service.health.as_ref(), newest, room));
    told.extend(load(scene, service, room));
    told.extend(figures::tell(scene, service, room));
    if let Some(up_to) = service.live_up_to {
        let at = scene.clock.zoned(up_to).strftime("%H:%M:%S").to_string();
        let took = service.live_times.last();
        let took = took.map_or(String::new(), |took| {
            format!(", live in {}", text::duration(*took))
        });
        told.push(pair(theme, "edits", &format!("up to {at}{took}"), room));
        let left = room.saturating_sub(u16::try_from(LABEL).unwrap_or(0));
        if let Some(bar) = changes::last_live(theme, service, left) {
            let label = label(theme, "");
            told.push(std::iter::once(label).chain(bar).collect());
        }
    }
    if let Some(waits) = words::waiting_edits(scene.state, service) {
        told.push(pair(theme, "mode", &waits, room));
    }
    for run in service.runs.iter().rev() {
        told.push(pair(theme, "run", &run_words(scene, run), room));
    }
    for (at, port) in service.service.ports.iter().enumerate() {
        let label = if at == 0 { "door" } else { "" };
        told.push(pair(theme, label, &door_words(scene, service, port), room));
    }
    if let Some((at, run, exit)) = &service.last_exit {
        let at = scene.clock.zoned(*at).strftime("%H:%M:%S");
        told.push(pair(theme, "ended", &exit.cause(), room));
        let crashes = match service.crashes.count {
            0 | 1 => String::new(),
            count => format!(", {count} times in a row"),
        };
        told.push(pair(
            theme,
            "",
            &format!("run {run} at {at}{crashes}"),
            room,
        ));
    }
    if let Some((_, failure)) = &service.start_failure {
        for (at, line) in failure.message.lines().take(6).enumerate() {
            told.push(pair(theme, if at == 0 { "start" } else { "" }, line, room));
        }
    }
    told
}

fn probe<'a>(
    scene: Scene<'_>,
    health: Option<&Health>,
    run: Option<&Run>,
    room: u16,
) -> Vec<Line<'a>> {
    let theme = scene.theme;
    let Some(health) = health else {
        return match run {
            Some(_) => vec![pair(theme, "probe", "none: ready once started", room)],
            None => Vec::new(),
        };
    };
    let Some(run) = run else {
        return vec![pair(theme, "probe", &probe_words(&health.probe), room)];
    };
    let Some((_, answer)) = &run.health.last else {
        let words = format!("{}  not asked yet", probe_words(&health.probe));
        return vec![pair(theme, "probe", &words, room)];
    };
    let (mark, role) = if answer.healthy {
        ("✓", Role::Ready)
    } else {
        ("✗", Role::Failed)
    };
    let said = text::plain(answer.said.lines().next().unwrap_or_default().as_bytes());
    let left = vec![
        label(theme, "probe"),
        Span::styled(
            text::plain(probe_words(&health.probe).as_bytes()),
            theme.style(Role::Text),
        ),
        Span::raw("  "),
        Span::styled(format!("{mark} {said}"), theme.style(role)),
    ];
    let took = Span::styled(text::duration(answer.took), theme.style(Role::Dim));
    let mut told = vec![spread(left, vec![took], room)];
    told.extend(history(scene.theme, run, room));
    told
}

/// How long each answer took, the newest at the right; those that were no good stand out by sign and colour.
fn history<'a>(theme: &Theme, run: &Run, room: u16) -> Option<Line<'a>> {
    let history = &run.health.history;
    if history.len() < 2 {
        return None;
    }
    let columns = usize::from(room).saturating_sub(LABEL + 1).min(40);
    let newest = history.iter().skip(history.len().saturating_sub(columns));
    let times: Vec<f64> = newest.clone().map(|(_, took)| took.as_secs_f64()).collect();
    let bars = sparkline(&times, columns, 0.001);
    let mut spans = vec![label(theme, "")];
    for ((healthy, _), bar) in newest.zip(bars.chars()) {
        spans.push(if *healthy {
            Span::styled(bar.to_string(), theme.style(Role::Ready))
        } else {
            Span::styled("×", theme.style(Role::Failed))
        });
    }
    Some(Line::from(spans))
}

fn load<'a>(scene: Scene<'_>, service: &ServiceState, room: u16) -> Vec<Line<'a>> {
    let theme = scene.theme;
    let samples: Vec<Sample> = scene
        .telemetry
        .series()
        .of(&service.service.name)
        .copied()
        .collect();
    let Some(last) = samples.last().filter(|_| !service.runs.is_empty()) else {
        return Vec::new();
    };
    let columns = usize::from(room).saturating_sub(LABEL + 10).min(40);
    // A steady load is drawn half high: a solid bar would shout.
    let figure = |name, figure: String, values: Vec<f64>, least: f64| {
        let highest = values
            .iter()
            .rev()
            .take(columns)
            .copied()
            .fold(least, f64::max);
        let full = highest * 1.8;
        Line::from(vec![
            label(theme, name),
            Span::styled(format!("{figure:<8}  "), theme.style(Role::Text)),
            Span::styled(sparkline(&values, columns, full), theme.style(Role::Dim)),
        ])
    };
    let cpu = samples.iter().map(|sample| sample.cpu).collect();
    let memory = samples.iter().map(|sample| sample.memory as f64).collect();
    vec![
        figure("cpu", format!("{:.0} %", last.cpu * 100.0), cpu, 0.1),
        figure("memory", text::bytes(last.memory), memory, 1.0),
    ]
}

pub(in crate::tui) fn probe_words(probe: &Probe) -> String {
    let port = |port: &Option<u16>| port.map_or(String::new(), |port| format!(" :{port}"));
    match probe {
        Probe::Http(http) => format!("http{} {}", port(&http.port), http.path),
        Probe::Tcp { port: at } => format!("tcp{}", port(at)),
        Probe::Grpc { port: at, service } => format!("grpc{} {service}", port(at)),
        Probe::Exec(command) => format!("exec {}", command.shown()),
        Probe::Log(pattern) => format!("log ~{pattern}"),
    }
}

/// Where a front door is, else where it is wanted.
fn door_words(scene: Scene<'_>, service: &ServiceState, port: &PortMapping) -> String {
    let known = scene.telemetry.whereabouts();
    let open = known.door(&service.service.name, port.container);
    let open = open.filter(|_| port.protocol == Protocol::Tcp);
    let wanted = port
        .host
        .map_or("any free port".to_owned(), |host| host.to_string());
    match open {
        Some(open) => format!("{open} → {}", port.container),
        None => format!("{}:{wanted} → {}", port.address, port.container),
    }
}

fn run_words(scene: Scene<'_>, run: &Run) -> String {
    let phase = words::phase(scene.clock, run);
    let place = match &run.place {
        Some(Place::Container { id, name, .. }) if name.is_empty() => format!("container {id:.12}"),
        Some(Place::Container { name, .. }) => format!("container {name}"),
        Some(Place::Process { pid, port }) => format!("process {pid}, port {port}"),
        None if run.runtime == Runtime::Container => "container".into(),
        None => "process".into(),
    };
    format!("{}  {phase}  {place}", run.id)
}

/// Columns of the words at the left.
pub(super) const LABEL: usize = 8;

pub(super) fn label<'a>(theme: &Theme, words: &str) -> Span<'a> {
    Span::styled(format!("{words:<LABEL$}"), theme.style(Role::Dim))
}

fn pair<'a>(theme: &Theme, name: &str, words: &str, room: u16) -> Line<'a> {
    let words = Span::styled(text::plain(words.as_bytes()), theme.style(Role::Text));
    spread(vec![label(theme, name), words], Vec::new(), room)
}
