//! A real Kubernetes control plane with its controllers, KWOK and KEDA's resource definitions, as `scripts/control-plane.sh`
//! starts it. KEDA itself is left to the end-to-end scenarios: it takes the longest to build.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::say;

/// A control plane that runs; it ends with the value.
#[derive(Debug)]
pub struct ControlPlane {
    home: TempDir,
    bin: PathBuf,
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn script(name: &str) -> Command {
    let mut command = Command::new(repository().join("scripts").join(name));
    command.current_dir(repository());
    command
}

/// What a command writes on stdout.
///
/// # Panics
/// When it fails, with what it wrote.
fn output(command: &mut Command) -> String {
    let output = command.output().expect("the command starts");
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

impl ControlPlane {
    /// Starts one. Building its programs takes half an hour, so that without them a test is left out, loudly; with
    /// `FORESCALE_REQUIRE_CONTROL_PLANE=1` it fails.
    pub fn start() -> Option<Self> {
        let built = output(script("install-control-plane.sh").arg("--print"));
        let bin = Path::new(&built).join("bin");
        let programs = [
            "etcd",
            "kube-apiserver",
            "kube-controller-manager",
            "kubectl",
            "kwok",
        ];
        let definitions = Path::new(&built).join("keda-crds");
        let missing: Vec<_> = (programs.iter())
            .map(|name| bin.join(name))
            .chain([definitions.clone()])
            .filter(|path| !path.exists())
            .collect();
        if !missing.is_empty() {
            let text =
                format!("missing {missing:?}: `scripts/install-control-plane.sh` builds them");
            assert!(
                std::env::var_os("FORESCALE_REQUIRE_CONTROL_PLANE").is_none(),
                "{text}"
            );
            say(format!("SKIPPED: {text}"));
            return None;
        }
        let home = TempDir::new().expect("a folder");
        let mut up = script("control-plane.sh");
        up.arg("up").arg(home.path());
        output(up.args(["controllers", "kwok"]));
        let plane = Self { home, bin };
        let definitions = definitions.display().to_string();
        plane.kubectl(&["apply", "--server-side", "-f", &definitions]);
        plane.established(&definitions);
        Some(plane)
    }

    /// The kubeconfig that gives all rights.
    pub fn kubeconfig(&self) -> PathBuf {
        self.home.path().join("kubeconfig")
    }

    /// Runs kubectl and gives what it says.
    pub fn kubectl(&self, args: &[&str]) -> String {
        output(self.command().args(args))
    }

    /// Waits until the definitions of a folder are served. kubectl gives up on one so new that it has no conditions yet, and
    /// so it is asked again.
    fn established(&self, folder: &str) {
        let wait = [
            "wait",
            "--for=condition=Established",
            "--timeout=60s",
            "-f",
            folder,
        ];
        for _ in 0..50 {
            let asked = self.command().args(wait).output().expect("kubectl starts");
            if asked.status.success() {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        self.kubectl(&wait);
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.bin.join("kubectl"));
        command.arg("--kubeconfig").arg(self.kubeconfig());
        command
    }

    /// Creates or changes what manifests describe.
    pub fn apply(&self, manifests: &str) {
        let mut kubectl = self.command();
        kubectl.args(["apply", "--server-side", "--force-conflicts", "-f", "-"]);
        kubectl.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = kubectl.spawn().expect("kubectl starts");
        let mut stdin = child.stdin.take().expect("its stdin");
        stdin.write_all(manifests.as_bytes()).expect("it reads");
        drop(stdin);
        let status = child.wait().expect("it ends");
        assert!(status.success(), "{status}: {manifests}");
    }

    /// A kubeconfig with the rights of a ServiceAccount and no others.
    pub fn kubeconfig_of(&self, namespace: &str, account: &str) -> PathBuf {
        let token = self.kubectl(&["create", "token", account, "-n", namespace]);
        let text = std::fs::read_to_string(self.kubeconfig()).expect("the kubeconfig");
        let mut config: serde_yaml::Value = serde_yaml::from_str(&text).expect("YAML");
        let user = format!("{{token: \"{token}\"}}");
        config["users"][0]["user"] = serde_yaml::from_str(&user).expect("YAML");
        let file = self.home.path().join(format!("{namespace}-{account}"));
        std::fs::write(&file, serde_yaml::to_string(&config).expect("YAML")).expect("written");
        file
    }

    /// Ends all of its programs.
    pub fn stop(&self) {
        let mut down = script("control-plane.sh");
        down.arg("down").arg(self.home.path());
        if let Ok(output) = down.output()
            && !output.status.success()
        {
            say(String::from_utf8_lossy(&output.stderr));
        }
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        self.stop();
    }
}
