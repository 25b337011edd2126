//! A stretch of 256 steps, plain or sealed.

use serde::{Deserialize, Serialize};

use super::codec::{self, Packed};

/// Steps in a block.
pub(super) const BLOCK: usize = 256;
pub(super) const BLOCK_STEPS: i64 = 256;

/// 256 steps, from `number * 256` on.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) number: i64,
    /// Which edit of the history changed it last.
    pub(super) edit: u32,
    pub(super) body: Body,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    /// From the block's first step on; `NaN` where missing; ends with its last sample.
    Raw(Vec<f64>),
    Packed(Packed),
}

/// A block as it is written to disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::knowledge) struct BlockRecord {
    /// Its place: it begins at step `number * steps` since the epoch.
    pub(super) number: i64,
    /// Steps in a block of the writer; a reader with another size leaves the block out.
    pub(super) steps: u32,
    pub(super) body: BodyRecord,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum BodyRecord {
    /// Little-endian `f64`.
    Raw(#[serde(with = "serde_bytes")] Vec<u8>),
    Packed(codec::PackedRecord),
}

// === impl Block ===

impl Block {
    pub(super) fn empty(number: i64) -> Self {
        Self {
            number,
            edit: 0,
            body: Body::Raw(Vec::new()),
        }
    }

    pub(super) fn first_index(&self) -> i64 {
        self.number.saturating_mul(BLOCK_STEPS)
    }

    #[expect(clippy::cast_possible_wrap, reason = "an offset is below 256")]
    pub(super) fn index_at(&self, offset: usize) -> i64 {
        self.first_index() + offset as i64
    }

    pub(super) fn is_sealed(&self) -> bool {
        matches!(self.body, Body::Packed(_))
    }

    pub(super) fn values(&self) -> Vec<f64> {
        match &self.body {
            Body::Raw(values) => values.clone(),
            Body::Packed(packed) => packed.unpack(),
        }
    }

    /// The value at `offset`, if there is one.
    pub(super) fn get(&self, offset: usize) -> Option<f64> {
        let value = match &self.body {
            Body::Raw(values) => *values.get(offset)?,
            Body::Packed(packed) => packed.get(offset)?,
        };
        (!value.is_nan()).then_some(value)
    }

    /// Writes the values from step `from` of the block on over `out`, as many as there are and fit; what is missing
    /// at the end may be left as it was.
    pub(super) fn copy_into(&self, from: usize, out: &mut [f64]) {
        match &self.body {
            Body::Raw(values) => {
                let values = values.get(from..).unwrap_or_default();
                let steps = values.len().min(out.len());
                out[..steps].copy_from_slice(&values[..steps]);
            }
            Body::Packed(packed) => packed.unpack_into(from, out),
        }
    }

    pub(super) fn set(&mut self, offset: usize, value: f64, edit: u32) {
        self.edit = edit;
        if let Body::Packed(packed) = &self.body {
            self.body = Body::Raw(packed.unpack());
        }
        if let Body::Raw(values) = &mut self.body {
            if values.len() <= offset {
                values.resize(offset + 1, f64::NAN);
            }
            values[offset] = value;
        }
    }

    pub(super) fn seal(&mut self, edit: u32) {
        if let Body::Raw(values) = &self.body {
            self.body = Body::Packed(Packed::pack(values));
            self.edit = edit;
        }
    }

    pub(super) fn is_present(&self, offset: usize) -> bool {
        match &self.body {
            Body::Raw(values) => values.get(offset).is_some_and(|value| !value.is_nan()),
            Body::Packed(packed) => packed.is_present(offset),
        }
    }

    pub(super) fn last_index(&self) -> Option<i64> {
        let until = match &self.body {
            Body::Raw(values) => values.len(),
            Body::Packed(_) => BLOCK,
        };
        let offset = (0..until).rev().find(|offset| self.is_present(*offset))?;
        Some(self.index_at(offset))
    }

    pub(super) fn offset_from(&self, oldest: i64) -> usize {
        usize::try_from(oldest.saturating_sub(self.first_index())).unwrap_or(0)
    }

    pub(super) fn first_sample_from(&self, oldest: i64) -> Option<i64> {
        let offset = (self.offset_from(oldest)..BLOCK).find(|offset| self.is_present(*offset))?;
        Some(self.index_at(offset))
    }

    pub(super) fn count_from(&self, oldest: i64) -> usize {
        (self.offset_from(oldest)..BLOCK)
            .filter(|offset| self.is_present(*offset))
            .count()
    }

    pub(super) fn record(&self) -> BlockRecord {
        let body = match &self.body {
            Body::Raw(values) => BodyRecord::Raw(
                values
                    .iter()
                    .flat_map(|value| value.to_le_bytes())
                    .collect(),
            ),
            Body::Packed(packed) => BodyRecord::Packed(packed.record()),
        };
        BlockRecord {
            number: self.number,
            steps: BLOCK as u32,
            body,
        }
    }

    pub(super) fn from_record(record: BlockRecord) -> Option<Self> {
        // A number so far out that its steps can't be counted was never written by us.
        record.number.checked_add(1)?.checked_mul(BLOCK_STEPS)?;
        if record.steps as usize != BLOCK {
            return None;
        }
        let body = match record.body {
            BodyRecord::Raw(bytes) => {
                let (chunks, rest) = bytes.as_chunks::<8>();
                let values: Vec<f64> = chunks
                    .iter()
                    .map(|chunk| f64::from_le_bytes(*chunk))
                    .collect();
                let sound = rest.is_empty()
                    && values.len() <= BLOCK
                    && values.iter().all(|value| !value.is_infinite());
                sound.then_some(Body::Raw(values))?
            }
            BodyRecord::Packed(packed) => Body::Packed(Packed::from_record(&packed)?),
        };
        let block = Self {
            number: record.number,
            edit: 0,
            body,
        };
        block.last_index().is_some().then_some(block)
    }
}

impl Body {
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Raw(values) => values.capacity() * size_of::<f64>(),
            Self::Packed(packed) => packed.heap_bytes(),
        }
    }
}

/// The block that holds step `index`, and where in it.
pub(super) fn place(index: i64) -> (i64, usize) {
    let offset = index.rem_euclid(BLOCK_STEPS);
    (index.div_euclid(BLOCK_STEPS), offset as usize)
}
