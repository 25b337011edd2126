//! What a file must hold to be loaded, where files are searched, and what happens when they change.

use forescale::analyze::models::onnx::Networks;
use forescale::analyze::models::onnx::calendar::Feature;
use forescale::analyze::models::onnx::card::Card;
use forescale::analyze::models::onnx::proto::{ModelProto, StringStringEntryProto};
use forescale::analyze::{Config, ModelError, OnnxEngine};
use forescale::train::networks::Cell;
use forescale::train::onnx_file::{Dim, Graph};
use prost::Message;

use super::support::{self, card, configs, levels, mlp, recurrent};
use super::{assert_near, constant, folder_with, nearly_flat, plain, pure_rust, put, refusal};

#[test]
fn a_missing_network_names_every_place_that_was_searched() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = configs(folder.path()).remove(0);
    config.model_dirs.push("/nowhere".into());
    let error = Networks::new(&config)
        .unwrap()
        .load("net")
        .unwrap_err()
        .to_string();
    let first = folder.path().join("net.onnx");
    assert!(
        error.contains(&format!("`{}`", first.display())) && error.contains("`/nowhere/net.onnx`"),
        "{error}"
    );
}

#[test]
fn a_name_cannot_lead_out_of_the_folders() {
    let outside = folder_with("net", &constant(&plain(), &[0.0; 18]));
    let inside = outside.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    let networks = pure_rust(&inside);
    let long = "a".repeat(101);
    for name in ["../net", "..", ".net", "a/b", "", "net\0", "nét", &long] {
        let error = networks.load(name).unwrap_err().to_string();
        assert!(error.contains("is no name of a network"), "{name}: {error}");
    }
}

#[test]
fn what_is_not_onnx_is_refused() {
    for junk in [&b"not a network"[..], b"", &[0xff; 64]] {
        let error = refusal(junk);
        assert!(error.contains("it is not an ONNX file"), "{error}");
    }
}

#[test]
fn a_file_cut_off_anywhere_is_refused_and_nothing_panics() {
    let file = mlp(&card(), 8).to_onnx(&card()).unwrap();
    let folder = folder_with("net", &file);
    for config in configs(folder.path()) {
        let networks = Networks::new(&config).unwrap();
        for cut in (0..file.len()).step_by(file.len() / 23) {
            put(folder.path(), "net", &file[..cut]);
            assert!(networks.load("net").is_err(), "cut at {cut}");
        }
    }
}

#[test]
fn names_and_shapes_must_be_those_of_the_contract() {
    let card = plain();
    let graph_of = |input: &str, dims: &[Dim], output: &str| {
        let mut graph = Graph::new();
        let context = graph.input(input, dims);
        let flat = graph.dense(&context, 18, &[0.0; 18 * 24], &[0.0; 18]);
        let grid = graph.reshape(&flat, &[-1, 6, 3]);
        graph.output(output, &grid, &[Dim::Batch, Dim::Fixed(6), Dim::Fixed(3)]);
        graph.to_bytes_unchecked(&card.to_metadata())
    };
    let dims = [Dim::Batch, Dim::Fixed(24)];
    let name = refusal(&graph_of("history", &dims, "quantiles"));
    assert!(
        name.contains("input `history` is unknown") && name.contains("input `context` is missing"),
        "{name}"
    );
    let output = refusal(&graph_of("context", &dims, "y"));
    assert!(
        output.contains("output `quantiles` is missing: found `y`"),
        "{output}"
    );
    let batch = refusal(&graph_of(
        "context",
        &[Dim::Fixed(4), Dim::Fixed(24)],
        "quantiles",
    ));
    assert!(
        batch.contains(
            "input `context` must be float32 [batch (not fixed), 24 (context)], found float32 [4, 24]"
        ),
        "{batch}"
    );
}

#[test]
fn a_batch_that_is_fixed_inside_the_network_shows_at_load() {
    let card = plain();
    let mut graph = Graph::new();
    let context = graph.context(&card);
    let one = graph.reshape(&context, &[1, -1]);
    let one = graph.slice(&one, 1, 0, 18);
    graph.quantiles(&card, &one);
    let error = {
        let folder = folder_with("net", &graph.to_bytes(&card).unwrap());
        pure_rust(folder.path())
            .load("net")
            .unwrap_err()
            .to_string()
    };
    assert!(
        error.contains("trial run") && error.contains("[1, 6, 3]"),
        "{error}"
    );
}

#[test]
fn metadata_must_agree_with_the_network() {
    let file = |change: fn(&mut Card)| {
        let mut graph = Graph::new();
        let mut card = plain();
        let context = graph.context(&card);
        let flat = graph.dense(&context, 18, &[0.0; 18 * 24], &[0.0; 18]);
        graph.quantiles(&card, &flat);
        change(&mut card);
        graph.to_bytes_unchecked(&card.to_metadata())
    };
    for (change, problem) in [
        (
            (|c| c.horizon = 7) as fn(&mut Card),
            "output `quantiles` must be float32 [batch (not fixed), 7 (horizon)",
        ),
        (
            |c| c.context = 30,
            "input `context` must be float32 [batch (not fixed), 30 (context)], found float32 [batch, 24]",
        ),
        (
            |c| c.levels = levels(&[0.1, 0.5]),
            "2 (levels)], found float32 [batch, 6, 3]",
        ),
        (
            |c| c.calendar = vec![Feature::Weekend],
            "input `calendar` is missing",
        ),
        (|c| c.peak_leads = vec![3], "output `peaks` is missing"),
        (
            |c| c.levels = levels(&[0.1, 0.9]),
            "metadata `forescale.levels` is `0.1,0.9`",
        ),
    ] {
        let error = refusal(&file(change));
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn peaks_are_checked_when_a_network_has_them() {
    let mut card = plain();
    card.peak_leads = vec![2, 6];
    let mut graph = Graph::new();
    let context = graph.context(&card);
    let flat = graph.slice(&context, 1, 0, 18);
    graph.quantiles(&card, &flat);
    let peaks = graph.slice(&context, 1, 0, 6);
    graph.peaks(&card, &peaks);
    let folder = folder_with("net", &graph.to_bytes(&card).unwrap());
    for config in configs(folder.path()) {
        Networks::new(&config).unwrap().load("net").unwrap();
    }
    card.peak_leads = vec![2, 4, 6];
    let error = graph.to_bytes(&card).unwrap_err();
    assert!(
        error.contains("output `peaks` must be float32 [batch (not fixed), 3 (peak_leads)"),
        "{error}"
    );
}

#[test]
fn weights_outside_the_file_and_foreign_operators_are_refused() {
    let change = |change: fn(&mut ModelProto)| {
        let mut model = ModelProto::decode(&*constant(&plain(), &[0.0; 18])).unwrap();
        change(&mut model);
        model.encode_to_vec()
    };
    let outside = refusal(&change(|model| {
        let weights = &mut model.graph.as_mut().unwrap().initializer[0];
        weights.data_location = Some(1);
        weights.external_data = vec![StringStringEntryProto {
            key: Some("location".to_owned()),
            value: Some("/etc/passwd".to_owned()),
        }];
    }));
    assert!(
        outside.contains("weights stand in another file"),
        "{outside}"
    );
    let foreign = refusal(&change(|model| {
        let mut set = model.opset_import[0].clone();
        set.domain = Some("com.example".to_owned());
        model.opset_import.push(set);
    }));
    assert!(foreign.contains("operators of `com.example`"), "{foreign}");
}

#[test]
fn an_operator_that_no_engine_knows_is_an_error_that_names_it() {
    let card = plain();
    let mut graph = Graph::new();
    let context = graph.context(&card);
    let flat = graph.node("Clairvoyance", &[&context], &[]);
    graph.quantiles(&card, &flat);
    let folder = folder_with("net", &graph.to_bytes(&card).unwrap());
    for config in configs(folder.path()) {
        let error = Networks::new(&config)
            .unwrap()
            .load("net")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("can't load it") && error.contains("Clairvoyance"),
            "{error}"
        );
    }
}

// === files that come and go ===

#[test]
fn a_changed_file_is_loaded_anew_and_a_broken_one_does_not_take_the_old_one_away() {
    let card = plain();
    let folder = folder_with("net", &constant(&card, &[0.0; 18]));
    for config in configs(folder.path()) {
        put(folder.path(), "net", &constant(&card, &[0.0; 18]));
        let networks = Networks::new(&config).unwrap();
        let median = || {
            let forecast = networks
                .load("net")?
                .forecast(&[nearly_flat(1)])
                .remove(0)?;
            Ok::<f32, ModelError>(forecast.path(1)[0])
        };
        assert_near(median().unwrap(), 4.0 / 3.0);

        let other = recurrent(&card, Cell::Gru, 4, 1).to_onnx(&card).unwrap();
        put(folder.path(), "net", &other);
        let changed = median().unwrap();
        assert!(
            (changed - 4.0 / 3.0).abs() > 0.01,
            "another network: {changed}"
        );

        put(folder.path(), "net", b"broken");
        assert_near(median().unwrap(), f64::from(changed));
        let failures = networks.failures();
        assert!(failures[0].0 == "net" && failures[0].1.to_string().contains("not an ONNX file"));

        std::fs::remove_file(folder.path().join("net.onnx")).unwrap();
        assert!(
            median()
                .unwrap_err()
                .to_string()
                .contains("there is no network `net`")
        );
    }
}

#[test]
fn a_failed_file_is_read_again_only_when_it_changes_or_failures_are_forgotten() {
    let card = plain();
    let good = constant(&card, &[0.0; 18]);
    let broken = vec![0xff; good.len()];
    let folder = folder_with("net", &broken);
    let path = folder.path().join("net.onnx");
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    let networks = pure_rust(folder.path());
    networks.load("net").unwrap_err();
    // Mended in secret: same length, same time.
    put(folder.path(), "net", &good);
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(modified).unwrap();
    networks.load("net").unwrap_err();
    networks.forget_failures();
    networks.load("net").unwrap();
    assert_eq!(networks.failures(), []);
}

#[test]
fn folders_are_searched_in_order_and_list_their_networks() {
    let card = plain();
    let first = folder_with("net", &constant(&card, &[1.0; 18]));
    let second = folder_with("net", &constant(&card, &[0.0; 18]));
    put(second.path(), "other", b"whatever");
    put(second.path(), ".hidden", b"whatever");
    std::fs::write(second.path().join("README.md"), "").unwrap();
    let mut config = configs(first.path()).remove(0);
    config.model_dirs.push(second.path().to_path_buf());
    let networks = Networks::new(&config).unwrap();
    assert_eq!(networks.names(), ["net", "other"]);
    let forecast = networks
        .load("net")
        .unwrap()
        .forecast(&[nearly_flat(1)])
        .remove(0)
        .unwrap();
    assert_near(forecast.path(1)[0], 4.0 / 3.0 + 25.0 / 24.0);
}

#[test]
fn the_networks_of_the_program_stand_behind_those_of_the_folders() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        shipped_networks: true,
        ..configs(folder.path()).remove(0)
    };
    let networks = Networks::new(&config).unwrap();
    assert_eq!(networks.names(), ["gru", "hybrid", "lstm", "mlp"]);
    assert!(networks.has("mlp") && !networks.has("net"));
    let error = networks.load("net").unwrap_err().to_string();
    assert!(error.contains("the program comes with `gru`"), "{error}");
    let median = |networks: &Networks| {
        let network = networks.load("mlp")?;
        let forecast = network.forecast(&[nearly_flat(1)]).remove(0)?;
        Ok::<_, ModelError>(forecast.path(1)[0])
    };
    let shipped = median(&networks).unwrap();

    put(folder.path(), "mlp", &constant(&plain(), &[1.0; 18]));
    let own = median(&networks).unwrap();
    assert_near(own, 4.0 / 3.0 + 25.0 / 24.0);
    assert!((own - shipped).abs() > 1e-3);
    // A broken one is told about, and not quietly replaced.
    put(folder.path(), "mlp", b"broken");
    let error = median(&Networks::new(&config).unwrap()).unwrap_err();
    assert!(error.to_string().contains("not an ONNX file"), "{error}");

    std::fs::remove_file(folder.path().join("mlp.onnx")).unwrap();
    assert_near(median(&networks).unwrap(), f64::from(shipped));
    let without = Config {
        shipped_networks: false,
        ..config
    };
    assert!(!Networks::new(&without).unwrap().has("mlp"));
}

// === engines ===

#[test]
fn onnx_runtime_demanded_but_missing_is_an_error_and_auto_does_without() {
    let config = |onnx_engine| Config {
        onnx_engine,
        onnx_library: Some("/nowhere/libonnxruntime.so".into()),
        ..Config::default()
    };
    let error = Networks::new(&config(OnnxEngine::OnnxRuntime))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("nothing at `/nowhere/libonnxruntime.so`")
            && error.contains("`ORT_DYLIB_PATH`"),
        "{error}"
    );
    let networks = Networks::new(&config(OnnxEngine::Auto)).unwrap();
    assert_eq!(networks.engine(), "rten 0.27");
}

#[test]
fn a_library_that_is_none_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libonnxruntime.so");
    std::fs::write(&path, "not a library").unwrap();
    let config = Config {
        onnx_engine: OnnxEngine::OnnxRuntime,
        onnx_library: Some(path.clone()),
        ..Config::default()
    };
    let error = Networks::new(&config).unwrap_err().to_string();
    assert!(error.contains(path.to_str().unwrap()), "{error}");
}

#[test]
fn a_damaged_file_is_loaded_or_refused_but_brings_nothing_down() {
    let card = card();
    let mut seeded = support::Seeded(7);
    let mut below = |most: usize| (f64::from(seeded.next().abs()) * (most - 1) as f64) as usize;
    let folder = tempfile::tempdir().unwrap();
    let networks: Vec<Networks> = configs(folder.path())
        .iter()
        .map(|c| Networks::new(c).unwrap())
        .collect();
    for cell in [Cell::Gru, Cell::Lstm] {
        let file = recurrent(&card, cell, 4, 2).to_onnx(&card).unwrap();
        for round in 0..100 {
            let mut damaged = file.clone();
            for _ in 0..=round % 3 {
                damaged[below(file.len())] = below(256) as u8;
            }
            let name = format!("{cell:?}-{round}");
            put(folder.path(), &name, &damaged);
            for networks in &networks {
                if let Ok(network) = networks.load(&name) {
                    assert_eq!(network.forecast(&[nearly_flat(2)]).len(), 1);
                }
            }
        }
    }
}
