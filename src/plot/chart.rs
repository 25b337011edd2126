//! Lines, bands and dots over two axes, as SVG.

use std::fmt::Write as _;

use super::axis::Scale;
use super::{Axis, COLOURS, escape};

/// Width of a letter in a legend, and of what stands before a label.
const LETTER: f64 = 6.2;
const MARK: f64 = 40.0;

/// A point: x and y, in the axes' own units.
pub type Point = (f64, f64);

/// A chart that is being put together.
#[derive(Clone, Debug)]
pub struct Chart {
    x: Axis,
    y: Axis,
    titles: (String, String),
    size: (f64, f64),
    range_x: Option<(f64, f64)>,
    range_y: Option<(f64, f64)>,
    layers: Vec<Layer>,
    legend: Vec<(Paint, String)>,
}

#[derive(Clone, Debug)]
enum Layer {
    Line(Vec<Point>, Paint),
    Band(Vec<(f64, f64, f64)>, f64),
    Dots(Vec<(Point, String)>, Paint),
    Level(f64),
    Upright(f64),
    Shade(f64, f64),
}

/// How a mark is painted.
#[derive(Clone, Copy, Debug)]
enum Paint {
    Ink,
    Colour(usize),
    Thin(usize),
    Band(f64),
    Shade,
}

// === impl Chart ===

impl Chart {
    /// An empty chart.
    pub fn new(x: Axis, y: Axis) -> Self {
        let rows = match &y {
            Axis::Names(names) => Some(names.len()),
            _ => None,
        };
        let height = rows.map_or(260.0, |rows| 60.0 + 22.0 * rows as f64);
        Self {
            x,
            y,
            titles: (String::new(), String::new()),
            size: (860.0, height),
            range_x: None,
            range_y: None,
            layers: Vec::new(),
            legend: Vec::new(),
        }
    }

    /// What stands at the axes.
    #[must_use]
    pub fn titled(mut self, x: &str, y: &str) -> Self {
        self.titles = (x.to_owned(), y.to_owned());
        self
    }

    /// Width and height in units of the drawing; it fills the width of the page.
    #[must_use]
    pub fn sized(mut self, width: f64, height: f64) -> Self {
        self.size = (width, height);
        self
    }

    /// Fixes the range of the horizontal axis.
    #[must_use]
    pub fn from_to(mut self, low: f64, high: f64) -> Self {
        self.range_x = Some((low, high));
        self
    }

    /// Fixes the range of the vertical axis.
    #[must_use]
    pub fn between(mut self, low: f64, high: f64) -> Self {
        self.range_y = Some((low, high));
        self
    }

    /// A line in colour `index`; it breaks where y is `NaN`.
    #[must_use]
    pub fn line(self, points: Vec<Point>, index: usize, label: &str) -> Self {
        self.layer(
            Layer::Line(points, Paint::Colour(index)),
            Paint::Colour(index),
            label,
        )
    }

    /// A thin line in colour `index`, without a word in the legend.
    #[must_use]
    pub fn thin(self, points: Vec<Point>, index: usize) -> Self {
        self.layer(
            Layer::Line(points, Paint::Thin(index)),
            Paint::Thin(index),
            "",
        )
    }

    /// A line in the colour of text: what was measured.
    #[must_use]
    pub fn ink(self, points: Vec<Point>, label: &str) -> Self {
        self.layer(Layer::Line(points, Paint::Ink), Paint::Ink, label)
    }

    /// An area between two edges: x, lower, upper. It breaks where an edge is `NaN`.
    #[must_use]
    pub fn band(self, edges: Vec<(f64, f64, f64)>, opacity: f64, label: &str) -> Self {
        self.layer(Layer::Band(edges, opacity), Paint::Band(opacity), label)
    }

    /// Dots with what a pointer over them reads.
    #[must_use]
    pub fn dots(self, dots: Vec<(Point, String)>, index: usize, label: &str) -> Self {
        self.layer(
            Layer::Dots(dots, Paint::Colour(index)),
            Paint::Colour(index),
            label,
        )
    }

    /// A dashed level line.
    #[must_use]
    pub fn level(self, y: f64) -> Self {
        self.layer(Layer::Level(y), Paint::Ink, "")
    }

    /// A dashed upright line.
    #[must_use]
    pub fn upright(self, x: f64) -> Self {
        self.layer(Layer::Upright(x), Paint::Ink, "")
    }

    /// A shaded stretch of the horizontal axis.
    #[must_use]
    pub fn shade(self, from: f64, until: f64, label: &str) -> Self {
        self.layer(Layer::Shade(from, until), Paint::Shade, label)
    }

    /// Puts what was drawn last first in the legend: the most important layer is drawn last, so that it lies on top.
    #[must_use]
    pub fn topmost_first(mut self) -> Self {
        self.legend.reverse();
        self
    }

    fn layer(mut self, layer: Layer, paint: Paint, label: &str) -> Self {
        self.layers.push(layer);
        let known = self.legend.iter().any(|(_, known)| known == label);
        if !label.is_empty() && !known {
            self.legend.push((paint, label.to_owned()));
        }
        self
    }

    /// The drawing and its legend as HTML.
    pub fn render(&self) -> String {
        let left = match &self.y {
            Axis::Names(names) => {
                let longest = names.iter().map(|name| name.chars().count()).max();
                (16.0 + 6.6 * longest.unwrap_or(0) as f64).clamp(60.0, 260.0)
            }
            _ => 58.0,
        };
        let (width, height) = self.size;
        let (right, top, bottom) = (width - 14.0, 10.0, height - 42.0);
        // Names are read from the top down, numbers from the bottom up.
        let upright = match self.y {
            Axis::Names(_) => (top, bottom),
            _ => (bottom, top),
        };
        let x = Scale::over(self.x.clone(), self.xs(), self.range_x, (left, right));
        let y = Scale::over(self.y.clone(), self.ys(), self.range_y, upright);
        let mut svg = format!(
            "<svg viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{}\">",
            escape(&format!("{} by {}", self.titles.1, self.titles.0))
        );
        marks(&mut svg, &x, &y, (left, right, bottom));
        for layer in &self.layers {
            draw(&mut svg, layer, &x, &y, (left, right, top, bottom));
        }
        let middle = f64::midpoint(left, right);
        let _ = write!(
            svg,
            "<text class=\"title\" x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text></svg>",
            height - 8.0,
            escape(&self.caption())
        );
        format!("<figure>{svg}{}</figure>", self.legend())
    }

    /// The drawing and its legend as a file of its own.
    pub fn standalone(&self) -> String {
        let html = self.render();
        let drawing = html
            .split_once("<svg ")
            .and_then(|(_, rest)| rest.split_once("</svg>"))
            .map_or("", |(svg, _)| svg);
        let (frame, marks) = drawing.split_once('>').unwrap_or((drawing, ""));
        let (width, height) = self.size;
        let labels = self.legend.iter().map(|(_, label)| label.chars().count());
        let longest = MARK + LETTER * labels.max().unwrap_or(0) as f64;
        let beside = ((width - 40.0) / longest).floor().max(1.0) as usize;
        let row = |index: usize| height + 14.0 + 16.0 * (index / beside) as f64;
        let whole = row(self.legend.len().saturating_sub(1)) + 10.0;
        let frame = frame.replace(
            &format!("viewBox=\"0 0 {width:.0} {height:.0}\""),
            &format!("viewBox=\"0 0 {width:.0} {whole:.0}\" width=\"{width:.0}\""),
        );
        let mut legend = String::new();
        for (index, (paint, label)) in self.legend.iter().enumerate() {
            let x = 20.0 + longest * (index % beside) as f64;
            let y = row(index);
            let colour = match paint {
                Paint::Ink => "--ink".to_owned(),
                Paint::Colour(index) | Paint::Thin(index) => format!("--c{}", index % COLOURS),
                Paint::Band(_) => "--band".to_owned(),
                Paint::Shade => "--bad".to_owned(),
            };
            // Writing to a string can't fail.
            let _ = write!(
                legend,
                "<line x1=\"{x:.0}\" x2=\"{:.0}\" y1=\"{y:.0}\" y2=\"{y:.0}\" stroke-width=\"3\" \
                 style=\"stroke:var({colour})\"/><text x=\"{:.0}\" y=\"{:.0}\">{}</text>",
                x + 16.0,
                x + 22.0,
                y + 4.0,
                escape(label)
            );
        }
        let style = super::page::STYLE;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" {frame}><style>{style} svg {{ background: var(--card); font-family: \
             system-ui, sans-serif; }}</style>{marks}{legend}</svg>\n"
        )
    }

    fn caption(&self) -> String {
        match (self.titles.0.as_str(), self.titles.1.as_str()) {
            (x, "") => x.to_owned(),
            ("", y) => y.to_owned(),
            (x, y) => format!("{y}  ·  {x}"),
        }
    }

    fn legend(&self) -> String {
        let mut items = String::new();
        for (paint, label) in &self.legend {
            let (class, style) = match paint {
                Paint::Ink => ("line", "border-color:var(--ink)".to_owned()),
                Paint::Colour(index) | Paint::Thin(index) => {
                    let style = format!("border-color:var(--c{})", index % COLOURS);
                    ("line", style)
                }
                Paint::Band(opacity) => ("area", format!("opacity:{:.2}", opacity * 1.6)),
                Paint::Shade => ("area shade", String::new()),
            };
            let label = escape(label);
            let _ = write!(
                items,
                "<span><i class=\"{class}\" style=\"{style}\"></i>{label}</span>"
            );
        }
        format!("<figcaption class=\"legend\">{items}</figcaption>")
    }

    fn xs(&self) -> impl Iterator<Item = f64> + '_ {
        self.layers.iter().flat_map(|layer| -> Vec<f64> {
            match layer {
                Layer::Line(points, _) => points.iter().map(|p| p.0).collect(),
                Layer::Band(edges, _) => edges.iter().map(|e| e.0).collect(),
                Layer::Dots(dots, _) => dots.iter().map(|d| d.0.0).collect(),
                Layer::Upright(x) => vec![*x],
                Layer::Level(_) | Layer::Shade(..) => Vec::new(),
            }
        })
    }

    fn ys(&self) -> impl Iterator<Item = f64> + '_ {
        self.layers.iter().flat_map(|layer| -> Vec<f64> {
            match layer {
                Layer::Line(points, _) => points.iter().map(|p| p.1).collect(),
                Layer::Band(edges, _) => edges.iter().flat_map(|e| [e.1, e.2]).collect(),
                Layer::Dots(dots, _) => dots.iter().map(|d| d.0.1).collect(),
                Layer::Level(y) => vec![*y],
                Layer::Upright(_) | Layer::Shade(..) => Vec::new(),
            }
        })
    }
}

/// The lines of the grid and what stands at them.
fn marks(svg: &mut String, x: &Scale, y: &Scale, frame: (f64, f64, f64)) {
    let (left, right, bottom) = frame;
    for (value, text) in y.ticks(5) {
        let at = y.at(value);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{left:.1}\" x2=\"{right:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left - 6.0,
            at + 3.5,
            escape(&text)
        );
    }
    for (value, text) in x.ticks(8) {
        let at = x.at(value);
        let _ = write!(
            svg,
            "<line class=\"tick\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{bottom:.1}\" y2=\"{:.1}\"/>\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            bottom + 4.0,
            bottom + 16.0,
            escape(&text)
        );
    }
}

fn draw(svg: &mut String, layer: &Layer, x: &Scale, y: &Scale, frame: (f64, f64, f64, f64)) {
    let (left, right, top, bottom) = frame;
    let result = match layer {
        Layer::Line(points, paint) => line(svg, points, *paint, x, y),
        Layer::Band(edges, opacity) => band(svg, edges, *opacity, x, y),
        Layer::Dots(dots, paint) => dots_of(svg, dots, *paint, x, y),
        Layer::Level(value) => {
            let at = y.at(*value);
            write!(
                svg,
                "<line class=\"rule\" x1=\"{left:.1}\" x2=\"{right:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>"
            )
        }
        Layer::Upright(value) => {
            let at = x.at(*value);
            write!(
                svg,
                "<line class=\"rule\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{top:.1}\" y2=\"{bottom:.1}\"/>"
            )
        }
        Layer::Shade(from, until) => {
            let (from, until) = (x.at(*from), x.at(*until));
            // An outage of minutes in months still shows.
            let wide = (until - from).max(1.0);
            write!(
                svg,
                "<rect class=\"shade\" x=\"{from:.1}\" y=\"{top:.1}\" width=\"{wide:.1}\" height=\"{:.1}\"/>",
                bottom - top
            )
        }
    };
    debug_assert!(result.is_ok(), "a string takes everything");
}

fn line(
    svg: &mut String,
    points: &[Point],
    paint: Paint,
    x: &Scale,
    y: &Scale,
) -> std::fmt::Result {
    let mut path = String::new();
    let mut pen = 'M';
    for (at, value) in points {
        if !value.is_finite() {
            pen = 'M';
            continue;
        }
        write!(path, "{pen}{:.1} {:.1}", x.at(*at), y.at(*value))?;
        pen = 'L';
    }
    let (colour, width) = match paint {
        Paint::Colour(index) => (format!("var(--c{})", index % COLOURS), 2.0),
        Paint::Thin(index) => (format!("var(--c{})", index % COLOURS), 0.8),
        _ => ("var(--ink)".to_owned(), 1.3),
    };
    write!(
        svg,
        "<path d=\"{path}\" fill=\"none\" style=\"stroke:{colour}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"/>"
    )
}

fn band(
    svg: &mut String,
    edges: &[(f64, f64, f64)],
    opacity: f64,
    x: &Scale,
    y: &Scale,
) -> std::fmt::Result {
    for run in edges.split(|(_, low, high)| !(low.is_finite() && high.is_finite())) {
        if run.is_empty() {
            continue;
        }
        let mut path = String::new();
        let mut pen = 'M';
        for (at, _, high) in run {
            write!(path, "{pen}{:.1} {:.1}", x.at(*at), y.at(*high))?;
            pen = 'L';
        }
        for (at, low, _) in run.iter().rev() {
            write!(path, "L{:.1} {:.1}", x.at(*at), y.at(*low))?;
        }
        write!(
            svg,
            "<path class=\"band\" d=\"{path}Z\" opacity=\"{opacity}\"/>"
        )?;
    }
    Ok(())
}

fn dots_of(
    svg: &mut String,
    dots: &[(Point, String)],
    paint: Paint,
    x: &Scale,
    y: &Scale,
) -> std::fmt::Result {
    let Paint::Colour(index) = paint else {
        return Ok(());
    };
    for ((at, value), text) in dots.iter().filter(|((_, value), _)| value.is_finite()) {
        write!(
            svg,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\" style=\"fill:var(--c{})\"><title>{}</title></circle>",
            x.at(*at),
            y.at(*value),
            index % COLOURS,
            escape(text)
        )?;
    }
    Ok(())
}
