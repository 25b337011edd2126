//! What the operating system says of this process, read when Prometheus scrapes. The names are those that Prometheus
//! gives to them everywhere (its guide to client libraries, "Process metrics"); where there is no `/proc` there are none.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::Registry;

/// Ticks a second in `/proc`: the kernel's `USER_HZ`, which is 100 on every architecture that Rust's Linux targets have.
const TICKS: f64 = 100.0;

/// Registers `process_resident_memory_bytes` and its like.
pub fn register_process_metrics(registry: &mut Registry) {
    registry.register_collector(Box::new(Process));
}

#[derive(Debug)]
struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
        let (status, stat) = (read("/proc/self/status"), read("/proc/self/stat"));
        if let Some(seconds) = cpu_seconds(&stat) {
            let counter = ConstCounter::new(seconds);
            let help = "User and system CPU time spent";
            let name = "process_cpu_seconds";
            let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(metric)?;
        }
        let boot = boot_time(&read("/proc/stat"));
        let started = boot.zip(started_after_boot(&stat));
        let gauges = [
            (
                "process_resident_memory_bytes",
                "Resident memory size",
                kibibytes(&status, "VmRSS:").map(|kib| kib * 1024.0),
            ),
            (
                "process_virtual_memory_bytes",
                "Virtual memory size",
                kibibytes(&status, "VmSize:").map(|kib| kib * 1024.0),
            ),
            (
                "process_open_fds",
                "Open file descriptors",
                open_descriptors(),
            ),
            (
                "process_max_fds",
                "Most file descriptors that may be open",
                max_descriptors(&read("/proc/self/limits")),
            ),
            (
                "process_start_time_seconds",
                "When the process started, since the Unix epoch",
                started.map(|(boot, after)| boot + after),
            ),
        ];
        for (name, help, value) in gauges {
            let Some(value) = value else { continue };
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

/// The number behind `key` in `/proc/self/status`.
fn kibibytes(status: &str, key: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Field `index` of `/proc/self/stat`, counted from 1 as in proc(5). The second one is the name in brackets, which may
/// hold anything, so that counting begins behind it.
fn field(stat: &str, index: usize) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(index - 3)?.parse().ok()
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    Some((field(stat, 14)? + field(stat, 15)?) / TICKS)
}

fn started_after_boot(stat: &str) -> Option<f64> {
    Some(field(stat, 22)? / TICKS)
}

fn boot_time(stat: &str) -> Option<f64> {
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}

fn open_descriptors() -> Option<f64> {
    let entries = fs::read_dir("/proc/self/fd").ok()?;
    // One of them is the folder that is being read.
    Some(entries.count().saturating_sub(1) as f64)
}

fn max_descriptors(limits: &str) -> Option<f64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "7 (a) b) S 1 7 7 0 -1 4194560 9 0 0 0 250 50 0 0 20 0 4 0 12345 1 2 3";

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        assert_eq!(cpu_seconds(STAT), Some(3.0));
        assert_eq!(started_after_boot(STAT), Some(123.45));
    }

    #[test]
    fn files_of_another_shape_give_nothing() {
        for text in [
            "",
            "7 (a) S",
            "btime soon",
            "VmRSS:\t",
            "Max open files unlimited",
        ] {
            assert_eq!(cpu_seconds(text), None);
            assert_eq!(boot_time(text), None);
            assert_eq!(kibibytes(text, "VmRSS:"), None);
            assert_eq!(max_descriptors(text), None);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_very_process_is_measured() {
        let mut registry = Registry::default();
        register_process_metrics(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let value = |name: &str| -> f64 {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let value = line.unwrap_or_else(|| panic!("no {name} in\n{text}"));
            value.trim().parse().unwrap()
        };
        assert!(value("process_resident_memory_bytes ") > 1e5);
        assert!(value("process_virtual_memory_bytes ") >= value("process_resident_memory_bytes "));
        assert!(value("process_cpu_seconds_total ") >= 0.0);
        let open = value("process_open_fds ");
        assert!(open >= 3.0 && open <= value("process_max_fds "));
        let booted = boot_time(&fs::read_to_string("/proc/stat").unwrap()).unwrap();
        assert!(value("process_start_time_seconds ") >= booted);
    }
}
