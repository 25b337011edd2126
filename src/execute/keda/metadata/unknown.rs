//! A key that nobody knows: most often a known one, misspelt.

use super::{FROM_ENV, KEYS, excerpt};

/// Says that `name` is unknown and suggests the nearest known key, if one is near.
pub(super) fn text(name: &str) -> String {
    let (plain, suffix) = name
        .strip_suffix(FROM_ENV)
        .map_or((name, ""), |plain| (plain, FROM_ENV));
    let shown = excerpt(name);
    match nearest(plain) {
        Some(known) => {
            format!("`{shown}` is not a known key: did you mean `{known}{suffix}`?")
        }
        None => {
            format!("`{shown}` is not a known key: the known ones are listed in `docs/metadata.md`")
        }
    }
}

fn nearest(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    KEYS.iter()
        .map(|key| {
            let score = strsim::jaro_winkler(&lower, &key.name.to_ascii_lowercase());
            (key.name, score)
        })
        .filter(|(_, score)| *score >= 0.84)
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(name, _)| name)
}
