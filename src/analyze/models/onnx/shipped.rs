//! The networks of `models/` as part of the program, so that it forecasts alike wherever it is started.

macro_rules! network {
    ($name:literal) => {
        include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/models/",
            $name,
            ".onnx"
        ))
    };
}

/// Their names, sorted, and what is in their files.
const NETWORKS: [(&str, &[u8]); 4] = [
    ("gru", network!("gru")),
    ("hybrid", network!("hybrid")),
    ("lstm", network!("lstm")),
    ("mlp", network!("mlp")),
];

/// Their names, sorted.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    NETWORKS.iter().map(|(name, _)| *name)
}

/// The ONNX file of one of them.
pub(in crate::analyze::models) fn bytes(name: &str) -> Option<&'static [u8]> {
    let mut networks = NETWORKS.iter();
    networks.find_map(|(known, bytes)| (*known == name).then_some(*bytes))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_network_of_the_folder_comes_with_the_program() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "onnx") {
                let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                assert_eq!(bytes(&name), Some(&*fs::read(&path).unwrap()), "{name}");
                found.push(name);
            }
        }
        found.sort();
        assert_eq!(found, names().collect::<Vec<_>>());
        assert_eq!(bytes("other"), None);
    }
}
