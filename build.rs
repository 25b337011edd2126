//! Compiles KEDA's contracts in Rust (protox), so that no `protoc` is needed, and stamps the build.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto/externalscaler.proto");
    let descriptors = protox::compile(["proto/externalscaler.proto"], ["proto"])?;

    // The reflection service hands this file to grpcurl.
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("externalscaler.bin"), prost_bytes(&descriptors))?;

    tonic_prost_build::configure().compile_fds(descriptors)?;

    // A contract of its own: the reflection service does not speak of it.
    println!("cargo::rerun-if-changed=proto/rawmetrics.proto");
    let descriptors = protox::compile(["proto/rawmetrics.proto"], ["proto"])?;
    tonic_prost_build::configure().compile_fds(descriptors)?;

    println!("cargo::rerun-if-changed=.git/HEAD");
    println!("cargo::rerun-if-env-changed=FORESCALE_COMMIT");
    println!("cargo::rustc-env=FORESCALE_COMMIT={}", commit());
    Ok(())
}

fn prost_bytes(descriptors: &impl protox::prost::Message) -> Vec<u8> {
    descriptors.encode_to_vec()
}

/// The commit from the environment (an image build has no `.git`), else from git, else `unknown`.
fn commit() -> String {
    if let Ok(commit) = env::var("FORESCALE_COMMIT") {
        return commit;
    }
    Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output()
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}
