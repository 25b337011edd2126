use std::sync::Arc;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::cli::demo::frame::{Doors, TrailPoint, band};
use crate::cli::demo::setup::START;
use crate::cli::demo::totals::Totals;
use crate::domain::{
    Basis, DEFAULT_LEVELS, Forecast, HumanDuration, LeadSource, Limit, Mode, Plan, Quantile,
    Reason, Served,
};
use crate::knowledge::{Fault, FaultKind, Health, Published};
use crate::simulate::demand::Pattern;

const MINUTE: Duration = Duration::from_mins(1);

fn plan() -> Plan {
    Plan {
        at: START,
        mode: Mode::Predictive,
        basis: Basis::Forecast,
        replicas: 31,
        planned: 31,
        reactive: Some(24),
        active: true,
        served: Served {
            value: 620.0,
            target: 20.0,
            value_int: 620,
            target_int: 20,
        },
        observed: None,
        peak: None,
        quantile: Quantile::MEDIAN,
        lead_time: HumanDuration::from_secs(120),
        lead_source: LeadSource::Given,
        capacity: None,
        vertical: None,
        model: Some("seasonal-naive".into()),
        chosen: None,
        authority: None,
        reasons: vec![Reason {
            limit: Limit::Forecast,
            from: 0,
            to: 31,
            text: "the peak of the next 2m is 612".to_owned(),
        }],
    }
}

fn frame() -> Frame {
    let now = START + MINUTE * 200;
    let trail = (20..200_u32).map(|minute| TrailPoint {
        at: START + MINUTE * minute,
        demand: 300.0 + 2.0 * f64::from(minute),
        observed: (!(150..=170).contains(&minute)).then_some(300.0),
        forescale: 20 + minute / 10,
        forescale_total: 22 + minute / 10,
        plain: 18 + minute / 10,
        plain_total: 18 + minute / 10,
        needed: 16 + minute / 12,
    });
    let values = DEFAULT_LEVELS
        .iter()
        .flat_map(|level| {
            (0..30_u8).map(move |step| 600.0 + 5.0 * f32::from(step) + 100.0 * level.get() as f32)
        })
        .collect();
    let forecast = Forecast::new(
        "seasonal-naive",
        now,
        MINUTE,
        DEFAULT_LEVELS.to_vec(),
        values,
        None,
    )
    .unwrap();
    Frame {
        pattern: Pattern::Shop,
        seed: 7,
        now,
        until: START + MINUTE * 1440,
        paused: false,
        speed: Some(1440.0),
        trail: trail.collect(),
        band: band(&forecast, now),
        forescale: Totals {
            overload_minutes: 3.5,
            unmet_percent: 0.21,
            replica_hours: 88.4,
            changes: 41,
            most_replicas: 39,
        },
        plain: Totals {
            overload_minutes: 11.2,
            unmet_percent: 0.92,
            replica_hours: 84.0,
            changes: 47,
            most_replicas: 37,
        },
        published: Some(Arc::new(Published {
            plan: Arc::new(plan()),
            forecast: Some(Arc::new(forecast)),
            standing: None,
            anomalies: Arc::default(),
            health: Health::default(),
        })),
        doors: Doors::new(
            ([127, 0, 0, 1], 6000).into(),
            ([127, 0, 0, 1], 8080).into(),
            "shop",
            r#"{"threshold":"20"}"#.to_owned(),
        ),
    }
}

fn drawn(frame: &Frame, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let theme = Theme::new(true);
    terminal.draw(|canvas| draw(canvas, frame, &theme)).unwrap();
    terminal.backend().to_string()
}

fn assert_shows(screen: &str, words: &[&str]) {
    for word in words {
        assert!(screen.contains(word), "`{word}` is missing in\n{screen}");
    }
}

#[test]
fn an_ordinary_terminal_shows_load_replicas_score_reasons_and_commands() {
    let screen = drawn(&frame(), 80, 24);
    assert_shows(
        &screen,
        &[
            "forescale demo",
            "pattern shop, seed 7",
            "Tue 11:20",
            "up to x1440",
            "demand",
            "forecast",
            "ready replicas",
            "Forescale 39",
            "plain HPA 37",
            "needed 32",
            "overload minutes",
            "replica hours",
            "11.2",
            "88.4",
            "31 replicas",
            "the peak of the",
            "curl http://127.0.0.1:8080/api/v1/workloads/demo/shop",
            "grpcurl -plaintext 127.0.0.1:6000 list",
            "q end",
        ],
    );
}

#[test]
fn a_large_terminal_also_shows_the_whole_call_of_keda() {
    let screen = drawn(&frame(), 120, 40);
    assert_shows(
        &screen,
        &[
            "overload minutes",
            "last plan",
            "try from another terminal",
            "externalscaler.ExternalScaler/GetMetrics",
            "curl http://127.0.0.1:8080/metrics",
        ],
    );
}

#[test]
fn the_demand_and_the_forecast_are_drawn_beside_each_other() {
    let screen = drawn(&frame(), 120, 40);
    let braille = |c: char| ('\u{2801}'..='\u{28ff}').contains(&c);
    let columns: Vec<usize> = screen
        .lines()
        .flat_map(|line| {
            line.chars()
                .enumerate()
                .filter(|(_, c)| braille(*c))
                .map(|(i, _)| i)
        })
        .collect();
    let (first, last) = (columns.iter().min().unwrap(), columns.iter().max().unwrap());
    assert!(last - first > 50, "from column {first} to {last}");
}

#[test]
fn any_size_and_an_empty_run_are_drawn_without_panic() {
    let empty = Frame {
        trail: vec![],
        band: vec![],
        published: None,
        forescale: Totals::default(),
        plain: Totals::default(),
        now: START,
        ..frame()
    };
    for frame in [frame(), empty] {
        for (width, height) in [
            (1, 1),
            (20, 3),
            (60, 20),
            (80, 24),
            (109, 60),
            (110, 30),
            (250, 80),
        ] {
            drawn(&frame, width, height);
        }
    }
}

#[test]
fn a_terminal_that_is_too_small_says_how_large_it_must_be() {
    let screen = drawn(&frame(), 50, 10).replace(['\n', '"'], " ");
    assert_shows(&screen, &["60 x 20"]);
}

#[test]
fn a_pause_and_a_fault_are_seen() {
    let mut frame = frame();
    frame.paused = true;
    let mut published = Published::clone(frame.published.as_ref().unwrap());
    published.health.fault = Some(Fault {
        at: START,
        kind: FaultKind::Empty,
        text: "no sample in the window".to_owned(),
    });
    frame.published = Some(Arc::new(published));
    assert_shows(
        &drawn(&frame, 120, 40),
        &["paused", "go on", "no sample in the window"],
    );
}
