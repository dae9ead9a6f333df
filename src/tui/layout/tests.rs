//! Screens of all sizes, and dividers in all places.

use super::*;

/// Dividers moved as far as they go, and somewhere.
fn moved() -> [Dividers; 3] {
    [(0, 0), (60, 20), (u16::MAX, u16::MAX)].map(|(column, row)| {
        let mut dividers = Dividers::default();
        dividers.put(Divider::Columns, column, 140);
        dividers.put(Divider::Services, row, 40);
        dividers.put(Divider::Traces, row, 40);
        dividers
    })
}

fn wish() -> Wish {
    Wish {
        focus: Pane::Services,
        zoom: Zoom::Overview,
        dividers: Dividers::default(),
        upper: Shared::Logs,
        services: 5,
        banner: 0,
        inside: false,
    }
}

fn names(width: u16, height: u16, wish: Wish) -> Vec<Pane> {
    let layout = layout(Rect::new(0, 0, width, height), wish);
    layout.panes.iter().map(|(pane, _)| *pane).collect()
}

#[test]
fn the_size_decides_which_panes_are_seen() {
    use Pane::{Build, Health, Logs, Services, Traces};
    let all = [Services, Health, Build, Logs, Traces];
    assert_eq!(names(140, 40, wish()), all);
    assert_eq!(names(120, 24, wish()), [Services, Health, Logs, Traces]);
    assert_eq!(names(80, 24, wish()), [Services, Health, Logs, Traces]);
    assert_eq!(names(40, 12, wish()), [Services]);
    let build = Wish {
        upper: Shared::Build,
        ..wish()
    };
    assert_eq!(names(80, 24, build), [Services, Health, Build, Traces]);
    assert_eq!(names(140, 40, build), all);
    let details = Wish {
        upper: Shared::Details,
        ..wish()
    };
    let beside = [Services, Health, Build, Pane::Details, Traces];
    assert_eq!(names(140, 40, details), beside);
    let zoomed = Wish {
        focus: Logs,
        zoom: Zoom::Alone,
        ..wish()
    };
    assert_eq!(names(140, 40, zoomed), [Logs]);
    let inside = Wish {
        inside: true,
        ..wish()
    };
    assert_eq!(names(140, 40, inside), [Services, Health, Build]);
    assert_eq!(names(120, 40, inside), []);
    let whole = layout(Rect::new(0, 0, 80, 24), inside).inside;
    assert_eq!((whole.width, whole.height), (80, 22));
}

#[test]
fn at_any_size_areas_stay_inside_and_apart() {
    for width in 0..170 {
        for height in 0..60 {
            for (services, banner, zoom, dividers) in [
                (0, 0, Zoom::Overview, Dividers::default()),
                (5, 1, Zoom::Overview, moved()[usize::from(width % 3)]),
                (5, 0, Zoom::Focus, moved()[usize::from(height % 3)]),
                (90, 3, Zoom::Alone, Dividers::default()),
            ] {
                let screen = Rect::new(0, 0, width, height);
                let wish = Wish {
                    zoom,
                    dividers,
                    services,
                    banner,
                    inside: (width + height) % 3 == 0,
                    ..wish()
                };
                let layout = layout(screen, wish);
                let panes = layout.panes.iter().map(|(_, area)| *area);
                let others = [
                    layout.header,
                    layout.banner,
                    layout.tabs,
                    layout.footer,
                    layout.inside,
                ];
                let areas: Vec<Rect> = panes
                    .chain(others)
                    .filter(|area| !area.is_empty())
                    .collect();
                for (at, area) in areas.iter().enumerate() {
                    assert_eq!(area.intersection(screen), *area, "{screen:?}");
                    for other in &areas[at + 1..] {
                        assert!(!area.intersects(*other), "{screen:?}: {layout:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_divider_keeps_its_place_and_leaves_room_on_both_sides() {
    let at = |dividers: Dividers, width: u16| {
        let screen = Rect::new(0, 0, width, 40);
        let wish = Wish { dividers, ..wish() };
        let layout = layout(screen, wish);
        let area = |pane| layout.area(pane).expect("it is shown");
        (area(Pane::Services), area(Pane::Logs), area(Pane::Traces))
    };
    let mut dividers = Dividers::default();
    for column in 24..=115 {
        dividers.put(Divider::Columns, column, 140);
        let (services, logs, _) = at(dividers, 140);
        assert_eq!((services.width, logs.x), (column, column + 1));
    }
    dividers.put(Divider::Columns, 70, 140);
    assert_eq!(at(dividers, 200).0.width, 100, "half of it");
    for (column, width) in [(0, 24), (u16::MAX, 115)] {
        dividers.put(Divider::Columns, column, 140);
        assert_eq!(at(dividers, 140).0.width, width);
    }
    // Header, footer and a row of space are not divided.
    for row in 4..=33 {
        dividers.put(Divider::Traces, row, 37);
        let (_, _, traces) = at(dividers, 140);
        assert_eq!(traces.y, row + 2);
    }
}

#[test]
fn the_focus_layout_has_the_services_and_the_pane_in_focus() {
    let focus = |focus, width| {
        let wish = Wish {
            focus,
            zoom: Zoom::Focus,
            ..wish()
        };
        names(width, 40, wish)
    };
    assert_eq!(focus(Pane::Traces, 140), [Pane::Services, Pane::Traces]);
    assert_eq!(focus(Pane::Health, 80), [Pane::Services, Pane::Health]);
    assert_eq!(focus(Pane::Services, 140), [Pane::Services, Pane::Logs]);
    assert_eq!(focus(Pane::Logs, 60), [Pane::Logs]);
}
