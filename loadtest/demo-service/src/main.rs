//! The program: flags, the address, SIGTERM.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use demo_service::{Config, Token, serve};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    match run(Config::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(config: Config) -> anyhow::Result<()> {
    let token = Token::read(&config.token_file)?;
    let listener = TcpListener::bind(config.addr)
        .await
        .with_context(|| format!("failed to listen on `{}` (`--addr`)", config.addr))?;
    let addr = listener.local_addr()?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    say(&format!("listening on {addr}"));
    serve(listener, &config, token, async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
    .await?;
    Ok(())
}

/// Tells the operator. Nobody needs to know that stderr is closed.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
