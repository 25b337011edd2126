//! The two charts. Their x axis is minutes from now: the past on the left, the forecast on the right.

use ratatui::Frame as Canvas;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Chart, Dataset, GraphType};

use super::{Room, Theme, clock_time};
use crate::cli::demo::frame::{BAND_PERCENT, BandPoint, Frame, SHOWN_MINUTES, TrailPoint};
use crate::domain::Timestamp;

/// Minutes ahead that are shown when there is no forecast to show.
const AHEAD_MINUTES: f64 = 30.0;

type Points = Vec<(f64, f64)>;

/// Load: the demand that arrives, and the forecast band ahead.
pub(super) fn load(canvas: &mut Canvas<'_>, frame: &Frame, theme: &Theme, room: Room, area: Rect) {
    let demand: Points = past(frame, |point| Some(point.demand));
    let missing: Points = past(frame, |point| point.observed.is_none().then_some(0.0));
    let ahead = |value: fn(&BandPoint) -> f64| -> Points {
        frame
            .band
            .iter()
            .map(|point| (minutes(frame, point.at), value(point)))
            .collect()
    };
    let (low, middle, high) = (ahead(|p| p.low), ahead(|p| p.middle), ahead(|p| p.high));
    let top = highest([&demand, &high]);
    let now = vec![(0.0, 0.0), (0.0, top)];
    let sets = vec![
        line(&now, Marker::Dot, theme.quiet),
        line(&demand, Marker::Braille, theme.demand),
        dots(&low, theme.forecast),
        line(&middle, Marker::Braille, theme.forecast),
        dots(&high, theme.forecast),
        dots(&missing, theme.alarm),
    ];
    let title = Line::from(vec![
        Span::raw(" load/s: "),
        Span::styled("─ demand", theme.demand),
        Span::raw("  "),
        Span::styled(
            format!("─ forecast, • {}-{} % band", BAND_PERCENT.0, BAND_PERCENT.1),
            theme.forecast,
        ),
        Span::raw("  "),
        Span::styled("• below: metric missing ", theme.alarm),
    ]);
    let picture = Picture {
        title,
        sets,
        top,
        hours: room == Room::Ample,
    };
    chart(canvas, frame, theme, room, area, picture);
}

/// Replicas that serve, of both clusters, and what the demand would need.
pub(super) fn replicas(
    canvas: &mut Canvas<'_>,
    frame: &Frame,
    theme: &Theme,
    room: Room,
    area: Rect,
) {
    let forescale = past(frame, |point| Some(f64::from(point.forescale)));
    let plain = past(frame, |point| Some(f64::from(point.plain)));
    let needed = past(frame, |point| Some(f64::from(point.needed)));
    let top = highest([&forescale, &plain, &needed]);
    let now = vec![(0.0, 0.0), (0.0, top)];
    let sets = vec![
        line(&now, Marker::Dot, theme.quiet),
        dots(&needed, theme.needed),
        line(&plain, Marker::Braille, theme.plain),
        line(&forescale, Marker::Braille, theme.forescale),
    ];
    let newest = frame.trail.last();
    let title = Line::from(vec![
        Span::raw(" ready replicas: "),
        Span::styled(
            format!("─ Forescale {}", newest.map_or(0, |p| p.forescale)),
            theme.forescale,
        ),
        Span::raw("  "),
        Span::styled(
            format!("─ plain HPA {}", newest.map_or(0, |p| p.plain)),
            theme.plain,
        ),
        Span::raw("  "),
        Span::styled(
            format!("• needed {} ", newest.map_or(0, |p| p.needed)),
            theme.needed,
        ),
    ]);
    let picture = Picture {
        title,
        sets,
        top,
        hours: true,
    };
    chart(canvas, frame, theme, room, area, picture);
}

/// What a chart shows, besides time.
struct Picture<'a> {
    title: Line<'a>,
    sets: Vec<Dataset<'a>>,
    /// Upper end of the y axis.
    top: f64,
    /// Whether the hours stand below it.
    hours: bool,
}

fn chart(
    canvas: &mut Canvas<'_>,
    frame: &Frame,
    theme: &Theme,
    room: Room,
    area: Rect,
    picture: Picture<'_>,
) {
    let ahead = frame
        .band
        .last()
        .map_or(AHEAD_MINUTES, |point| minutes(frame, point.at).max(1.0));
    let left = -(SHOWN_MINUTES as f64);
    let mut x = Axis::default().bounds([left, ahead]).style(theme.quiet);
    if picture.hours {
        let label = |minutes: f64| clock_time(frame.now.as_secs() + (minutes * 60.0) as i64);
        x = x.labels([label(left), label(f64::midpoint(left, ahead)), label(ahead)]);
    }
    let top = picture.top;
    let y = Axis::default()
        .bounds([0.0, top])
        .style(theme.quiet)
        .labels(["0".to_owned(), format!("{top:>4.0}")]);
    let chart = Chart::new(picture.sets)
        .block(room.block(theme).title(picture.title))
        .x_axis(x)
        .y_axis(y);
    canvas.render_widget(chart, area);
}

fn line(points: &[(f64, f64)], marker: Marker, style: Style) -> Dataset<'_> {
    Dataset::default()
        .data(points)
        .marker(marker)
        .graph_type(GraphType::Line)
        .style(style)
}

fn dots(points: &[(f64, f64)], style: Style) -> Dataset<'_> {
    Dataset::default()
        .data(points)
        .marker(Marker::Dot)
        .graph_type(GraphType::Scatter)
        .style(style)
}

fn past(frame: &Frame, value: impl Fn(&TrailPoint) -> Option<f64>) -> Points {
    let point = |point: &TrailPoint| Some((minutes(frame, point.at), value(point)?));
    frame.trail.iter().filter_map(point).collect()
}

fn minutes(frame: &Frame, at: Timestamp) -> f64 {
    (at.as_secs_f64() - frame.now.as_secs_f64()) / 60.0
}

/// A round number a little above everything.
fn highest<const N: usize>(sets: [&Points; N]) -> f64 {
    let values = sets.into_iter().flatten().map(|point| point.1);
    let top = values.fold(1.0, f64::max) * 1.08;
    let unit = 10_f64.powf(top.log10().floor()) / 5.0;
    (top / unit).ceil() * unit
}
