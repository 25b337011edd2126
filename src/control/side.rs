//! The queries beside the load: ready replicas and latency at each refresh, CPU and memory once a minute.
//!
//! They teach the planner and decide nothing by themselves, so that their failures are counted and told once, and the
//! load's answer waits for them only a moment.

use std::time::Duration;

use futures::future::join_all;

use super::engine::Engine;
use super::fetch::LATENESS;
use super::metrics::SideOutcome;
use crate::domain::{Sample, Timestamp, TriggerSpec};
use crate::knowledge::{SideQuery, SideReading, Workload};
use crate::monitor::{FetchError, FetchErrorKind, Fetched, Span};

/// The load's answer waits no longer than this for those beside it.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often CPU and memory are read, and anything that keeps failing.
const SELDOM: Duration = Duration::from_mins(1);

/// So many failures in a row make a query one that is asked seldom.
const FAILING: u32 = 3;

/// Evaluation times that are asked for, so that a source which ingests late still has one.
const POINTS: u32 = 4;

impl Engine {
    /// Reads what is due beside the load and notes it. Never fails.
    pub(super) async fn read_side(&self, workload: &Workload, now: Timestamp) {
        let due: Vec<SideQuery> = {
            let learned = workload.learned();
            let asked = SideQuery::ALL.into_iter();
            asked
                .filter(|query| query_of(&workload.spec, *query).is_some())
                .filter(|query| is_due(*query, learned.side.of(*query), now))
                .collect()
        };
        if due.is_empty() {
            return;
        }
        join_all(due.into_iter().map(|query| self.ask(workload, query, now))).await;
    }

    async fn ask(&self, workload: &Workload, query: SideQuery, now: Timestamp) {
        let Some(expression) = query_of(&workload.spec, query) else {
            return;
        };
        let span = span(&workload.spec, now);
        let read = self
            .parts
            .monitor
            .fetch_beside(&workload.spec, expression, span);
        let read = tokio::time::timeout(PATIENCE, read).await;
        let read = read.unwrap_or_else(|_| {
            let text = format!("no answer within {} s", PATIENCE.as_secs());
            Err(FetchError::new(FetchErrorKind::Timeout, text))
        });
        self.note_read(workload, query.into(), now, read.as_ref());
        let answer = match read {
            Err(error) => Err((error.kind.as_str(), error.text)),
            Ok(fetched) => newest(&fetched, span).ok_or_else(|| nothing(&fetched)),
        };
        self.note(workload, query, answer, now);
    }

    fn note(
        &self,
        workload: &Workload,
        query: SideQuery,
        answer: Result<Sample, (&'static str, String)>,
        now: Timestamp,
    ) {
        let outcome = answer.as_ref().map_or_else(|(kind, _)| *kind, |_| "ok");
        self.parts
            .metrics
            .side_reads
            .get_or_create(&SideOutcome {
                query: query.as_str(),
                outcome,
            })
            .inc();
        let mut learned = workload.learned();
        let reading = learned.side.of_mut(query);
        reading.asked = Some(now);
        let was_failing = reading.fault.is_some();
        match answer {
            Ok(sample) => {
                reading.newest = Some(sample);
                reading.fault = None;
                reading.failures = 0;
                drop(learned);
                if was_failing {
                    tracing::info!(workload = %workload.key, query = query.key(), "answers again");
                }
            }
            Err((kind, text)) => {
                reading.failures = reading.failures.saturating_add(1);
                reading.fault = Some(text.clone());
                drop(learned);
                if !was_failing {
                    tracing::warn!(
                        workload = %workload.key,
                        query = query.key(),
                        kind,
                        fault = %text,
                        "a query beside the load brings nothing; nothing is learned from it for now"
                    );
                }
            }
        }
    }
}

/// The trigger's expression of `query`, if it has one.
fn query_of(spec: &TriggerSpec, query: SideQuery) -> Option<&str> {
    let expression = match query {
        SideQuery::Replicas => &spec.replicas_query,
        SideQuery::Latency => &spec.latency_query,
        SideQuery::Cpu => &spec.cpu_query,
        SideQuery::Memory => &spec.memory_query,
    };
    expression.as_deref()
}

fn is_due(query: SideQuery, reading: &SideReading, now: Timestamp) -> bool {
    let Some(asked) = reading.asked else {
        return true;
    };
    let seldom = matches!(query, SideQuery::Cpu | SideQuery::Memory);
    // A moment that has not come means that the clock was set back.
    !(seldom || reading.failures >= FAILING) || asked > now || now.since(asked) >= SELDOM
}

/// The last few points of the live grid, the one that the load is read on, so that the answers belong together.
fn span(spec: &TriggerSpec, now: Timestamp) -> Span {
    let step = spec.live_step();
    let until = now.floor_to(step);
    Span {
        from: until - step * (POINTS - 1),
        until,
        step,
    }
}

/// The newest sample, unless it is from long ago.
fn newest(fetched: &Fetched, span: Span) -> Option<Sample> {
    let late = LATENESS.max(2 * span.step);
    // Of pods that are not all counted nothing is learned.
    let newest = fetched
        .samples
        .last()
        .copied()
        .filter(|_| !fetched.partial)?;
    (newest.at + late >= span.until).then_some(newest)
}

fn nothing(fetched: &Fetched) -> (&'static str, String) {
    if fetched.not_finite > 0 {
        ("not-finite", "it returns NaN or infinity".to_owned())
    } else if fetched.partial {
        ("partial", "it was answered in part".to_owned())
    } else {
        ("empty", "it returned no data".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knowledge::samples::{self, NOW};

    fn asked(before: u64, failures: u32) -> SideReading {
        SideReading {
            asked: Some(NOW - Duration::from_secs(before)),
            failures,
            ..SideReading::default()
        }
    }

    #[test]
    fn replicas_and_latency_are_read_each_time_the_others_and_what_fails_once_a_minute() {
        for (query, reading, due) in [
            (SideQuery::Replicas, SideReading::default(), true),
            (SideQuery::Memory, SideReading::default(), true),
            (SideQuery::Replicas, asked(1, 0), true),
            (SideQuery::Latency, asked(1, 2), true),
            (SideQuery::Latency, asked(59, 3), false),
            (SideQuery::Latency, asked(60, 30), true),
            (SideQuery::Cpu, asked(59, 0), false),
            (SideQuery::Memory, asked(60, 0), true),
        ] {
            assert_eq!(is_due(query, &reading, NOW), due, "{query:?} {reading:?}");
        }
        let ahead = SideReading {
            asked: Some(NOW + Duration::from_hours(5)),
            ..SideReading::default()
        };
        assert!(
            is_due(SideQuery::Cpu, &ahead, NOW),
            "the clock was set back"
        );
    }

    #[test]
    fn an_old_sample_or_none_is_no_reading() {
        let span = span(&samples::spec(), NOW);
        assert_eq!(span.points(), u64::from(POINTS));
        assert!(span.until <= NOW, "nothing that has not happened yet");
        let read = |ages: &[u64], not_finite| Fetched {
            samples: (ages.iter())
                .map(|age| Sample {
                    at: span.until - Duration::from_secs(*age),
                    value: *age as f64,
                })
                .collect(),
            not_finite,
            ..Fetched::default()
        };
        let value = newest(&read(&[45, 30], 0), span).map(|sample| sample.value);
        assert_eq!(value, Some(30.0));
        assert_eq!(newest(&read(&[60], 0), span), None);
        assert_eq!(nothing(&read(&[], 0)).0, "empty");
        assert_eq!(nothing(&read(&[], 2)).0, "not-finite");
    }
}
