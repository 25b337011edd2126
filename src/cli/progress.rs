//! A progress bar on stderr where that is a terminal, and a line now and then where it isn't.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Where there is no terminal, a line comes this often.
const EVERY: Duration = Duration::from_secs(30);

/// How much of a long work is done.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    /// When the last line was written, where lines are.
    told: Option<Mutex<Instant>>,
}

// === impl Progress ===

impl Progress {
    /// A bar for `total` of `what`; where stderr is no terminal, a line of text every half minute.
    pub(super) fn new(total: u64, what: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        let template =
            format!("{{bar:40}} {{human_pos}}/{{human_len}} {what}, {{eta}} left {{msg}}");
        // The template is fixed; were it wrong, the bar would look plain.
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        let told = bar.is_hidden().then(|| Mutex::new(Instant::now()));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, told }
    }

    /// `count` more are done.
    pub(super) fn advance(&self, count: u64) {
        self.bar.inc(count);
        let Some(told) = &self.told else { return };
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.elapsed() >= EVERY {
            *told = Instant::now();
            tell(&line(&self.bar));
        }
    }

    /// Says something beside the bar.
    pub(super) fn say(&self, text: String) {
        self.bar.set_message(text);
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn line(bar: &ProgressBar) -> String {
    let (done, total) = (bar.position(), bar.length().unwrap_or(0).max(1));
    format!(
        "{:.0} % done, {} left; {}",
        100.0 * done as f64 / total as f64,
        HumanDuration(bar.eta()),
        bar.message()
    )
}

#[expect(clippy::print_stderr, reason = "progress is for whoever waits")]
fn tell(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_much_is_done_and_what_is_done_now() {
        let progress = Progress::new(200, "ticks");
        progress.say("web: forescale".to_owned());
        progress.advance(50);
        let line = line(&progress.bar);
        assert!(line.starts_with("25 % done, "), "{line}");
        assert!(line.ends_with("left; web: forescale"), "{line}");
    }
}
