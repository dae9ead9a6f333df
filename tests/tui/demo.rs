//! Shows a session made by hand on the real terminal: `cargo run --example tui-demo -- SCENE [THEME]`.

mod fixture;

use boatyard::engine::Command;
use boatyard::runtime::{Input, Shown, View};
use boatyard::tui::{Options, Workbench};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut words = std::env::args().skip(1);
    let scene = match words.next().as_deref() {
        Some("starting") => fixture::starting(),
        Some("building") => fixture::building(),
        Some("build-failed") => fixture::build_failed(),
        Some("crashed") => fixture::crashed(),
        Some("waiting") => fixture::waiting(),
        Some("quitting") => fixture::quitting(),
        Some("edited") => fixture::edited(),
        Some("on-hold") => fixture::on_hold(),
        Some("instrumented") => fixture::instrumented(),
        Some("said-much") => fixture::said_much(),
        Some("twelve") => fixture::twelve(),
        Some("fifty-seven") => fixture::fifty_seven(),
        Some("told") => fixture::told(),
        Some("refused") => fixture::refused(),
        Some("detailed") => fixture::detailed(),
        Some("detailed-crash") => fixture::detailed_crash(),
        _ => fixture::ready(),
    };
    let options = Options {
        theme: words.next(),
        color: std::env::var_os("NO_COLOR").is_none(),
        ..Options::default()
    };
    let mut workbench = Workbench::start(&options, scene.telemetry.clone(), scene.clock.clone())?;
    let panics = std::env::var_os("TUI_DEMO_PANIC").is_some();
    let mut notices = scene.notices.as_slice();
    loop {
        workbench.show(&Shown {
            state: &scene.state,
            notices,
            telemetry: &scene.telemetry,
            clock: &scene.clock,
        });
        notices = &[];
        assert!(!panics, "asked to panic");
        if let Input::Command(Command::Quit | Command::Kill) = workbench.next_input().await {
            return Ok(());
        }
    }
}
