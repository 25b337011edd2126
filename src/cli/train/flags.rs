//! What is asked of a training, checked before hours are spent on it.

use std::path::Path;

use anyhow::anyhow;

use super::Args;
use crate::analyze::models::onnx;
use crate::cli::Failure;
use crate::cli::flags::Files;
use crate::cli::output::Output;
use crate::train::recipe::Network;

/// A rate beyond this leads nowhere.
const HIGHEST_RATE: f64 = 1.0;
const MOST: usize = 1_000_000_000;

/// `--rate`
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let read = text
        .trim()
        .parse::<f64>()
        .ok()
        .filter(|rate| is_rate(*rate));
    read.ok_or_else(|| format!("allowed: a number above 0, at most {HIGHEST_RATE}, such as 2e-3"))
}

/// `--steps`, `--check-every`, `--patience`
pub(super) fn count(text: &str) -> Result<usize, String> {
    let read = text.trim().parse::<usize>().ok();
    let read = read.filter(|count| (1..=MOST).contains(count));
    read.ok_or_else(|| format!("allowed: a whole number from 1 to {MOST}"))
}

fn is_rate(rate: f64) -> bool {
    rate > 0.0 && rate <= HIGHEST_RATE
}

/// That a network of the recipe can be trained at all.
pub(super) fn check_network(name: &str, network: &Network) -> anyhow::Result<()> {
    for (key, count) in [
        ("steps", network.steps),
        ("batch", network.batch),
        ("hidden", network.hidden),
    ] {
        if count == 0 {
            return Err(anyhow!(
                "the recipe's network `{name}` has `{key}: 0`: allowed is 1 and more"
            ));
        }
    }
    if !is_rate(network.rate) {
        return Err(anyhow!(
            "the recipe's network `{name}` has `rate: {}`: allowed is a number above 0, at most {HIGHEST_RATE}",
            network.rate
        ));
    }
    Ok(())
}

/// That everything can be written, in the place of nothing that is read, and that what is trained can be loaded by its name.
pub(super) fn check_files(args: &Args) -> Result<(), Failure> {
    loadable(&args.output)?;
    let mut others = Files::default()
        .with("--input", &args.input)
        .with("--recipe", &args.recipe)
        .with("--fine-tune", &args.fine_tune)
        .with("--onnx-library", &args.onnx_library);
    others.stdin_once()?;
    let written = [
        ("--output", Some(args.output.as_path())),
        ("--card", args.card.as_deref()),
        ("--checkpoint", args.checkpoint.as_deref()),
    ];
    for (flag, file) in written {
        others.spared_by(flag, file)?;
        others = others.with(flag, file);
    }
    for (_, file) in written {
        Output::open(file)?;
    }
    Ok(())
}

/// A network is found by the name of its file.
fn loadable(output: &Path) -> Result<(), Failure> {
    let stem = output.file_stem().unwrap_or_default().to_string_lossy();
    let why = match onnx::check_name(&stem) {
        Ok(()) if output.extension().is_some_and(|it| it == onnx::EXTENSION) => return Ok(()),
        Ok(()) => format!("end the name with `.{}`", onnx::EXTENSION),
        Err(error) => error.to_string(),
    };
    Err(Failure::usage(anyhow!(
        "`--output` `{}`: a network is loaded from NAME.{} as `onnx:NAME`: {why}",
        output.display(),
        onnx::EXTENSION
    )))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn line(flags: &[&str]) -> Result<Args, String> {
        let base = ["train", "--network", "mlp", "--synthetic-only"];
        let line = Line::try_parse_from([&base[..], flags].concat());
        line.map(|line| line.args)
            .map_err(|error| error.to_string())
    }

    fn refused(flags: &[&str]) -> String {
        let failure = check_files(&line(flags).unwrap()).unwrap_err();
        format!("{} {}", failure.code, crate::cli::in_full(&failure.error))
    }

    #[test]
    fn numbers_that_train_nothing_are_refused_with_what_is_allowed() {
        for (flag, allowed) in [
            ("--rate=nan", "above 0, at most 1"),
            ("--rate=-1", "above 0, at most 1"),
            ("--rate=1e9", "above 0, at most 1"),
            ("--rate=0", "above 0, at most 1"),
            ("--steps=0", "from 1 to"),
            ("--patience=0", "from 1 to"),
            ("--check-every=0", "from 1 to"),
        ] {
            let error = line(&["--output", "mine.onnx", flag]).unwrap_err();
            assert!(error.contains(allowed), "{flag}: {error}");
        }
        let sound = ["--output", "mine.onnx", "--rate=3e-4", "--steps=500"];
        assert!(line(&sound).is_ok());
    }

    #[test]
    fn a_recipe_that_trains_nothing_is_refused() {
        let recipe = crate::train::recipe::Recipe::read(crate::train::recipe::SHIPPED).unwrap();
        let mut network = recipe.networks["mlp"].clone();
        assert!(check_network("mlp", &network).is_ok());
        network.rate = f64::NAN;
        let error = check_network("mlp", &network).unwrap_err().to_string();
        assert!(error.contains("`mlp` has `rate: NaN`"), "{error}");
        network.steps = 0;
        let error = check_network("mlp", &network).unwrap_err().to_string();
        assert!(error.contains("`steps: 0`"), "{error}");
    }

    #[test]
    fn what_could_not_be_written_or_loaded_is_told_before_the_training() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let (sound, gone) = (at("mine.onnx"), at("gone/mine.onnx"));
        assert!(check_files(&line(&["--output", &sound]).unwrap()).is_ok());
        let text = refused(&["--output", &at("x.txt")]);
        assert!(
            text.starts_with("2 `--output`") && text.contains("`.onnx`"),
            "{text}"
        );
        let text = refused(&["--output", &at("my net.onnx")]);
        assert!(
            text.starts_with("2 ") && text.contains("`my net`"),
            "{text}"
        );
        let text = refused(&["--output", &gone]);
        assert!(text.starts_with("1 failed to write"), "{text}");
        let text = refused(&["--output", &sound, "--checkpoint", &gone]);
        assert!(text.starts_with("1 failed to write"), "{text}");
        let text = refused(&["--output", &sound, "--checkpoint", &sound]);
        assert!(
            text.starts_with("2 `--checkpoint` and `--output`"),
            "{text}"
        );
        let (kept, tuned) = (at("kept.safetensors"), ["--fine-tune", "--checkpoint"]);
        std::fs::write(&kept, "weights").unwrap();
        let text = refused(&["--output", &sound, tuned[0], &kept, tuned[1], &kept]);
        assert!(
            text.starts_with("2 `--checkpoint` and `--fine-tune`"),
            "{text}"
        );
    }
}
