//! The texts: score, reasons, and the commands to try.

use ratatui::Frame as Canvas;
use ratatui::layout::{Alignment, Constraint, Rect};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Paragraph, Row, Table, Wrap};

use super::{Room, Theme};
use crate::cli::demo::frame::Frame;
use crate::cli::demo::totals::Totals;

/// The score of both clusters so far.
pub(super) fn score(canvas: &mut Canvas<'_>, frame: &Frame, theme: &Theme, room: Room, area: Rect) {
    let right = |text: String| Text::from(text).alignment(Alignment::Right);
    let row = |name: &'static str, cell: fn(&Totals) -> String| {
        Row::new([
            Text::from(name),
            right(cell(&frame.forescale)),
            right(cell(&frame.plain)),
        ])
    };
    let rows = [
        row("overload minutes", |t| format!("{:.1}", t.overload_minutes)),
        row("unmet demand", |t| format!("{:.2} %", t.unmet_percent)),
        row("replica hours", |t| format!("{:.1}", t.replica_hours)),
        row("scale changes", |t| t.changes.to_string()),
        row("most replicas", |t| t.most_replicas.to_string()),
    ];
    let head = Row::new([
        Text::from(""),
        Text::styled("Forescale", theme.forescale).alignment(Alignment::Right),
        Text::styled("plain HPA", theme.plain).alignment(Alignment::Right),
    ]);
    let widths = [
        Constraint::Length(16),
        Constraint::Length(10),
        Constraint::Length(10),
    ];
    let table = Table::new(rows, widths)
        .header(head)
        .block(room.block(theme).title(" so far "));
    canvas.render_widget(table, area);
}

/// The last plan, and what made it so.
pub(super) fn why(canvas: &mut Canvas<'_>, frame: &Frame, theme: &Theme, room: Room, area: Rect) {
    let lines = match &frame.published {
        None => vec![Line::raw("no plan yet")],
        Some(published) => {
            let plan = &published.plan;
            let model = plan.model.as_deref().unwrap_or("none");
            let mut lines = vec![Line::from(vec![
                Span::styled(format!("{} replicas", plan.replicas), theme.strong),
                Span::raw(format!(", basis {}, model {model}", plan.basis)),
            ])];
            if let Some(fault) = &published.health.fault {
                lines.push(Line::styled(fault.text.clone(), theme.alarm));
            }
            let reasons = plan.reasons.iter().map(|reason| {
                let change = if reason.from == reason.to {
                    format!("{}", reason.to)
                } else {
                    format!("{} > {}", reason.from, reason.to)
                };
                Line::from(vec![
                    Span::styled(format!("{change} "), theme.strong),
                    Span::raw(reason.text.clone()),
                ])
            });
            lines.extend(reasons);
            lines
        }
    };
    let text = Paragraph::new(lines)
        .wrap(Wrap { trim: true })
        .block(room.block(theme).title(" last plan "));
    canvas.render_widget(text, area);
}

/// Every command, in full. There are no borders at the sides, so that the commands can be copied.
pub(super) fn doors(canvas: &mut Canvas<'_>, frame: &Frame, theme: &Theme, area: Rect) {
    let doors = &frame.doors;
    let mut lines = vec![
        Line::raw(doors.curl_workload()),
        Line::raw(doors.curl_metrics()),
        Line::raw(doors.grpcurl_list()),
    ];
    lines.extend(doors.grpcurl_metric().map(Line::raw));
    let text = Paragraph::new(lines).wrap(Wrap { trim: true }).block(
        Room::Tight
            .block(theme)
            .title(" try from another terminal "),
    );
    canvas.render_widget(text, area);
}

/// The short ones.
pub(super) fn short_doors(canvas: &mut Canvas<'_>, frame: &Frame, theme: &Theme, area: Rect) {
    let lines = vec![
        Line::styled(frame.doors.curl_workload(), theme.quiet),
        Line::styled(frame.doors.grpcurl_list(), theme.quiet),
    ];
    canvas.render_widget(Paragraph::new(lines), area);
}
