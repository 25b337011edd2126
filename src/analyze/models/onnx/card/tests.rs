//! A card goes into metadata and comes back, and a mistake in it is explained.

use super::*;

fn card() -> Card {
    Card {
        context: 120,
        horizon: 30,
        step: Step::Seconds(60),
        levels: [0.1, 0.5, 0.95].map(|l| Quantile::new(l).unwrap()).to_vec(),
        normalisation: Normalisation::Level { window: 5 },
        input: Input::Residual,
        clip: Some(10.0),
        min_observed: 60,
        calendar: Feature::ALL.to_vec(),
        peak_leads: vec![5, 30],
        description: Some("a network".to_owned()),
        licence: Some("MIT".to_owned()),
        trained_until: Some("2026-10-31".to_owned()),
    }
}

/// The card's metadata with `key` set to `value`, or without it.
fn read_with(key: &str, value: Option<&str>) -> Result<Card, Vec<String>> {
    let mut pairs = card().to_metadata();
    pairs.retain(|(k, _)| k != &format!("{PREFIX}{key}"));
    pairs.extend(value.map(|value| (format!("{PREFIX}{key}"), value.to_owned())));
    Card::from_metadata(pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())))
}

#[test]
fn what_is_written_is_read_and_other_keys_are_left_alone() {
    let mut pairs = card().to_metadata();
    pairs.push(("author".to_owned(), "somebody".to_owned()));
    let read = Card::from_metadata(pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())));
    assert_eq!(read, Ok(card()));
}

#[test]
fn what_may_be_left_out_has_a_default() {
    assert_eq!(read_with("min_observed", None).unwrap().min_observed, 60);
    assert_eq!(read_with("clip", None).unwrap().clip, None);
    assert_eq!(read_with("calendar", None).unwrap().calendar, []);
}

#[test]
fn the_curves_change_is_known_to_a_network_on_residuals_only() {
    let problems = read_with("input", Some("series")).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("without `curve_change` unless `input` is `residual`"));
    assert_eq!(read_with("input", None).unwrap_err(), problems);
}

#[test]
fn every_mistake_names_the_key_the_value_and_what_is_allowed() {
    for (key, value, allowed) in [
        ("contract", "2", "`1`"),
        ("context", "0", "from 1 to 20160"),
        ("horizon", "many", "from 1 to 2880"),
        ("step_seconds", "1m", "`any`"),
        ("levels", "0.9,0.5", "rising"),
        ("levels", "0.1,0.9", "`0.5` among them"),
        ("normalisation", "zscore", "`level` or `none`"),
        ("level_window", "121", "from 1 to 120"),
        ("input", "raw", "`series` or `residual`"),
        ("clip", "-1", "above 0"),
        ("min_observed", "121", "from 1 to 120"),
        ("calendar", "weekend,weekend", "at most once"),
        ("calendar", "moon", "`time_of_day_sin`"),
        ("peak_leads", "31", "to the horizon of 30"),
        ("trained_until", "yesterday", "`2026-10-31`"),
    ] {
        let problems = read_with(key, Some(value)).unwrap_err().join("; ");
        assert!(
            problems.contains(&format!("`{PREFIX}{key}` is `{value}`"))
                && problems.contains(allowed),
            "{key}: {problems}"
        );
    }
}

#[test]
fn a_missing_or_unknown_key_is_named() {
    let missing = read_with("horizon", None).unwrap_err().join("; ");
    assert!(
        missing.contains("`forescale.horizon` is missing"),
        "{missing}"
    );
    let unknown = read_with("clipp", Some("3")).unwrap_err().join("; ");
    assert!(
        unknown.contains("`forescale.clipp` is unknown"),
        "{unknown}"
    );
}
