//! `forescale crd`: the CustomResourceDefinition of PredictiveAutoscaler, as `kubectl apply` takes it.

use std::io::Write as _;
use std::process::ExitCode;

use super::Failure;
use crate::execute::operator::crd_yaml;

/// Prints it.
pub(super) fn run() -> Result<ExitCode, Failure> {
    write!(std::io::stdout(), "{}", crd_yaml()).map_err(anyhow::Error::from)?;
    Ok(ExitCode::SUCCESS)
}
