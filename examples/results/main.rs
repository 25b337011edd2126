//! The figures of docs/results.md: Forescale beside other policies on recorded load, and how they move with start-up time,
//! granularity and history.
//!
//! `cargo run --release --example results -- [--jobs N] [--only SECTION]… [--cache DIR] [--output docs/results.md] FILE…`,
//! with CSV or Parquet files. What has been worked out lies in the cache as one JSON file a run, so that a run that was
//! stopped goes on; the plots go to a folder beside the output. Three hours on one core for twenty records; `--jobs` takes
//! more, and `--only` (`policies`, `reading`, `cluster`, `history`, `first-day`) makes some sections anew and leaves the others on the
//! page as they are.
#![expect(clippy::print_stderr, reason = "progress is for the terminal")]

mod document;
mod job;
mod plots;
mod reading;
mod short;
mod targets;

use std::collections::VecDeque;
use std::error::Error;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use forescale::analyze::Config;
use forescale::analyze::models::Registry;
use forescale::dataset;

use job::{Job, Row, Shows};

/// Records of which the sensitivity is shown, at most.
const SENSITIVE: usize = 3;

struct Args {
    jobs: usize,
    cache: PathBuf,
    output: PathBuf,
    /// The sections that are made anew.
    only: Vec<Shows>,
    files: Vec<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = args()?;
    fs::create_dir_all(&args.cache)?;
    let names: Vec<String> = args
        .files
        .iter()
        .map(|file| dataset::name_of(file))
        .collect();
    let jobs: Vec<Job> = (job::all(&args.files, SENSITIVE).into_iter())
        .filter(|job| args.needs(job.shows()))
        .collect();
    let total = jobs.len();
    let waiting = Mutex::new(jobs.iter().cloned().collect::<VecDeque<Job>>());
    let models = Arc::new(Registry::new(&Config::default())?);
    let build = build()?;
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..args.jobs {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().ok().and_then(|mut jobs| jobs.pop_front());
                    let Some(job) = next else { return };
                    if let Err(error) = done(&job, &args.cache, &models, &build)
                        && let Ok(mut failed) = failed.lock()
                    {
                        failed.push(format!("{}: {error}", job.name()));
                    }
                    let left = waiting.lock().map_or(0, |jobs| jobs.len());
                    eprintln!("{} of {total}: {}", total - left, job.name());
                }
            });
        }
    });
    let failed = failed.into_inner()?;
    for error in &failed {
        eprintln!("left out: {error}");
    }
    let rows: Vec<Row> = jobs
        .iter()
        .filter_map(|job| read(&args.cache, job))
        .collect();
    let others = rows.iter().filter(|row| row.build != build).count();
    if others > 0 {
        eprintln!(
            "{others} of {} runs in the cache were made by another build: empty it, or give another `--cache`, to have them made anew",
            rows.len()
        );
    }
    let folder = args.output.with_extension("");
    fs::create_dir_all(&folder)?;
    for (file, drawing) in plots::all(&rows, &args.only) {
        fs::write(folder.join(file), drawing)?;
    }
    let before = fs::read_to_string(&args.output).unwrap_or_default();
    fs::write(
        &args.output,
        document::write(&rows, &names, &args.only, &before),
    )?;
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("{} of {total} runs failed", failed.len()).into())
    }
}

/// What tells this build from another: rows of the cache outlive changes of the code.
fn build() -> Result<String, std::io::Error> {
    let mut hash = DefaultHasher::new();
    fs::read(std::env::current_exe()?)?.hash(&mut hash);
    Ok(format!("{:016x}", hash.finish()))
}

impl Args {
    /// Whether runs of this kind are asked for. What a trigger that reads its replicas is shown beside is a run with all
    /// policies.
    fn needs(&self, shows: Shows) -> bool {
        let beside = shows == Shows::Policies && self.only.contains(&Shows::Reading);
        self.only.contains(&shows) || beside
    }
}

fn section(name: &str) -> Result<Shows, String> {
    let found = Shows::ALL.into_iter().find(|shows| shows.name() == name);
    found.ok_or_else(|| {
        let allowed = Shows::ALL.map(Shows::name).join("`, `");
        format!("`--only {name}`: there is no such section; allowed are `{allowed}`")
    })
}

/// Works `job` out unless it lies in the cache.
fn done(job: &Job, cache: &Path, models: &Arc<Registry>, build: &str) -> Result<(), String> {
    if read(cache, job).is_some() {
        return Ok(());
    }
    let row = job.run(models, build)?;
    let text = serde_json::to_string(&row).map_err(|error| error.to_string())?;
    fs::write(cache.join(format!("{}.json", job.name())), text).map_err(|error| error.to_string())
}

fn read(cache: &Path, job: &Job) -> Option<Row> {
    let text = fs::read_to_string(cache.join(format!("{}.json", job.name()))).ok()?;
    serde_json::from_str(&text).ok()
}

fn args() -> Result<Args, Box<dyn Error>> {
    let mut args = Args {
        jobs: 1,
        cache: "target/results".into(),
        output: "docs/results.md".into(),
        only: Vec::new(),
        files: Vec::new(),
    };
    let mut given = std::env::args().skip(1);
    while let Some(word) = given.next() {
        let mut value = || given.next().ok_or(format!("`{word}` needs a value"));
        match word.as_str() {
            "--jobs" => args.jobs = value()?.parse()?,
            "--cache" => args.cache = value()?.into(),
            "--output" => args.output = value()?.into(),
            "--only" => args.only.push(section(&value()?)?),
            flag if flag.starts_with("--") => {
                return Err(format!(
                    "`{flag}` is unknown: allowed are `--jobs`, `--only`, `--cache` and `--output`"
                )
                .into());
            }
            file => args.files.push(file.into()),
        }
    }
    if args.only.is_empty() {
        args.only = Shows::ALL.to_vec();
    }
    if args.files.is_empty() {
        return Err("give the records: CSV or Parquet files with a time and a value column".into());
    }
    Ok(args)
}
