//! The live view: load with the forecast ahead, replicas of both clusters, the score, and why the plan is what it is.
//!
//! Nothing is told by colour alone: lines are drawn with marks of their own, and their names stand in the titles.

mod charts;
mod panels;

use ratatui::Frame as Canvas;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Wrap};

use super::frame::Frame;

/// Below this there is no room for the charts.
const SMALLEST: (u16, u16) = (60, 20);
/// From here on text and charts stand side by side.
const WIDE: (u16, u16) = (110, 30);

/// How much room there is for frames and labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Ample,
    Tight,
}

/// How things are marked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Theme {
    demand: Style,
    forecast: Style,
    forescale: Style,
    plain: Style,
    needed: Style,
    quiet: Style,
    strong: Style,
    alarm: Style,
}

impl Theme {
    /// With colours, or without for terminals and people that want none.
    pub(super) fn new(colours: bool) -> Self {
        let colour = |c: Color| {
            if colours {
                Style::new().fg(c)
            } else {
                Style::new()
            }
        };
        Self {
            demand: colour(Color::Cyan),
            forecast: colour(Color::Yellow),
            forescale: colour(Color::Green),
            plain: colour(Color::Magenta),
            needed: colour(Color::DarkGray),
            quiet: Style::new().add_modifier(Modifier::DIM),
            strong: Style::new().add_modifier(Modifier::BOLD),
            alarm: colour(Color::Red).add_modifier(Modifier::BOLD),
        }
    }
}

impl Room {
    /// A frame around something, or only a line above it.
    fn block(self, theme: &Theme) -> Block<'static> {
        let borders = match self {
            Self::Ample => Borders::ALL,
            Self::Tight => Borders::TOP,
        };
        Block::new().borders(borders).border_style(theme.quiet)
    }
}

/// Draws one moment.
pub(super) fn draw(canvas: &mut Canvas<'_>, frame: &Frame, theme: &Theme) {
    let area = canvas.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        too_small(canvas, frame, area);
    } else if area.width >= WIDE.0 && area.height >= WIDE.1 {
        wide(canvas, frame, theme, area);
    } else {
        narrow(canvas, frame, theme, area);
    }
}

fn wide(canvas: &mut Canvas<'_>, frame: &Frame, theme: &Theme, area: Rect) {
    let rows = [
        Constraint::Length(1),
        Constraint::Min(12),
        Constraint::Length(8),
        Constraint::Length(1),
    ];
    let [head, body, doors, foot] = Layout::vertical(rows).areas(area);
    let columns = [Constraint::Min(60), Constraint::Length(46)];
    let [left, right] = Layout::horizontal(columns).areas(body);
    let halves = [Constraint::Percentage(50), Constraint::Percentage(50)];
    let [load, replicas] = Layout::vertical(halves).areas(left);
    let [score, why] = Layout::vertical([Constraint::Length(9), Constraint::Min(6)]).areas(right);
    header(canvas, frame, theme, head);
    charts::load(canvas, frame, theme, Room::Ample, load);
    charts::replicas(canvas, frame, theme, Room::Ample, replicas);
    panels::score(canvas, frame, theme, Room::Ample, score);
    panels::why(canvas, frame, theme, Room::Ample, why);
    panels::doors(canvas, frame, theme, doors);
    footer(canvas, frame, theme, foot);
}

fn narrow(canvas: &mut Canvas<'_>, frame: &Frame, theme: &Theme, area: Rect) {
    let rows = [
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Fill(1),
        Constraint::Length(7),
        Constraint::Length(2),
        Constraint::Length(1),
    ];
    let [head, load, replicas, text, doors, foot] = Layout::vertical(rows).areas(area);
    let columns = [Constraint::Length(41), Constraint::Min(19)];
    let [score, why] = Layout::horizontal(columns).areas(text);
    header(canvas, frame, theme, head);
    charts::load(canvas, frame, theme, Room::Tight, load);
    charts::replicas(canvas, frame, theme, Room::Tight, replicas);
    panels::score(canvas, frame, theme, Room::Tight, score);
    panels::why(canvas, frame, theme, Room::Tight, why);
    panels::short_doors(canvas, frame, theme, doors);
    footer(canvas, frame, theme, foot);
}

fn header(canvas: &mut Canvas<'_>, frame: &Frame, theme: &Theme, area: Rect) {
    let speed = match (frame.paused, frame.speed) {
        (true, _) => "paused".to_owned(),
        (false, Some(speed)) => format!("up to x{speed:.0}"),
        (false, None) => "as fast as it can".to_owned(),
    };
    let text = format!(
        " pattern {}, seed {}   {}   {:.0} %   {speed}",
        frame.pattern,
        frame.seed,
        weekday_and_time(frame),
        100.0 * frame.progress(),
    );
    let line = Line::from(vec![
        Span::styled("forescale demo", theme.strong),
        Span::raw(text),
    ]);
    canvas.render_widget(line, area);
}

fn footer(canvas: &mut Canvas<'_>, frame: &Frame, theme: &Theme, area: Rect) {
    let space = if frame.paused { "go on" } else { "pause" };
    let text = format!("q end with the summary   space {space}");
    canvas.render_widget(Line::styled(text, theme.quiet), area);
}

fn too_small(canvas: &mut Canvas<'_>, frame: &Frame, area: Rect) {
    let text = format!(
        "forescale demo: this terminal is {} x {}, the view needs {} x {}. Overload so far: Forescale {:.1} min, plain HPA {:.1} min.",
        area.width,
        area.height,
        SMALLEST.0,
        SMALLEST.1,
        frame.forescale.overload_minutes,
        frame.plain.overload_minutes,
    );
    canvas.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
}

/// Such as `Tue 09:14`, in UTC.
fn weekday_and_time(frame: &Frame) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let secs = frame.now.as_secs();
    let day = DAYS[secs.div_euclid(86_400).rem_euclid(7) as usize];
    format!("{day} {}", clock_time(secs))
}

/// Such as `09:14`, of seconds since the epoch, in UTC.
fn clock_time(secs: i64) -> String {
    let of_day = secs.rem_euclid(86_400);
    format!("{:02}:{:02}", of_day / 3600, of_day % 3600 / 60)
}

#[cfg(test)]
mod tests;
