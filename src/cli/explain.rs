//! `forescale explain NAMESPACE/NAME`: asks a running Forescale why KEDA is told this number, and says it in plain words.
//!
//! Everything comes from the HTTP API of the process that made the number ([`ask`] fetches, [`answer`] reads, [`tell`] says
//! it), so the answer is what that process really knows. Ages are counted on its clock, not on ours: the demo's clock is
//! virtual, and a laptop's may be wrong.

mod answer;
mod ask;
mod pods;
mod sheet;
mod tell;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::process::ExitCode;
use std::str::FromStr;

use self::answer::{Answer, Status};
use self::ask::{Address, AskError, Forescale};
use super::Failure;
use super::check::Format;

/// History that the words need; `--format json` passes on what the API gives by itself.
const SINCE: &str = "1h";

/// Say in plain words why KEDA is told this number.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The ScaledObject
    #[arg(value_name = "NAMESPACE/NAME")]
    target: Target,
    /// Where the running Forescale serves HTTP
    #[arg(
        long,
        value_name = "URL",
        env = "FORESCALE_ADDRESS",
        default_value = "http://localhost:8080"
    )]
    address: Address,
    /// Words, or the API's own JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Namespace and name of a ScaledObject.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    namespace: String,
    name: String,
}

/// Asks, and writes the answer to stdout.
pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let text = super::runtime()?
        .block_on(explain(args))
        .map_err(anyhow::Error::from)?;
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written.map_err(anyhow::Error::from) {
        Err(error) if !super::broken_pipe(&error) => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

async fn explain(args: &Args) -> Result<String, AskError> {
    let forescale = Forescale::at(&args.address)?;
    let Target { namespace, name } = &args.target;
    let path = ["api", "v1", "workloads", namespace, name];
    if args.format == Format::Json {
        let mut json = forescale.get(&path, &[]).await?;
        json.push('\n');
        return Ok(json);
    }
    let status: Status = forescale.read(&["api", "v1", "status"], &[]).await?;
    let answer: Answer = forescale.read(&path, &[("since", SINCE)]).await?;
    Ok(tell::all(&status, &answer))
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
