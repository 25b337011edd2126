//! Gradient-boosted trees for one quantile: each tree corrects what those before it have left over (Friedman, "Greedy
//! function approximation: a gradient boosting machine", 2001), splits are looked for among bins of each feature and the leaf
//! that gains most is split next (as in `LightGBM`, Ke et al. 2017), and a leaf says the quantile of what is left over in it.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

/// Trees for one quantile.
pub(super) const TREES: usize = 40;
/// Leaves of a tree.
const LEAVES: usize = 8;
/// What a tree's word counts.
const RATE: f64 = 0.12;
/// Fewest rows in a leaf.
const FEWEST: f32 = 40.0;
/// Draws what a leaf gains to nothing, in rows.
const PENALTY: f32 = 1.0;
/// Shares of rows and features that a tree looks at.
const ROWS: f64 = 0.5;
const FEATURES: f64 = 0.35;
/// Bins of a feature.
const BINS: usize = 64;

/// Numbers of a tree: a code and a threshold for each split, then a value for each leaf.
pub(super) const NUMBERS: usize = 2 * (LEAVES - 1) + LEAVES;

/// A place in a tree: a split from 0 on, a leaf from [`LEAVES`] on.
type Place = usize;

/// Rows to learn from.
pub(super) struct Rows {
    /// Row by row, the bins of its features.
    bins: Vec<u8>,
    /// By feature, the upper edges of its bins; the last bin has none.
    edges: Vec<Vec<f32>>,
    weights: Vec<f32>,
}

/// Sums over the rows of a bin: of pulls, of weights, and their number.
type Cell = [f32; 3];

/// What a tree corrects, and by which features.
struct Stage<'a> {
    level: f64,
    /// By row, what the trees before have left over.
    left: &'a [f32],
    /// By row, where and how hard it pulls.
    pulls: Vec<f32>,
    features: Vec<usize>,
}

/// A leaf that may be split.
struct Leaf {
    rows: Vec<u32>,
    cells: Vec<Cell>,
    split: Option<Split>,
    place: Place,
}

/// The best split of a leaf.
#[derive(Clone, Copy)]
struct Split {
    gain: f32,
    /// Among those that the tree looks at.
    column: usize,
    bin: usize,
}

impl Rows {
    /// From rows of `width` features one after another, and what each row counts: 1 on average. A feature that is missing is
    /// not a number.
    pub(super) fn new(width: usize, values: &[f32], weights: Vec<f32>) -> Self {
        let column = |feature: usize| values.iter().skip(feature).step_by(width).copied();
        let edges: Vec<Vec<f32>> = (0..width)
            .map(|feature| edges(column(feature).filter(|v| v.is_finite()).collect()))
            .collect();
        let rows = values.chunks_exact(width);
        let bins = rows.flat_map(|row| {
            edges
                .iter()
                .zip(row)
                .map(|(edges, value)| bin(edges, *value))
        });
        Self {
            bins: bins.collect(),
            edges,
            weights,
        }
    }

    /// Trees for the quantile at `level` of what came, by row; one after another, [`NUMBERS`] each.
    pub(super) fn learn(
        &self,
        level: f64,
        mut left: Vec<f32>,
        random: &mut ChaCha8Rng,
    ) -> Vec<f32> {
        let all = 0..left.len() as u32;
        let mut learned = Vec::with_capacity(TREES * NUMBERS);
        for _ in 0..TREES {
            let rows: Vec<u32> = all.clone().filter(|_| random.random_bool(ROWS)).collect();
            let features = (0..self.edges.len()).filter(|_| random.random_bool(FEATURES));
            let features: Vec<usize> = features.collect();
            let stage = self.stage(level, &left, features);
            let mut tree = self.grow(&stage, rows);
            for (row, left) in self.bins.chunks_exact(self.edges.len()).zip(&mut left) {
                *left -= fall(&tree, |feature, bin| f32::from(row[feature]) <= bin);
            }
            // Until here the splits are at bins.
            for place in 0..LEAVES - 1 {
                let (feature, _) = read(tree[2 * place] as u32);
                let edge = self.edges[feature].get(tree[2 * place + 1] as usize);
                tree[2 * place + 1] = edge.copied().unwrap_or(0.0);
            }
            learned.extend(tree);
        }
        learned
    }

    /// What the next tree corrects. A row pulls by how far it is off, up to the mean: by the sign alone, as the loss has it,
    /// calm rows that are a little off would be split before the few that are off by far.
    fn stage<'a>(&self, level: f64, left: &'a [f32], features: Vec<usize>) -> Stage<'a> {
        let weighted = || left.iter().zip(&self.weights);
        let sizes = weighted().map(|(left, weight)| f64::from(left.abs() * weight));
        let weight = self.weights.iter().map(|weight| f64::from(*weight));
        let typical = (sizes.sum::<f64>() / weight.sum::<f64>()).max(1e-12);
        let pulls = weighted().map(|(left, weight)| {
            let pull = (f64::from(*left) / typical).clamp(-1.0, 1.0);
            let share = if pull > 0.0 { level } else { 1.0 - level };
            (share * pull) as f32 * weight
        });
        Stage {
            level,
            left,
            pulls: pulls.collect(),
            features,
        }
    }

    fn grow(&self, stage: &Stage<'_>, rows: Vec<u32>) -> Vec<f32> {
        let features = &stage.features;
        let mut tree = vec![0.0; NUMBERS];
        let root = self.leaf(stage, rows, LEAVES);
        let mut leaves = vec![root];
        for place in 0..LEAVES - 1 {
            let best = leaves.iter().enumerate();
            let best = best.filter_map(|(at, leaf)| Some((at, leaf.split?)));
            let Some((at, split)) = best.max_by(|a, b| a.1.gain.total_cmp(&b.1.gain)) else {
                break;
            };
            let parent = leaves.swap_remove(at);
            let feature = features[split.column];
            let (low, high): (Vec<u32>, Vec<u32>) = (parent.rows.iter())
                .partition(|row| usize::from(self.row(**row)[feature]) <= split.bin);
            point_to(&mut tree, parent.place, place);
            // The lower half stays in the leaf, the higher one begins the next.
            let places = [parent.place, LEAVES + place + 1];
            write(&mut tree, place, feature, places);
            tree[2 * place + 1] = split.bin as f32;
            let (small, large, small_place, large_place) = if low.len() <= high.len() {
                (low, high, places[0], places[1])
            } else {
                (high, low, places[1], places[0])
            };
            let small = self.leaf(stage, small, small_place);
            let cells = parent.cells.iter().zip(&small.cells);
            let cells: Vec<Cell> = cells
                .map(|(all, part)| std::array::from_fn(|i| all[i] - part[i]))
                .collect();
            let split = best_split(&cells, features.len());
            leaves.push(small);
            leaves.push(Leaf {
                rows: large,
                cells,
                split,
                place: large_place,
            });
        }
        for leaf in &leaves {
            let value = RATE * self.quantile(stage, &leaf.rows);
            tree[2 * (LEAVES - 1) + leaf.place - LEAVES] = value as f32;
        }
        tree
    }

    fn leaf(&self, stage: &Stage<'_>, rows: Vec<u32>, place: Place) -> Leaf {
        let features = &stage.features;
        let mut cells = vec![[0.0; 3]; features.len() * BINS];
        for row in &rows {
            let (pull, weight) = (stage.pulls[*row as usize], self.weights[*row as usize]);
            let bins = self.row(*row);
            for (feature, cells) in features.iter().zip(cells.chunks_exact_mut(BINS)) {
                let cell = &mut cells[usize::from(bins[*feature]) % BINS];
                cell[0] += pull;
                cell[1] += weight;
                cell[2] += 1.0;
            }
        }
        let split = best_split(&cells, features.len());
        Leaf {
            rows,
            cells,
            split,
            place,
        }
    }

    fn row(&self, row: u32) -> &[u8] {
        let width = self.edges.len();
        &self.bins[row as usize * width..(row as usize + 1) * width]
    }

    /// The weighted quantile of what is left over of `rows`.
    fn quantile(&self, stage: &Stage<'_>, rows: &[u32]) -> f64 {
        let pairs = rows.iter().map(|row| *row as usize);
        let mut pairs: Vec<(f32, f32)> = pairs
            .map(|row| (stage.left[row], self.weights[row]))
            .collect();
        quantile(&mut pairs, stage.level)
    }
}

/// The value at or below which a share of `level` of the weight lies; 0 of nothing.
pub(super) fn quantile(pairs: &mut [(f32, f32)], level: f64) -> f64 {
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let wanted = level
        * pairs
            .iter()
            .map(|(_, weight)| f64::from(*weight))
            .sum::<f64>();
    let mut below = 0.0;
    let found = pairs.iter().find(|(_, weight)| {
        below += f64::from(*weight);
        below >= wanted
    });
    found.map_or(0.0, |(value, _)| f64::from(*value))
}

/// What trees say of a row, [`NUMBERS`] each.
pub(super) fn sum(trees: &[f32], row: &[f32]) -> f64 {
    let each = trees.chunks_exact(NUMBERS);
    let said = each.map(|tree| {
        f64::from(fall(tree, |feature, threshold| {
            // What is missing lies in the lowest bin.
            row.get(feature)
                .is_none_or(|value| value.is_nan() || *value <= threshold)
        }))
    });
    said.sum()
}

/// The value of the leaf where a row ends; `low` says whether its feature is at most the threshold.
fn fall(tree: &[f32], low: impl Fn(usize, f32) -> bool) -> f32 {
    let mut place = 0;
    for _ in 0..LEAVES {
        let Some(code) = tree.get(2 * place).filter(|_| place < LEAVES - 1) else {
            return 0.0;
        };
        let code = *code as u32;
        if code == 0 {
            // Without a single split there is one leaf.
            return tree[2 * (LEAVES - 1)];
        }
        let (feature, places) = read(code);
        place = places[usize::from(!low(feature, tree[2 * place + 1]))];
        if place >= LEAVES {
            let leaf = tree.get(2 * (LEAVES - 1) + place - LEAVES);
            return leaf.copied().unwrap_or(0.0);
        }
    }
    0.0
}

/// A split's code: its feature and where the lower and the higher rows go, exact in an `f32`.
fn write(tree: &mut [f32], split: Place, feature: usize, places: [Place; 2]) {
    tree[2 * split] = ((feature << 8) | (places[0] << 4) | places[1]) as f32;
}

fn read(code: u32) -> (usize, [Place; 2]) {
    let code = code as usize;
    (code >> 8, [(code >> 4) & 15, code & 15])
}

/// Lets the split that led to the leaf `from` lead to the split `to`.
fn point_to(tree: &mut [f32], from: Place, to: Place) {
    for split in 0..to {
        let (feature, places) = read(tree[2 * split] as u32);
        if places.contains(&from) {
            write(
                tree,
                split,
                feature,
                places.map(|it| if it == from { to } else { it }),
            );
        }
    }
}

/// The split that gains most, over all features and bins.
fn best_split(cells: &[Cell], features: usize) -> Option<Split> {
    let mut best: Option<Split> = None;
    let worth = |sums: Cell| sums[0] * sums[0] / (sums[1] + PENALTY);
    for column in 0..features {
        let cells = &cells[column * BINS..(column + 1) * BINS];
        let mut all = [0.0; 3];
        for cell in cells {
            (all.iter_mut().zip(cell)).for_each(|(all, own)| *all += own);
        }
        let mut low = [0.0; 3];
        for (bin, cell) in cells.iter().enumerate().take(BINS - 1) {
            (low.iter_mut().zip(cell)).for_each(|(low, own)| *low += own);
            let high: Cell = std::array::from_fn(|i| all[i] - low[i]);
            if high[2] < FEWEST {
                break;
            }
            if low[2] < FEWEST || cell[2] < 0.5 {
                continue;
            }
            let gain = worth(low) + worth(high) - worth(all);
            if gain > best.map_or(1e-6, |best| best.gain) {
                best = Some(Split { gain, column, bin });
            }
        }
    }
    best
}

/// Upper edges of up to [`BINS`] bins that hold about as many of `values` each.
fn edges(mut values: Vec<f32>) -> Vec<f32> {
    values.sort_unstable_by(f32::total_cmp);
    let len = values.len();
    let at = |bin: usize| values.get((bin * len / BINS).checked_sub(1)?).copied();
    let mut edges: Vec<f32> = (1..BINS).filter_map(at).collect();
    edges.dedup();
    // Nothing lies above the highest.
    edges.pop_if(|last| values.last().is_some_and(|most| *last >= *most));
    edges
}

/// The bin of `value`; what is missing lies in the lowest.
fn bin(edges: &[f32], value: f32) -> u8 {
    edges.partition_point(|edge| *edge < value) as u8
}
