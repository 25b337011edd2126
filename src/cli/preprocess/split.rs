//! Training, validation and test, one after the other in time.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// Shares of the calendar span, in percent; together 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Split([u32; 3]);

/// A part of the calendar span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Train,
    Validation,
    Test,
}

// === impl Part ===

impl Part {
    pub(super) const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

// === impl Split ===

impl Split {
    /// The steps of one part of a series of `steps` steps.
    pub(super) fn range(self, part: Part, steps: usize) -> Range<usize> {
        let place = part as usize;
        let until = |parts: usize| {
            let percent: u32 = self.0[..parts].iter().sum();
            steps * percent as usize / 100
        };
        until(place)..until(place + 1)
    }
}

impl FromStr for Split {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no split: write three percentages that add up to 100, such as `70/15/15`"
            )
        };
        let shares: Vec<u32> = (text.split('/'))
            .map(|share| share.trim().parse().map_err(|_| wrong()))
            .collect::<Result<_, _>>()?;
        let shares: [u32; 3] = shares.try_into().map_err(|_| wrong())?;
        let sum = shares
            .iter()
            .fold(0_u32, |sum, share| sum.saturating_add(*share));
        if sum != 100 || shares[0] == 0 {
            return Err(wrong());
        }
        Ok(Self(shares))
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.0[0], self.0[1], self.0[2])
    }
}

impl Serialize for Split {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
