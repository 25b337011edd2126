//! Reads the commands of the guide and what they are said to print.
//!
//! A block ` ```sh run ` is run until what comes out is what is shown; ` ```sh run fails ` must end with an error. A block
//! ` ```text output ` right behind one is what it prints: numbers may be others, `…` stands for anything in a line, a line of
//! `…` alone for any lines. `<!-- test: Prometheus ends -->` ends Prometheus before the next command.

/// A command of the guide.
#[derive(Debug)]
pub(crate) struct Step {
    /// Line of the page on which its block begins.
    pub(crate) line: usize,
    pub(crate) code: String,
    /// Whether it must end with an error.
    pub(crate) fails: bool,
    /// What it prints, where that is shown.
    pub(crate) output: Option<String>,
    pub(crate) prometheus_ends: bool,
}

/// All of them, in order.
///
/// # Panics
/// When a mark is not one of those above, or output is shown that belongs to no command.
pub(crate) fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut prometheus_ends = false;
    let mut lines = page.lines().zip(1..);
    // Whether nothing but white space stood since the last command.
    let mut right_behind = false;
    while let Some((text, line)) = lines.next() {
        let Some(info) = text.strip_prefix("```") else {
            prometheus_ends |= text == "<!-- test: Prometheus ends -->";
            right_behind &= text.trim().is_empty();
            continue;
        };
        let body: Vec<&str> = lines
            .by_ref()
            .map(|(text, _)| text)
            .take_while(|text| *text != "```")
            .collect();
        let body = body.join("\n") + "\n";
        let fails = match info {
            "sh run" => false,
            "sh run fails" => true,
            "text output" => {
                let step = steps.last_mut().filter(|_| right_behind);
                step.unwrap_or_else(|| panic!("line {line}: output of no command"))
                    .output = Some(body);
                right_behind = false;
                continue;
            }
            plain => {
                assert!(!plain.contains(' '), "line {line}: what is `{plain}`?");
                right_behind = false;
                continue;
            }
        };
        steps.push(Step {
            line,
            code: body,
            fails,
            output: None,
            prometheus_ends: std::mem::take(&mut prometheus_ends),
        });
        right_behind = true;
    }
    steps
}

/// Whether `said` is what `expected` shows.
pub(crate) fn matches(expected: &str, said: &str) -> bool {
    let lines = |text: &str| -> Vec<String> { text.trim_end().lines().map(numberless).collect() };
    lines_match(&lines(expected), &lines(said))
}

fn lines_match(expected: &[String], said: &[String]) -> bool {
    match expected.split_first() {
        None => said.is_empty(),
        Some((first, rest)) if first == "…" => {
            (0..=said.len()).any(|skipped| lines_match(rest, &said[skipped..]))
        }
        Some((first, rest)) => said
            .split_first()
            .is_some_and(|(line, others)| line_matches(first, line) && lines_match(rest, others)),
    }
}

fn line_matches(expected: &str, line: &str) -> bool {
    let mut parts = expected.split('…');
    let Some(mut left) = parts.next().and_then(|first| line.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return left.is_empty();
    };
    for part in parts {
        let Some(at) = left.find(part) else {
            return false;
        };
        left = &left[at + part.len()..];
    }
    left.ends_with(last)
}

/// The line with one sign for each number, and without white space at its end.
fn numberless(line: &str) -> String {
    let mut text = String::new();
    let mut letters = line.trim_end().chars().peekable();
    while let Some(letter) = letters.next() {
        if !letter.is_ascii_digit() {
            text.push(letter);
            continue;
        }
        text.push('#');
        let mut ahead = letters.clone();
        while let Some(next) = ahead.next() {
            let inside = next == '.' && ahead.peek().is_some_and(char::is_ascii_digit);
            if !next.is_ascii_digit() && !inside {
                break;
            }
            letters.next();
        }
    }
    text
}

#[test]
fn numbers_may_be_others_and_dots_stand_for_anything() {
    assert!(matches("value 12.5, 3 times\n", "value 7, 11 times"));
    assert!(matches("a\n…\nd", "a\nb\nc\nd"));
    assert!(matches("a\n…\nb", "a\nb"));
    assert!(matches("fault (…): no …", "fault (empty, 8s ago): no data"));
    assert!(matches("x…y…z", "x1y2y3z"));
    for (expected, said) in [
        ("value 12", "values 12"),
        ("value 12", "value twelve"),
        ("a\nb", "a"),
        ("a", "a\nb"),
        ("a\n…\nd", "a\nb\nc"),
        ("fault (…): no data", "fault (empty): no data here"),
        ("7.", "7"),
    ] {
        assert!(!matches(expected, said), "{expected:?} is not {said:?}");
    }
}

#[test]
fn marked_blocks_are_found_and_others_left() {
    let page = "```sh\nnot this\n```\n<!-- test: Prometheus ends -->\n```sh run fails\nfalse\n```\n\n```text output\nx\n```\n";
    let steps = steps(page);
    assert_eq!(steps.len(), 1);
    assert_eq!((steps[0].line, steps[0].code.as_str()), (5, "false\n"));
    assert!(steps[0].fails);
    assert_eq!(steps[0].output.as_deref(), Some("x\n"));
    assert!(steps[0].prometheus_ends);
}
