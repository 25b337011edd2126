//! What pods should request, in words.

use crate::domain::{Plan, ResourceAdvice};
use crate::plan::amount;

const MEBIBYTE: f64 = 1_048_576.0;

/// One line for each resource that something is known of.
pub(super) fn advice(plan: &Plan) -> Vec<String> {
    let Some(vertical) = plan.vertical else {
        return Vec::new();
    };
    let cpu = vertical.cpu.map(|cpu| line("CPU", &cpu, cores));
    let memory = (vertical.memory).map(|memory| line("memory", &memory, mebibytes));
    cpu.into_iter().chain(memory).collect()
}

fn line(resource: &str, advice: &ResourceAdvice, write: fn(f64) -> String) -> String {
    let expected = advice.expected.map_or_else(String::new, |expected| {
        format!(", {} expected at the coming peak", write(expected))
    });
    format!(
        "{resource}: request {}, limit {} (from {} readings{expected})",
        write(advice.request),
        write(advice.limit),
        advice.readings,
    )
}

/// As Kubernetes writes them: `350m`, `2`.
fn cores(cores: f64) -> String {
    let milli = (cores * 1000.0).round();
    if milli % 1000.0 == 0.0 {
        amount(milli / 1000.0)
    } else {
        format!("{milli}m")
    }
}

fn mebibytes(bytes: f64) -> String {
    format!("{}Mi", (bytes / MEBIBYTE).round())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Vertical;
    use crate::knowledge::samples;

    #[test]
    fn resources_read_as_they_are_written_in_a_manifest() {
        let mut plan = samples::plan(samples::NOW);
        assert!(advice(&plan).is_empty());
        let of = |request, limit, expected| ResourceAdvice {
            request,
            limit,
            expected,
            readings: 1440,
        };
        plan.vertical = Some(Vertical {
            cpu: Some(of(0.35, 2.0, Some(0.304))),
            memory: Some(of(512.0 * MEBIBYTE, 700.0 * MEBIBYTE, None)),
        });
        assert_eq!(
            advice(&plan),
            [
                "CPU: request 350m, limit 2 (from 1440 readings, 304m expected at the coming peak)",
                "memory: request 512Mi, limit 700Mi (from 1440 readings)",
            ]
        );
    }
}
