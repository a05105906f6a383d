//! The networks that detect singing: sizes, names, numbers as PyTorch's, learning of sequences.
//! `tests/golden/singing/generate.py` is the other side.

use std::ops::ControlFlow;

use auscult_models_tch::{
    Classifier, Device, Error, Examples, Network, OptimizerParams, Progress, ScnnVariant, SeResNetParams,
    TrainParams, train_classifier,
};
use serde::Deserialize;

use crate::common::{names, one_thread};
use crate::pytorch::{Case, difference, golden_path, set_by_formula};

#[derive(Deserialize)]
struct Golden {
    counts: Vec<Count>,
    formula: Vec<Case>,
}

#[derive(Deserialize)]
struct Count {
    network: Network,
    input_shape: Vec<usize>,
    parameters: usize,
}

fn golden() -> Golden {
    serde_json::from_slice(&std::fs::read(golden_path("singing/networks.json")).unwrap()).unwrap()
}

fn build(network: &Network, input_shape: &[usize]) -> Classifier {
    Classifier::new(network, input_shape, &names(2), 0, Device::Cpu).unwrap()
}

#[test]
fn parameter_counts_are_pytorchs_and_the_papers() {
    one_thread();
    let counts = golden().counts;
    for Count { network, input_shape, parameters } in &counts {
        assert_eq!(build(network, input_shape).parameters(), *parameters, "{}", network.name());
    }
    // Millions in Table 3 of Gui et al.; depth 200 (118 there) does not follow from the blocks it lists.
    let of_depth = |depth| {
        let network = Network::SeResNet(SeResNetParams::new(depth));
        counts.iter().find(|count| count.network == network).map(|count| count.parameters)
    };
    let expected = [
        (14, 2_798_530),
        (18, 11_258_306),
        (34, 21_436_610),
        (50, 26_020_802),
        (101, 47_241_154),
        (152, 64_719_810),
        (200, 80_950_210),
    ];
    for (depth, parameters) in expected {
        assert_eq!(of_depth(depth), Some(parameters));
    }
    let others = [
        (Network::Scnn { variant: ScnnVariant::Schlueter }, 1_408_225),
        (Network::Scnn { variant: ScnnVariant::Lee }, 1_408_225),
        (Network::BiLstm, 66_321),
    ];
    for (network, parameters) in others {
        let found = counts.iter().find(|count| count.network == network);
        assert_eq!(found.map(|count| count.parameters), Some(parameters));
    }
}

#[test]
fn the_networks_compute_what_pytorch_computes() {
    one_thread();
    let cases = golden().formula;
    assert_eq!(cases.len(), 6);
    for case in cases {
        let mut classifier = build(&case.network, &case.input_shape);
        set_by_formula(&mut classifier, case.fc_scale);
        let difference = difference(&classifier, &case);
        println!("{}: {difference:e}", case.network.name());
        assert!(difference < 1e-5, "{}: {difference}", case.network.name());
    }
}

#[test]
fn wrong_sizes_are_refused() {
    one_thread();
    let refused = |network: Network, shape: &[usize]| {
        Classifier::new(&network, shape, &names(2), 0, Device::Cpu).unwrap_err()
    };
    let se_resnet = |params| refused(Network::SeResNet(params), &[1, 80, 80]);
    assert!(matches!(se_resnet(SeResNetParams::new(20)), Error::Parameter { name: "depth", .. }));
    assert!(matches!(
        se_resnet(SeResNetParams::new(14).reduction(0)),
        Error::Parameter { name: "reduction", .. }
    ));
    assert!(matches!(
        se_resnet(SeResNetParams::new(14).width(8)),
        Error::Parameter { name: "reduction", .. }
    ));
    assert!(matches!(
        se_resnet(SeResNetParams::new(14).dropout(1.0)),
        Error::Parameter { name: "dropout", .. }
    ));
    let scnn = || Network::Scnn { variant: ScnnVariant::Schlueter };
    for (network, shape) in [
        (scnn(), &[1, 20, 115][..]),
        (scnn(), &[80, 115]),
        (Network::BiLstm, &[218]),
        (Network::BiLstm, &[1, 80, 218]),
        (Network::BiLstm, &[0, 80]),
    ] {
        let error = refused(network, shape);
        assert!(matches!(error, Error::InputShape { .. }), "{shape:?}: {error}");
    }
}

/// In every frame: is the first feature positive?
struct Signs;

const FRAMES: usize = 12;

impl Examples for Signs {
    fn len(&self) -> usize {
        48
    }

    fn fill(&self, _epoch: u64, index: usize, input: &mut [f32], target: &mut [f32]) {
        for frame in 0..FRAMES {
            let on = (index * 31 + frame * frame * 7) % 5 < 2;
            input[frame * 3] = if on { 1.0 } else { -1.0 };
            input[frame * 3 + 1] = (index % 3) as f32;
            target[frame * 2 + usize::from(on)] = 1.0;
        }
    }
}

#[test]
fn sequences_are_learnt_frame_by_frame() {
    one_thread();
    let mut classifier = build(&Network::BiLstm, &[FRAMES, 3]);
    let params =
        TrainParams::default().epochs(30_usize).batch_size(16_usize).optimizer(OptimizerParams::adam(0.02));
    let watch = &mut |_: &Progress| ControlFlow::Continue(());
    let history = train_classifier(&mut classifier, &Signs, None, &params, None, watch).unwrap();
    let accuracy = history.epochs.last().unwrap().train_accuracy.unwrap();
    assert!(accuracy > 0.98 && accuracy <= 1.0, "{accuracy}");
    assert!(history.epochs[0].train_accuracy.unwrap() < 0.9, "there is something to learn");
    let (mut input, mut target) = (vec![0.0; 3 * FRAMES], vec![0.0; 2 * FRAMES]);
    Signs.fill(0, 5, &mut input, &mut target);
    let probabilities = classifier.predict(&input, 1).unwrap();
    assert_eq!(probabilities.len(), 2 * FRAMES);
    for (found, truth) in probabilities.chunks(2).zip(target.chunks(2)) {
        assert!((found[0] + found[1] - 1.0).abs() < 1e-5);
        assert_eq!(found[1] > 0.5, truth[1] > 0.5);
    }
    // Sequences of any length: the weights do not depend on it.
    assert_eq!(classifier.predict_shaped(&[0.5; 60], &[20, 3], 1).unwrap().len(), 40);
}
