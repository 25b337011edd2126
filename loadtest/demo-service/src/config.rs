//! What can be set.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A service to scale: real CPU work behind an API token.
#[derive(Clone, Debug, clap::Parser)]
#[command(version)]
pub struct Config {
    /// Address to listen on
    #[arg(
        long,
        value_name = "ADDR",
        env = "DEMO_ADDR",
        default_value = "0.0.0.0:8081"
    )]
    pub addr: SocketAddr,
    /// File that holds the API token which `/workload` asks for
    #[arg(long, value_name = "FILE", env = "DEMO_TOKEN_FILE")]
    pub token_file: PathBuf,
    /// CPU time that one request takes, from 0s to 10s
    #[arg(long, value_name = "DURATION", env = "DEMO_WORK", default_value = "10ms", value_parser = work)]
    pub work: Duration,
    /// Requests that are worked on at once
    #[arg(long, value_name = "NUMBER", env = "DEMO_CONCURRENCY", default_value = "4", value_parser = concurrency)]
    pub concurrency: usize,
    /// How long a request waits for its turn before it is answered with 503
    #[arg(long, value_name = "DURATION", env = "DEMO_PATIENCE", default_value = "2s", value_parser = duration)]
    pub patience: Duration,
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "write a duration, such as `10ms` or `2s`".to_owned())
}

fn work(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        work if work <= Duration::from_secs(10) => Ok(work),
        _ => Err("write a duration from 0s to 10s".to_owned()),
    }
}

fn concurrency(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=1000) => Ok(number),
        _ => Err("write a whole number from 1 to 1000".to_owned()),
    }
}
