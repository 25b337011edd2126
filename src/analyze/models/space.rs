//! The space in which a model adds: plain, where a change has the same size at every level, or logarithmic, where it
//! is a share of the level.

/// A space.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::analyze) enum Space {
    /// The metric's own unit.
    Plain,
    /// `ln(1 + x / unit)`: logarithmic well above the unit, plain near 0.
    Log {
        /// Where it changes from plain to logarithmic; above 0.
        unit: f64,
    },
}

impl Space {
    /// The logarithmic space for a metric of this order of magnitude.
    pub(in crate::analyze) fn log(magnitude: f64) -> Self {
        Self::Log {
            unit: (0.05 * magnitude).max(f64::MIN_POSITIVE * 1e30),
        }
    }

    /// Into the space. Below 0 there is no logarithm: such values count as 0.
    pub(in crate::analyze) fn of(self, value: f64) -> f64 {
        match self {
            Self::Log { .. } if value < 0.0 => 0.0,
            Self::Log { unit } => (value / unit).ln_1p(),
            Self::Plain => value,
        }
    }

    /// Back from the space; huge logarithms are cut before they overflow.
    pub(in crate::analyze) fn back(self, value: f64) -> f64 {
        match self {
            Self::Plain => value,
            Self::Log { unit } => unit * value.min(80.0).exp_m1(),
        }
    }
}
