//! What each room may know, and where the outside world may be seen.

use crate::source::Source;

/// Rooms of the crate, and which others each may refer to beside itself.
///
/// The five steps stand in the middle and never meet; `control` carries values between them.
const ROOMS: [(&str, &[&str]); 17] = [
    ("domain", &[]),
    ("telemetry", &["domain"]),
    ("knowledge", &["domain", "telemetry"]),
    ("monitor", &["domain", "telemetry"]),
    ("analyze", &["domain", "telemetry"]),
    ("plan", &["domain", "telemetry"]),
    ("execute", &["domain", "knowledge", "telemetry"]),
    ("admin", &["domain", "knowledge", "telemetry"]),
    (
        "settings",
        &[
            "domain",
            "telemetry",
            "knowledge",
            "monitor",
            "analyze",
            "plan",
            "execute",
            "admin",
            "control",
        ],
    ),
    (
        "control",
        &[
            "domain",
            "telemetry",
            "knowledge",
            "monitor",
            "analyze",
            "plan",
            "execute",
            "admin",
            "settings",
        ],
    ),
    (
        "simulate",
        &[
            "domain",
            "telemetry",
            "knowledge",
            "monitor",
            "execute",
            "control",
            "settings",
        ],
    ),
    ("dataset", &["domain"]),
    ("plot", &["domain"]),
    (
        "evaluate",
        &[
            "domain",
            "telemetry",
            "knowledge",
            "analyze",
            "dataset",
            "plot",
        ],
    ),
    (
        "backtest",
        &[
            "domain",
            "telemetry",
            "knowledge",
            "analyze",
            "plan",
            "control",
            "simulate",
            "dataset",
            "plot",
        ],
    ),
    ("train", &["domain", "telemetry", "analyze", "dataset"]),
    (
        "cli",
        &[
            "domain",
            "telemetry",
            "knowledge",
            "monitor",
            "analyze",
            "plan",
            "execute",
            "admin",
            "settings",
            "control",
            "simulate",
            "dataset",
            "plot",
            "evaluate",
            "backtest",
            "train",
        ],
    ),
];

/// Rooms whose functions give the same values for the same values: no clock, no await, no globals, so that a backtest
/// is production.
const PURE: [&str; 2] = ["analyze", "plan"];

/// Words that a pure room never writes.
const IMPURE_WORDS: [&str; 15] = [
    "async",
    "await",
    "tokio",
    "futures",
    "SystemTime",
    "Instant",
    "Clock",
    "SystemClock",
    "OnceLock",
    "OnceCell",
    "LazyLock",
    "LazyCell",
    "thread_local",
    "lazy_static",
    "thread_rng",
];

/// Paths that a pure room never takes.
const IMPURE_PATHS: [&str; 6] = [
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "rand::rng",
    "reqwest",
];

/// The files that find and load networks read them from disk; nothing else in a pure room does.
const LOADS_FILES: [&str; 2] = ["analyze/models.rs", "analyze/models/onnx"];

/// A part of the outside world and the only places that may see it.
struct Confined {
    what: &'static str,
    paths: &'static [&'static str],
    words: &'static [&'static str],
    strings: &'static [&'static str],
    only_in: &'static [&'static str],
}

const CONFINED: [Confined; 8] = [
    Confined {
        what: "the messages of KEDA's external scalers live in `execute/keda` only",
        paths: &["execute::keda::pb", "execute::keda::proto"],
        words: &[
            "externalscaler",
            "external_scaler_client",
            "external_scaler_server",
        ],
        strings: &[],
        only_in: &["execute/keda"],
    },
    Confined {
        what: "the messages of KEDA's RawMetricsService live in `monitor/keda` only",
        paths: &["monitor::keda::proto"],
        words: &["raw_metrics_service_client", "raw_metrics_service_server"],
        strings: &[],
        only_in: &["monitor/keda"],
    },
    Confined {
        what: "contracts are compiled into `execute/keda` and `monitor/keda` only",
        paths: &[],
        words: &["include_proto"],
        strings: &[],
        only_in: &["execute/keda", "monitor/keda"],
    },
    Confined {
        what: "Prometheus' API and JSON live in `monitor` only",
        paths: &[],
        words: &["resultType"],
        strings: &["resultType", "/api/v1/query", "api/v1/query_range"],
        only_in: &["monitor"],
    },
    Confined {
        what: "the ONNX engines live in `analyze/models/onnx` only",
        paths: &["ort", "rten", "rten_tensor"],
        words: &[],
        strings: &[],
        only_in: &["analyze/models/onnx"],
    },
    Confined {
        what: "Kubernetes' API lives in `execute/operator`, `execute/cluster` and their connection only",
        paths: &["kube", "k8s_openapi"],
        words: &[],
        strings: &[],
        only_in: &["execute/operator", "execute/cluster", "execute/kubernetes"],
    },
    Confined {
        what: "decisions are made in the one loop of `control`",
        paths: &["plan::decide"],
        words: &[],
        strings: &[],
        only_in: &["plan", "control"],
    },
    Confined {
        what: "HTTP requests go out from `monitor` only; `explain` asks a running Forescale",
        paths: &["reqwest"],
        words: &[],
        strings: &[],
        only_in: &["monitor", "cli/explain/ask.rs"],
    },
];

/// Everything in `source` that breaks a rule: file, line, what and why.
pub(crate) fn check(source: &Source) -> Vec<String> {
    let mut broken = known_rooms(source);
    broken.extend(pure(source));
    broken.extend(CONFINED.iter().flat_map(|part| confined(source, part)));
    broken.sort();
    broken.dedup();
    broken
}

fn breach(source: &Source, line: usize, what: &str, rule: &str) -> String {
    format!("src/{}:{line}: `{what}`: {rule}", source.name)
}

fn known_rooms(source: &Source) -> Vec<String> {
    let room = source.room();
    if room == "lib" {
        return Vec::new();
    }
    let may = match room {
        // The program knows the desk only.
        "main" => &["cli", "telemetry"][..],
        _ => match ROOMS.iter().find(|(name, _)| *name == room) {
            Some((_, may)) => may,
            None => {
                return vec![breach(
                    source,
                    1,
                    room,
                    "no such room: give it a place in the picture first",
                )];
            }
        },
    };
    let mut broken = Vec::new();
    for (path, line) in &source.paths {
        let ours = matches!(
            path.first().map(String::as_str),
            Some("crate" | "forescale")
        );
        let Some(other) = path.get(1).filter(|_| ours) else {
            continue;
        };
        let is_room = ROOMS.iter().any(|(name, _)| name == other);
        if is_room && other != room && !may.contains(&other.as_str()) {
            let rule = format!("`{room}` may know {} and nothing else of ours", list(may));
            broken.push(breach(source, *line, &path.join("::"), &rule));
        }
    }
    if room == "domain" {
        let outside = ["tokio", "tracing", "reqwest", "axum", "tonic", "redb"];
        let found = source
            .paths
            .iter()
            .filter(|(path, _)| outside.contains(&path[0].as_str()));
        broken.extend(found.map(|(path, line)| {
            breach(
                source,
                *line,
                &path.join("::"),
                "`domain` does no I/O, no async, no logging",
            )
        }));
    }
    broken
}

fn list(may: &[&str]) -> String {
    if may.is_empty() {
        "nobody".to_owned()
    } else {
        may.join(", ")
    }
}

fn pure(source: &Source) -> Vec<String> {
    let room = source.room();
    if !PURE.contains(&room) {
        return Vec::new();
    }
    let rule = format!("`{room}` is pure: no clock, no await, no globals");
    let loads = LOADS_FILES.iter().any(|place| lies_in(source, place));
    let mut broken = Vec::new();
    for (at, (word, line)) in source.words.iter().enumerate() {
        let after = source.words.get(at + 1).map(|(word, _)| word.as_str());
        let is_static_mut = word == "static" && after == Some("mut");
        // A file's time of change is a `SystemTime` too; asking for the present one is banned by clippy.toml.
        let is_file_time = loads && word == "SystemTime" && after != Some("now");
        if (IMPURE_WORDS.contains(&word.as_str()) && !is_file_time) || is_static_mut {
            broken.push(breach(source, *line, word, &rule));
        }
    }
    for (path, line) in &source.paths {
        let text = path.join("::");
        let taken = IMPURE_PATHS.iter().find(|path| starts_with(&text, path));
        if taken.is_some_and(|path| !(loads && (*path == "std::fs" || *path == "std::env"))) {
            broken.push(breach(source, *line, &text, &rule));
        }
    }
    broken
}

fn confined(source: &Source, part: &Confined) -> Vec<String> {
    if part.only_in.iter().any(|place| lies_in(source, place)) {
        return Vec::new();
    }
    let taken = |path: &[String]| {
        let path = path.join("::");
        part.paths.iter().any(|part| contains(&path, part))
    };
    let paths = source.paths.iter().filter(|(path, _)| taken(path));
    let paths = paths.map(|(path, line)| (path.join("::"), *line));
    let words = source
        .words
        .iter()
        .filter(|(word, _)| part.words.contains(&word.as_str()));
    let strings = source
        .strings
        .iter()
        .filter(|(text, _)| part.strings.iter().any(|s| text.contains(s)));
    let found = paths.chain(words.chain(strings).cloned());
    found
        .map(|(what, line)| breach(source, line, &what, part.what))
        .collect()
}

/// Whether the file is `place.rs`, or lies in folder `place`, or is `place` itself.
fn lies_in(source: &Source, place: &str) -> bool {
    source.name == place
        || source.name == format!("{place}.rs")
        || source.name.starts_with(&format!("{place}/"))
}

/// Whether `part`, of one segment, begins `path`; of several, whether `path` has them anywhere in it.
fn contains(path: &str, part: &str) -> bool {
    let inside = part.contains("::") && format!("::{path}::").contains(&format!("::{part}::"));
    inside || starts_with(path, part)
}

/// Whether `path` is `start` or goes on from it.
fn starts_with(path: &str, start: &str) -> bool {
    path.strip_prefix(start)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
