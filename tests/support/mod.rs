//! What the integration tests share: a real Prometheus, a program that exports metrics to it, faults between it and
//! Forescale, Forescale itself as a process, and a client that calls like KEDA.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "every test file compiles this module anew and uses another part of it; a test may unwrap"
)]

pub mod control_plane;
pub mod exporter;
pub mod fault_proxy;
pub mod forescale;
pub mod keda;
pub mod openmetrics;
pub mod prometheus;
pub mod shape;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ::forescale::domain::{Clock, SystemClock, Timestamp};

/// The present moment on the machine's clock.
pub fn now() -> Timestamp {
    SystemClock.now()
}

/// Prints a line for the person who reads the test's output (`cargo test -- --nocapture`).
#[expect(clippy::print_stderr, reason = "the one place where tests speak")]
pub fn say(text: impl AsRef<str>) {
    eprintln!("{}", text.as_ref());
}

/// A program from `.cache/bin` (where `make tools` puts it) or the `PATH`.
pub fn tool(name: &str) -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::iter::once(own)
        .chain(std::env::split_paths(&path))
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// Whether all `names` can be run. Without them a test is left out, loudly; with `FORESCALE_REQUIRE_TOOLS=1`, as in
/// `make test` and CI, it fails.
pub fn tools_are_there(names: &[&str]) -> bool {
    let missing: Vec<_> = names.iter().filter(|name| tool(name).is_none()).collect();
    if missing.is_empty() {
        return true;
    }
    assert!(
        std::env::var_os("FORESCALE_REQUIRE_TOOLS").is_none(),
        "missing {missing:?}: `make tools` installs what the tests need"
    );
    say(format!(
        "SKIPPED: missing {missing:?}, `make tools` installs what the tests need"
    ));
    false
}

/// Asks `probe` again and again until it has an answer.
///
/// # Panics
/// When there is none for `patience`. Patience is not what is tested: it is long, so that a slow machine passes.
pub async fn eventually<T>(
    what: &str,
    patience: Duration,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = probe().await {
            return answer;
        }
        assert!(
            begun.elapsed() < patience,
            "waited {patience:?} in vain for {what}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
    listener.local_addr().expect("a bound address").port()
}

/// Sends a signal such as `TERM` to a process that the test has started.
pub fn signal(pid: u32, name: &str) {
    let status = std::process::Command::new("sh")
        .args(["-c", &format!("kill -{name} {pid}")])
        .status()
        .expect("a shell to send the signal with");
    assert!(
        status.success(),
        "signal {name} to process {pid} failed: {status}"
    );
}
