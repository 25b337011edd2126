//! `forescale explain NAMESPACE/NAME`: asks a running Forescale why KEDA is told this number, and says it in plain words.
//!
//! Everything comes from the HTTP API of the process that made the number ([`ask`] fetches, [`answer`] reads, [`tell`] says
//! it), so the answer is what that process really knows. Ages are counted on its clock, not on ours: the demo's clock is
//! virtual, and a laptop's may be wrong.

mod answer;
mod ask;
mod pods;
mod recompute;
mod sheet;
mod tell;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use self::answer::{Answer, Status};
use self::ask::{Address, Forescale};
use self::recompute::Decisions;
use super::Failure;
use super::check::Format;

/// History that the words need; `--format json` passes on what the API gives by itself.
const SINCE: &str = "1h";

/// Say in plain words why KEDA is told this number.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The ScaledObject
    #[arg(value_name = "NAMESPACE/NAME", required_unless_present = "record")]
    target: Option<Target>,
    /// Where the running Forescale serves HTTP
    #[arg(
        long,
        value_name = "URL",
        env = "FORESCALE_ADDRESS",
        default_value = "http://localhost:8080"
    )]
    address: Address,
    /// Words, or the API's own JSON; of a plan that is made again with `recomputed`, what came of it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Make the newest plan again from its record, and say whether the same comes out
    #[arg(long)]
    recompute: bool,
    /// The same for a record in a file, which the API's `decision` gave
    #[arg(long, value_name = "FILE", conflicts_with_all = ["target", "recompute"])]
    record: Option<PathBuf>,
}

/// Namespace and name of a ScaledObject.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    namespace: String,
    name: String,
}

/// Asks, and writes the answer to stdout.
pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let (text, same) = match &args.record {
        Some(file) => from_file(file, args.format)?,
        None => super::runtime()?.block_on(explain(args))?,
    };
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written.map_err(anyhow::Error::from) {
        Err(error) if !super::broken_pipe(&error) => Err(error.into()),
        _ if same => Ok(ExitCode::SUCCESS),
        _ => Ok(ExitCode::FAILURE),
    }
}

fn from_file(file: &Path, format: Format) -> Result<(String, bool), Failure> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|source| {
        anyhow::Error::from(source).context(format!("failed to read `{name}`"))
    })?;
    Ok(recomputed(&name, &text, format)?)
}

/// What came of making the plans of this answer again, which is from `name`.
fn recomputed(name: &str, text: &str, format: Format) -> anyhow::Result<(String, bool)> {
    let decisions = recompute::read(name, text)?;
    match format {
        Format::Text => Ok(recompute::tell(&decisions)),
        Format::Json => Ok(recompute::as_json(text, &decisions)?),
    }
}

/// The answer, and whether a plan that was made again is the same.
async fn explain(args: &Args) -> anyhow::Result<(String, bool)> {
    let forescale = Forescale::at(&args.address)?;
    let Some(Target { namespace, name }) = &args.target else {
        // The command line asks for a target or a record.
        return Ok((String::new(), true));
    };
    let path = ["api", "v1", "workloads", namespace, name];
    if args.recompute {
        let path = [&path[..], &["decision"]].concat();
        if args.format == Format::Json {
            let json = forescale.get(&path, &[]).await?;
            return recomputed(&args.address.to_string(), &json, args.format);
        }
        let decisions: Decisions = forescale.read(&path, &[]).await?;
        return Ok(recompute::tell(&decisions));
    }
    if args.format == Format::Json {
        let mut json = forescale.get(&path, &[]).await?;
        json.push('\n');
        return Ok((json, true));
    }
    let status: Status = forescale.read(&["api", "v1", "status"], &[]).await?;
    let answer: Answer = forescale.read(&path, &[("since", SINCE)]).await?;
    Ok((tell::all(&status, &answer), true))
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split('/').collect::<Vec<_>>()[..] {
            [namespace, name] if !namespace.is_empty() && !name.is_empty() => Ok(Self {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err("write namespace and name of the ScaledObject, such as `shop/web`".to_owned()),
        }
    }
}
