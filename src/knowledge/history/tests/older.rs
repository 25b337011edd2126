//! Histories that are longer than their fine part.

use super::*;

const DAY: i64 = 1440;

/// Steps in a bin of minutes.
const WIDTH: i64 = 10;

/// The samples that a history was given, and what it should say.
#[derive(Debug, Default)]
struct Told {
    samples: BTreeMap<i64, f64>,
    capacity: i64,
}

impl Told {
    fn newest(&self) -> i64 {
        self.samples.last_key_value().map_or(i64::MIN, |(i, _)| *i)
    }

    /// Whether the history takes in a sample of this step.
    fn takes(&self, index: i64) -> bool {
        self.samples.is_empty() || index > self.newest() - self.capacity
    }

    fn kept(&self) -> BTreeMap<i64, f64> {
        let newest = self.newest();
        self.samples
            .range(newest - self.capacity + 1..)
            .map(|(i, v)| (*i, *v))
            .collect()
    }

    /// The mean of the samples of the bin of a step, of those before `until`.
    fn mean(&self, index: i64, until: i64) -> f64 {
        let from = index.div_euclid(WIDTH) * WIDTH;
        let of_bin = self.samples.range(from..(from + WIDTH).min(until));
        let values: Vec<f64> = of_bin.map(|(_, value)| *value).collect();
        values.iter().sum::<f64>() / values.len() as f64
    }
}

fn load(index: i64) -> f64 {
    let turn = index as f64 / DAY as f64 * std::f64::consts::TAU;
    500.0 + 300.0 * turn.sin() + (index * 7919 % 101) as f64 / 3.0
}

/// The first step that is fine in what is read, since the epoch.
fn fine_from(series: &Series) -> i64 {
    series.time_of(series.fine_from()).as_secs() / 60
}

fn bits(history: &History) -> Vec<u64> {
    let series = history.series();
    let values = series.values().iter().map(|value| value.to_bits());
    values.chain([series.fine_from() as u64]).collect()
}

/// As after a restart.
fn again(history: &History) -> History {
    let records = |part| history.sealed_since(part, None).map(|(_, record)| record);
    let fine: Vec<BlockRecord> = records(Part::Fine).chain(history.open_blocks()).collect();
    let older = history.older_record().map(|mut older| {
        for part in Part::OLDER {
            older.add_sealed(part, records(part).collect());
        }
        older
    });
    let bytes = rmp_serde::to_vec_named(&(fine, older)).unwrap();
    let (records, older): (Vec<BlockRecord>, _) = rmp_serde::from_slice(&bytes).unwrap();
    let fine = usize::try_from(history.fine_capacity).unwrap();
    History::with_fine(history.step(), history.capacity(), fine).with_blocks(records, older)
}

#[test]
fn two_weeks_are_fine_and_what_is_older_is_means_of_ten_minutes() {
    let mut history = History::new(MINUTE, 56 * DAY as usize);
    let mut told = Told {
        capacity: 56 * DAY,
        ..Told::default()
    };
    for i in 0..60 * DAY {
        history.record(at(i), load(i));
        told.samples.insert(i, load(i));
    }
    assert_eq!(history.len(), 56 * DAY as usize);
    assert_eq!(history.first(), Some(at(4 * DAY)));
    let series = history.series();
    let fine = fine_from(&series);
    let fine_steps = 60 * DAY - fine;
    assert!(
        (14 * DAY..14 * DAY + 256).contains(&fine_steps),
        "{fine_steps}"
    );
    for (i, got) in (4 * DAY..).zip(series.values()) {
        let wanted = if i < fine {
            told.mean(i, fine)
        } else {
            load(i)
        };
        assert!((got - wanted).abs() < 0.05, "step {i}: {got}, not {wanted}");
    }
    let tail = history.tail(8 * DAY as usize);
    assert_eq!((tail.len(), tail.fine_from()), (8 * DAY as usize, 0));
    let cut = history.tail(20 * DAY as usize);
    assert_eq!(fine_from(&cut), fine);
    assert_eq!(cut.values(), &series.values()[36 * DAY as usize..]);
}

#[test]
fn eight_weeks_of_minutes_take_less_than_sixty_four_kibibytes() {
    let noise = |i: i64| (i as f64 * 0.7).sin() * 500.0 + 500.1;
    let mut history = History::new(MINUTE, 56 * DAY as usize);
    let mut most = 0;
    for i in 0..60 * DAY {
        history.record(at(i), noise(i));
        if i > 56 * DAY {
            most = most.max(history.heap_bytes());
        }
    }
    assert!(most < 64 * 1024, "{most} bytes");
    assert!(most > 48 * 1024, "{most} bytes for two weeks and more");
}

#[test]
fn a_history_no_longer_than_the_fine_part_has_no_other() {
    let history = filled(20_160, (0..30_000).map(f64::from));
    assert!(history.older_record().is_none());
    assert_eq!(history.series().fine_from(), 0);
    assert_eq!(History::fine_steps(MINUTE), 20_160);
    assert_eq!(History::fine_steps(Duration::from_mins(5)), 20_160);
    assert_eq!(
        History::fine_steps(Duration::from_secs(10)),
        60_480,
        "a week"
    );
}

#[test]
fn eight_weeks_read_back_newest_window_first_end_as_if_they_had_been_lived_through() {
    let windows = |newest_first: bool| {
        let mut history = History::new(MINUTE, 56 * DAY as usize);
        history.record(at(56 * DAY - 1), load(56 * DAY - 1));
        let mut numbers: Vec<i64> = (0..8).collect();
        if newest_first {
            numbers.reverse();
        }
        for number in numbers {
            for i in number * 7 * DAY..(number + 1) * 7 * DAY {
                history.record(at(i), load(i));
            }
        }
        history
    };
    let (one, two) = (windows(true), windows(false));
    let mut lived = History::new(MINUTE, 56 * DAY as usize);
    for i in 0..56 * DAY {
        lived.record(at(i), load(i));
    }
    let wanted = lived.series();
    for mut history in [one, two] {
        assert_eq!(history.len(), 56 * DAY as usize);
        let series = history.series();
        assert_eq!(series.fine_from(), wanted.fine_from());
        assert_eq!(
            (series.start(), series.end()),
            (wanted.start(), wanted.end())
        );
        for (i, (got, wanted)) in series.values().iter().zip(wanted.values()).enumerate() {
            assert!((got - wanted).abs() < 0.1, "step {i}: {got}, not {wanted}");
        }
        assert!(bits(&again(&history)) == bits(&history));
        history.record(at(56 * DAY), load(56 * DAY));
        let bytes = history.heap_bytes();
        assert!(bytes < 64 * 1024, "{bytes} bytes");
    }
}

#[test]
fn what_is_read_back_twice_counts_once() {
    let mut history = History::with_fine(MINUTE, 5000, 600);
    for i in 0..3000 {
        history.record(at(i), load(i));
    }
    let before = bits(&history);
    for i in 0..2000 {
        history.record(at(i), 1e6);
    }
    assert_eq!(bits(&history), before);
}

#[test]
fn a_gap_in_the_older_part_stays_a_gap_until_its_samples_come() {
    let mut history = History::with_fine(MINUTE, 5000, 600);
    let missing = |i: i64| (1003..1028).contains(&i);
    for i in (0..3000).filter(|i| !missing(*i)) {
        history.record(at(i), load(i));
    }
    let gaps = |history: &History| {
        let series = history.series();
        let steps = (0..).zip(series.values());
        let gaps = steps.filter(|(_, value)| value.is_nan());
        gaps.map(|(i, _)| i).collect::<Vec<i64>>()
    };
    assert_eq!(gaps(&history), (1003..1028).collect::<Vec<_>>());
    assert_eq!(history.len(), 2975);
    for i in (1003..1028).rev() {
        history.record(at(i), load(i));
    }
    assert_eq!(gaps(&history), Vec::<i64>::new());
    let mean = (1000..1010).map(load).sum::<f64>() / 10.0;
    assert!((history.series().values()[1005] - mean).abs() < 0.1);
}

#[test]
fn after_the_clock_is_put_right_what_comes_is_fine_again() {
    let mut history = History::with_fine(MINUTE, 5000, 600);
    for i in 0..3000 {
        history.record(at(i), load(i));
    }
    // A day ahead: everything known becomes older, and nothing of it is lost.
    history.record(at(3000 + DAY), 1.0);
    history.forget_after(at(2999));
    assert_eq!(history.last().unwrap().at, at(2999));
    assert_eq!(history.len(), 3000);
    assert_eq!(fine_from(&history.series()), 3000);
    for i in 3000..3500 {
        history.record(at(i), load(i));
    }
    let series = history.series();
    assert_eq!((history.len(), fine_from(&series)), (3500, 3000));
    assert!((3000..3500).all(|i| (series.values()[i as usize] - load(i)).abs() < 0.01));
    assert!(bits(&again(&history)) == bits(&history));
    // In the midst of the older part, within a bin.
    history.forget_after(at(1234));
    assert_eq!(history.last().unwrap().at, at(1234));
    assert_eq!(history.len(), 1235);
    history.record(at(1235), 5.0);
    assert_eq!(history.last().unwrap().value.to_bits(), 5.0_f64.to_bits());
    history.forget_after(at(-1));
    assert!(history.is_empty() && history.series().is_empty());
    history.record(at(-5), 2.0);
    assert_eq!(history.series().fine_from(), 0);
}

#[test]
fn a_clock_that_jumps_by_centuries_empties_the_older_part_too() {
    let mut history = History::with_fine(MINUTE, 5000, 600);
    for i in 0..3000 {
        history.record(at(i), load(i));
    }
    history.record(at(1_000_000_000), 5.0);
    assert_eq!(history.series().values(), [5.0]);
    history.record(Timestamp::from_millis(i64::MAX), 6.0);
    history.record(Timestamp::from_millis(i64::MIN), 7.0);
    assert_eq!(history.len(), 1);
    assert!(history.heap_bytes() < 12_000);
}

#[test]
fn another_capacity_keeps_what_it_reaches() {
    let mut history = History::with_fine(MINUTE, 5000, 600);
    for i in 0..5000 {
        history.record(at(i), load(i));
    }
    let whole = history.series();
    history.resize(2000);
    assert_eq!(history.series().values(), &whole.values()[3000..]);
    history.resize(6000);
    // No more than the rest of a block is back.
    assert!((2000..2000 + 256 * WIDTH as usize).contains(&history.len()));
    history.resize(500);
    assert!(history.older_record().is_none());
    assert_eq!(history.series().values(), &whole.values()[4500..]);
    history.resize(5000);
    for i in 5000..7000 {
        history.record(at(i), load(i));
    }
    assert!(history.first() <= Some(at(4500)));
    assert!(fine_from(&history.series()) > 6000);
}

#[test]
fn a_boundary_that_makes_no_sense_does_not_make_the_present_coarse() {
    let mut history = History::with_fine(MINUTE, 5000, 600);
    for i in 0..3000 {
        history.record(at(i), load(i));
    }
    let read = |key: &str, wrong: serde_json::Value| {
        let mut record = serde_json::to_value(history.older_record()).unwrap();
        record[key] = wrong;
        let record = serde_json::from_value(record).unwrap();
        let mut read =
            History::with_fine(MINUTE, 5000, 600).with_blocks(history.open_blocks(), record);
        read.record(at(3000), 5.0);
        let series = read.series();
        assert!(series.fine_from() < series.len());
        assert_eq!(read.last().unwrap().value.to_bits(), 5.0_f64.to_bits());
    };
    read("fine_from", i64::MAX.into());
    read("width", 7.into());
}

#[test]
fn a_long_history_of_an_earlier_version_becomes_coarse_when_it_is_read() {
    // Before there were two resolutions, all steps lay in fine blocks.
    let all = filled(20_160, (0..20_000).map(|i| load(i64::from(i))));
    let sealed = all.sealed_since(Part::Fine, None).map(|(_, record)| record);
    let later = (20_000..50_000).map(|i| (i, load(i)));
    let mut rest = History::new(MINUTE, 20_160);
    let mut records: Vec<BlockRecord> = sealed.collect();
    for (i, value) in later {
        rest.record(at(i), value);
        if i % 10_000 == 9_999 {
            let sealed = rest.sealed_since(Part::Fine, None);
            records.extend(sealed.map(|(_, record)| record));
        }
    }
    records.extend(rest.open_blocks());
    let history = History::from_blocks(MINUTE, 56 * DAY as usize, records, None);
    let series = history.series();
    assert!(series.fine_from() > 29_000 && history.len() > 49_000);
    assert!(history.heap_bytes() < 60 * 1024, "{}", history.heap_bytes());
}

proptest! {
    #[test]
    fn whatever_the_order_the_fine_part_is_what_was_recorded_and_bins_are_the_means_of_theirs(
        capacity in 700..4000_i64,
        fine in 1..1500_i64,
        burst in 0..3000_i64,
        writes in prop::collection::vec((0..4000_i64, -50.0..1000.0_f64), 1..300),
        snapshot in any::<bool>(),
    ) {
        let mut history = History::with_fine(MINUTE, capacity as usize, fine as usize);
        let mut told = Told { capacity, ..Told::default() };
        let steady = (0..burst).map(|i| (i, load(i)));
        // Each late write may seal a block anew, so the bound counts for every one of them.
        let bound = 0.02 * (writes.len() + 12) as f64;
        for (index, value) in steady.chain(writes) {
            if told.takes(index) {
                // In a bin the first word counts; in the fine part the last.
                let coarse = history.older.as_ref().is_some_and(|older| index < older.fine_from());
                if !coarse || !told.samples.contains_key(&index) {
                    told.samples.insert(index, value);
                }
            }
            history.record(at(index), value);
        }
        if snapshot {
            let one = bits(&history);
            history = again(&history);
            prop_assert!(bits(&history) == one);
        }
        let series = history.series();
        let kept = told.kept();
        let start = series.start().as_secs() / 60;
        let present: Vec<i64> = (start..).zip(series.values())
            .filter(|(_, value)| !value.is_nan()).map(|(i, _)| i).collect();
        prop_assert_eq!(&present, &kept.keys().copied().collect::<Vec<_>>());
        prop_assert_eq!(history.len(), kept.len());
        prop_assert_eq!(history.first(), kept.keys().next().map(|i| at(*i)));
        let fine = fine_from(&series);
        for (index, value) in &kept {
            let got = series.get(at(*index)).unwrap();
            let near = |wanted: f64| (got - wanted).abs() <= bound;
            let right = if *index >= fine { near(*value) } else { near(told.mean(*index, fine)) };
            prop_assert!(right, "{}: {} became {}", index, value, got);
        }
        if let (Some(last), Some((index, _))) = (history.last(), kept.last_key_value()) {
            prop_assert_eq!(last.at, at(*index));
        }
        let tail = history.tail(300);
        prop_assert_eq!(tail.end(), series.end());
        let part = &series.values()[series.len() - tail.len()..];
        let same = tail.values().iter().zip(part).all(|(a, b)| a.to_bits() == b.to_bits());
        prop_assert!(same && tail.fine_from() == series.fine_from().saturating_sub(series.len() - tail.len()));
    }
}
