use super::*;

/// Every tag that is opened is closed again.
fn balanced(html: &str) -> bool {
    let mut open: Vec<String> = Vec::new();
    for piece in html.split('<').skip(1) {
        let tag = piece.split('>').next().unwrap();
        let name = |text: &str| text.split([' ', '/']).next().unwrap().to_owned();
        match tag {
            tag if tag.ends_with('/') || tag.starts_with('!') || tag.starts_with("meta") => {}
            tag if tag.starts_with('/') => {
                if open.pop() != Some(name(&tag[1..])) {
                    return false;
                }
            }
            tag => open.push(name(tag)),
        }
    }
    open.is_empty()
}

#[test]
fn text_from_outside_can_not_become_markup() {
    let mut page = Page::new("<script>", "a & b");
    let chart = Chart::new(Axis::Linear, Axis::Linear)
        .titled("\"x\"", "<y>")
        .line(vec![(0.0, 1.0), (1.0, 2.0)], 0, "<img>")
        .dots(vec![((0.5, 1.5), "</title>".to_owned())], 1, "");
    let mut grid = Grid::new(["<b>".to_owned()]);
    grid.row("<i>", vec![Cell::plain("<u>")]);
    page.section("<h2>", "<p>", &(chart.render() + &grid.render()));
    let html = page.render();
    for forbidden in ["<script>", "<img>", "<b>", "<i>", "<u>", "<y>"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    assert!(balanced(&html));
}

#[test]
fn a_page_loads_nothing() {
    let mut page = Page::new("t", "l");
    page.section("s", "", &Chart::new(Axis::Log, Axis::Time).render());
    let html = page.render();
    for outside in ["http", "src=", "url(", "@import", "<script", "<link"] {
        assert!(!html.contains(outside), "{outside}");
    }
}

#[test]
fn a_line_breaks_where_nothing_was_measured() {
    let points = vec![
        (0.0, 1.0),
        (1.0, 2.0),
        (2.0, f64::NAN),
        (3.0, 1.0),
        (4.0, 3.0),
    ];
    let svg = Chart::new(Axis::Linear, Axis::Linear)
        .ink(points, "measured")
        .render();
    let path = svg.split("d=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(path.matches('M').count(), 2, "{path}");
    assert_eq!(path.matches('L').count(), 2, "{path}");
}

#[test]
fn every_axis_has_ticks_and_stays_in_its_frame() {
    let odd = [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e-9, 1e15];
    for x in [Axis::Linear, Axis::Log, Axis::Time] {
        for value in odd {
            let svg = Chart::new(x.clone(), Axis::Linear)
                .line(vec![(value, value), (1.0, 5.0)], 3, "l")
                .render();
            assert!(
                !svg.contains("NaN") && !svg.contains("inf"),
                "{x:?} {value}: {svg}"
            );
            assert!(svg.contains("<text"), "{x:?} {value}");
        }
    }
    let names = Axis::Names(vec!["first".to_owned(), "second".to_owned()]);
    let svg = Chart::new(Axis::Log, names)
        .dots(
            vec![((0.5, 0.0), "a".to_owned()), ((2.0, 1.0), "b".to_owned())],
            0,
            "auto",
        )
        .level(1.0)
        .upright(1.0)
        .shade(0.6, 0.7, "outage")
        .render();
    assert!(svg.contains("first") && svg.find("first") < svg.find("second"));
    assert!(balanced(&svg));
}

#[test]
fn numbers_are_short() {
    for (value, text) in [
        (0.0, "0"),
        (0.1234, "0.123"),
        (1.0, "1.00"),
        (12.345, "12.3"),
        (1234.5, "1234"),
        (2.5e8, "2.50e8"),
        (f64::NAN, "–"),
    ] {
        assert_eq!(number(value), text);
    }
}

#[test]
fn a_drawing_of_its_own_brings_its_colours_and_its_legend() {
    let points = vec![(1.0, 2.0), (2.0, 3.0)];
    let chart = Chart::new(Axis::Linear, Axis::Linear)
        .titled("x", "y")
        .line(points.clone(), 0, "one <tag>")
        .line(points, 1, "another");
    let file = chart.standalone();
    assert!(file.starts_with("<svg xmlns=") && file.trim_end().ends_with("</svg>"));
    assert_eq!(file.matches("<svg").count(), 1);
    assert!(file.contains("--c1:") && file.contains("one &lt;tag&gt;") && file.contains("another"));
    assert!(!file.contains("<figure"));
}
