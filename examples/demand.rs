//! Writes the demand of `forescale demo` as a curve, `seconds,value`: what the load scripts of `loadtest/demo` follow.
//!
//! ```text
//! cargo run --release --example demand                     # writes the curves in loadtest/demo/curves anew
//! cargo run --release --example demand -- api 2026-06-08T00:00:00Z 1d 60s 7 > mine.csv
//! ```
//!
//! The arguments are pattern, begin, length, step and seed (1 when it is not given). Seconds are counted from the begin.
//! Values are requests per second as users send them, before the metric path makes them late and smooth.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example prints"
)]

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum as _;
use forescale::domain::{HumanDuration, Timestamp};
use forescale::simulate::demand::{Demand, Pattern};

/// The shipped curves: a working day, a week from its Monday on, and a day of spikes.
const SHIPPED: [(&str, [&str; 4]); 3] = [
    ("daily.csv", ["shop", "2026-06-09T00:00:00Z", "1d", "60s"]),
    ("weekly.csv", ["shop", "2026-06-08T00:00:00Z", "7d", "2m"]),
    ("spike.csv", ["spiky", "2026-06-09T00:00:00Z", "1d", "60s"]),
];
/// Where the demo counts its trend from: a curve and a demo of one seed are the same demand.
const ORIGIN: Timestamp = Timestamp::from_secs(1_780_992_000);
/// A longer curve is a slip of the pen.
const MOST: u64 = 1_000_000;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = if args.is_empty() {
        write_shipped()
    } else {
        let words: Vec<&str> = args.iter().map(String::as_str).collect();
        curve(&words).map(|text| print!("{text}"))
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "error: {error}\nhint: demand PATTERN BEGIN LENGTH STEP [SEED], such as `demand shop 2026-06-08T00:00:00Z 7d 2m`"
            );
            ExitCode::from(2)
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("loadtest/demo/curves")
}

fn write_shipped() -> Result<(), Box<dyn Error>> {
    for (name, words) in SHIPPED {
        std::fs::write(folder().join(name), curve(&words)?)?;
    }
    Ok(())
}

fn curve(words: &[&str]) -> Result<String, Box<dyn Error>> {
    let (pattern, begin, length, step, seed) = match *words {
        [pattern, begin, length, step] => (pattern, begin, length, step, "1"),
        [pattern, begin, length, step, seed] => (pattern, begin, length, step, seed),
        _ => return Err("four or five arguments are needed".into()),
    };
    let pattern = Pattern::from_str(pattern, false).map_err(|_| {
        let known: Vec<_> = Pattern::value_variants()
            .iter()
            .map(|it| it.as_str())
            .collect();
        format!(
            "there is no pattern `{pattern}`; allowed: {}",
            known.join(", ")
        )
    })?;
    let begin: jiff::Timestamp = begin
        .parse()
        .map_err(|error| format!("`{begin}`: {error}"))?;
    let (length, step): (HumanDuration, HumanDuration) = (length.parse()?, step.parse()?);
    let seed = seed
        .parse()
        .map_err(|_| format!("the seed `{seed}` is no whole number"))?;
    let (length, step) = (length.get().as_secs(), step.get().as_secs());
    if step == 0 || length < step || length / step > MOST {
        return Err(
            format!("LENGTH must be 1 to {MOST} times STEP, and STEP whole seconds").into(),
        );
    }
    let demand = Demand::new(pattern, seed, ORIGIN);
    let mut text = String::from("seconds,value\n");
    for second in (0..=length).step_by(usize::try_from(step)?) {
        let at = Timestamp::from_secs(begin.as_second() + i64::try_from(second)?);
        writeln!(text, "{second},{:.1}", demand.value(at))?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_curves_are_the_demand_of_the_demo() {
        for (name, words) in SHIPPED {
            let shipped = std::fs::read_to_string(folder().join(name)).unwrap();
            assert_eq!(shipped, curve(&words).unwrap(), "{name}");
        }
    }

    #[test]
    fn a_wrong_argument_is_named() {
        let words = |at: usize, word: &'static str| {
            let mut words = SHIPPED[0].1;
            words[at] = word;
            curve(&words).unwrap_err().to_string()
        };
        assert!(words(0, "shopp").contains("allowed: shop, api"));
        assert!(words(1, "yesterday").contains("`yesterday`"));
        assert!(words(2, "1s").contains("times STEP"));
        assert!(
            curve(&["shop"])
                .unwrap_err()
                .to_string()
                .contains("four or five")
        );
    }
}
