//! The states of trust in a forecast, by name.

/// [`crate::domain::Trust::as_str`] of each state.
pub(super) const STATES: [&str; 3] = ["unproven", "earned", "lost"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Timestamp, Trust};

    #[test]
    fn every_state_is_on_the_list_under_its_own_name() {
        let lost = Trust::Lost {
            since: Timestamp::default(),
            why: String::new(),
        };
        assert_eq!(
            [Trust::Unproven, Trust::Earned, lost].map(|trust| trust.as_str()),
            STATES
        );
    }
}
