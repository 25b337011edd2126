//! Work that takes a set amount of CPU time, however many others want the CPU.

use std::hint::black_box;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Rounds between two looks at the clock: some microseconds of work.
const ROUNDS: u64 = 2_000;

/// Works until this thread has spent `amount` on the CPU; a number that came out of it.
pub(crate) fn burn(amount: Duration) -> u64 {
    let until = spent() + amount;
    let mut number = 0x9e37_79b9_7f4a_7c15_u64;
    while spent() < until {
        for round in 0..ROUNDS {
            number = (number ^ round)
                .rotate_left(23)
                .wrapping_mul(0xbf58_476d_1ce4_e5b9);
        }
        number = black_box(number);
    }
    number
}

/// CPU time of this thread so far.
pub(crate) fn spent() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let secs = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(secs, nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_spends_the_cpu_time_it_was_given() {
        let before = spent();
        burn(Duration::from_millis(20));
        assert!(spent() - before >= Duration::from_millis(20));
    }

    #[test]
    fn sleeping_is_no_work() {
        let before = spent();
        std::thread::sleep(Duration::from_millis(50));
        assert!(spent() - before < Duration::from_millis(50));
    }
}
