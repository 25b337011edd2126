use std::sync::Arc;
use std::sync::mpsc::channel;

use super::*;

/// A disk that keeps what it gets, is full from some byte on, or hangs until it is let go.
struct Disk {
    kept: Arc<Mutex<Vec<u8>>>,
    room: usize,
    gate: Option<Receiver<()>>,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(gate) = self.gate.take() {
            // Let go by dropping the sender.
            let _ = gate.recv();
        }
        let mut kept = self.kept.lock().unwrap();
        if kept.len() + bytes.len() > self.room {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        kept.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn looked(secs: i64) -> Event {
    Event::Looked {
        id: WorkloadId(u64::MAX - 1),
        at: Timestamp::from_secs(secs),
        put_off: secs % 2 == 0,
    }
}

fn written(kept: &Mutex<Vec<u8>>) -> Vec<Event> {
    let text = String::from_utf8(kept.lock().unwrap().clone()).unwrap();
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

#[test]
fn events_come_back_as_they_were_noted() {
    let kept = Arc::default();
    let disk = Disk {
        kept: Arc::clone(&kept),
        room: usize::MAX,
        gate: None,
    };
    let fetched = Fetched {
        partial: true,
        samples: [0.1 + 0.2, 1e300, 5e-324, -0.0]
            .into_iter()
            .map(|value| Sample {
                at: Timestamp::from_secs(7),
                value,
            })
            .collect(),
        not_finite: 2,
        series: 1,
        warnings: vec!["slow".to_owned()],
    };
    let error = FetchError::new(FetchErrorKind::ManySeries, "two of them");
    let read = |answer| Event::Read {
        id: WorkloadId(3),
        at: Timestamp::from_secs(9),
        query: Asked::Load,
        answer,
    };
    let events = [
        looked(1),
        read(Answer::of(Ok(&fetched))),
        read(Answer::of(Err(&error))),
    ];
    let recorder = Recorder::to(disk, &events[0]).unwrap();
    recorder.note(&events[1]);
    recorder.note(&events[2]);
    drop(recorder);
    let back = written(&kept);
    assert_eq!(back, events);
    let Event::Read { answer, .. } = &back[1] else {
        panic!("{back:?}")
    };
    assert_eq!(answer.to_read().unwrap(), fetched);
    let Event::Read { answer, .. } = &back[2] else {
        panic!("{back:?}")
    };
    let again = answer.to_read().unwrap_err();
    assert_eq!((again.kind, again.text), (error.kind, error.text));
}

#[test]
fn a_full_disk_ends_the_recording_and_nothing_else() {
    let kept = Arc::default();
    let disk = Disk {
        kept: Arc::clone(&kept),
        room: 2000,
        gate: None,
    };
    let recorder = Recorder::to(disk, &looked(0)).unwrap();
    for second in 1..20_000 {
        recorder.note(&looked(second));
    }
    drop(recorder);
    assert!(kept.lock().unwrap().len() <= 2000);
}

#[test]
fn a_disk_that_hangs_holds_nobody_up_and_what_is_missing_is_said() {
    let kept = Arc::default();
    let (go, gate) = channel();
    let disk = Disk {
        kept: Arc::clone(&kept),
        room: usize::MAX,
        gate: Some(gate),
    };
    let recorder = Recorder::to(disk, &looked(0)).unwrap();
    for second in 1..30_000 {
        recorder.note(&looked(second));
    }
    drop(go);
    // Once there is room again, the gap is told before the next line; the writer may have made room for a few before it hung.
    let told = |lines: &[Event]| {
        let lost = lines.iter().map(|event| match event {
            Event::Lost { lines } => *lines,
            _ => 0,
        });
        lost.sum::<u64>() > 10_000
    };
    while recorder.lost.load(Ordering::Relaxed) > 0 {
        recorder.note(&looked(30_000));
        std::thread::yield_now();
    }
    drop(recorder);
    let lines = written(&kept);
    assert!(told(&lines), "{} lines", lines.len());
}
