//! Many numbers in text that people may read: one string, in which each is written so that it reads back as exactly itself,
//! not a number and infinity included. JSON has neither. Binary formats hold them as they are.

use std::fmt::{Debug, Write as _};
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(super) fn serialize<'a, C, T, S>(numbers: &'a C, serializer: S) -> Result<S::Ok, S::Error>
where
    &'a C: IntoIterator<Item = &'a T>,
    C: Serialize,
    T: Debug + 'a,
    S: Serializer,
{
    if !serializer.is_human_readable() {
        return numbers.serialize(serializer);
    }
    let mut text = String::new();
    for number in numbers {
        let space = if text.is_empty() { "" } else { " " };
        // Writing to a string can't fail.
        let _ = write!(text, "{space}{number:?}");
    }
    serializer.serialize_str(&text)
}

pub(super) fn deserialize<'de, C, D>(deserializer: D) -> Result<C, D::Error>
where
    C: IntoIterator + FromIterator<C::Item> + Deserialize<'de>,
    C::Item: FromStr,
    D: Deserializer<'de>,
{
    if !deserializer.is_human_readable() {
        return C::deserialize(deserializer);
    }
    let text = String::deserialize(deserializer)?;
    let number = |word: &str| {
        word.parse()
            .map_err(|_| D::Error::custom(format!("`{word}` is no number")))
    };
    text.split_whitespace().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Some {
        #[serde(with = "super")]
        numbers: Vec<f32>,
    }

    #[test]
    fn every_number_reads_back_as_itself_in_text_and_in_bytes() {
        let numbers = vec![
            0.1,
            -0.0,
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::MIN_POSITIVE,
            f32::MAX,
            16_777_217.0,
        ];
        let written = |numbers: &[f32]| format!("{numbers:?}");
        let some = Some {
            numbers: numbers.clone(),
        };
        let json = serde_json::to_string(&some).unwrap();
        assert!(json.contains("\"0.1 -0.0 NaN inf -inf"), "{json}");
        let back: Some = serde_json::from_str(&json).unwrap();
        assert_eq!(written(&back.numbers), written(&numbers));
        let bytes = rmp_serde::to_vec_named(&some).unwrap();
        let back: Some = rmp_serde::from_slice(&bytes).unwrap();
        assert_eq!(written(&back.numbers), written(&numbers));
        let wrong = serde_json::from_str::<Some>("{\"numbers\": \"1 x\"}");
        assert!(
            wrong
                .err()
                .unwrap()
                .to_string()
                .contains("`x` is no number")
        );
    }
}
