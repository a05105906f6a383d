//! Sizes and shapes of the networks, and their descriptions.

use auscult_models_tch::{BirdResNetParams, Classifier, Device, Error, Init, Network};

use crate::common::{names, one_thread};

fn build(network: &Network, shape: &[usize], classes: usize) -> Classifier {
    Classifier::new(network, shape, &names(classes), 0, Device::Cpu).unwrap()
}

#[test]
fn avian_networks_have_the_papers_parameter_counts() {
    one_thread();
    for (network, parameters) in [
        (Network::AvianV16, 39_131),
        (Network::AvianV17, 71_071),
        (Network::AvianV18, 80_411),
        (Network::AvianV20, 80_411),
    ] {
        let shape: Vec<usize> = network.input_shape().into_iter().flatten().collect();
        assert_eq!(build(&network, &shape, 91).parameters(), parameters, "{}", network.name());
    }
}

#[test]
fn other_networks_have_the_counts_of_their_layers() {
    one_thread();
    let mlp = Network::Mlp { hidden: vec![256, 256], dropout: 0.0 };
    assert_eq!(build(&mlp, &[40], 91).parameters(), 41 * 256 + 257 * 256 + 257 * 91);
    let resnet = Network::BirdResNet(BirdResNetParams::default());
    let block = |i: usize, o: usize| 9 * i * o + 9 * o * o + i * o + 6 * o;
    let expected = 25 * 16 + 32 + block(16, 32) + 3 * (32 * 16) * 128 + 256 + 512 + 257 * 10;
    assert_eq!(build(&resnet, &[1, 64, 130], 10).parameters(), expected);
}

#[test]
fn descriptions_survive_json() {
    for network in [
        Network::AvianV20,
        Network::BirdResNet(BirdResNetParams::default().widths([8, 16]).init(Init::Orthogonal)),
        Network::Mlp { hidden: vec![3], dropout: 0.5 },
    ] {
        let text = serde_json::to_string(&network).unwrap();
        assert_eq!(serde_json::from_str::<Network>(&text).unwrap(), network, "{text}");
    }
    assert_eq!(serde_json::from_str::<Network>(r#"{"kind": "avian_v20"}"#).unwrap(), Network::AvianV20);
    let default = serde_json::from_str::<Network>(r#"{"kind": "bird_resnet"}"#).unwrap();
    assert_eq!(default, Network::BirdResNet(BirdResNetParams::default()));
    for wrong in [r#"{"kind": "avian_v19"}"#, r#"{"kind": "bird_resnet", "width": 3}"#, r#"{"kind": "mlp"}"#]
    {
        assert!(serde_json::from_str::<Network>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn unusable_shapes_and_sizes_are_refused() {
    one_thread();
    let refused = |network: Network, shape: &[usize]| {
        Classifier::new(&network, shape, &names(3), 0, Device::Cpu).unwrap_err()
    };
    for shape in [&[][..], &[128, 128], &[2, 128, 128], &[1, 0, 128], &[1, 20, 20]] {
        let error = refused(Network::AvianV20, shape);
        assert!(matches!(error, Error::InputShape { .. }), "{shape:?}: {error}");
    }
    let mlp = |hidden: &[usize], dropout| Network::Mlp { hidden: hidden.to_vec(), dropout };
    assert!(matches!(refused(mlp(&[4], 0.0), &[1, 128, 128]), Error::InputShape { .. }));
    assert!(matches!(refused(mlp(&[0], 0.0), &[4]), Error::Parameter { name: "hidden", .. }));
    assert!(matches!(refused(mlp(&[4], 1.0), &[4]), Error::Parameter { name: "dropout", .. }));
    let resnet = |params: BirdResNetParams| refused(Network::BirdResNet(params), &[1, 64, 64]);
    assert!(matches!(resnet(BirdResNetParams::default().kernel(4)), Error::Parameter { name: "kernel", .. }));
    assert!(matches!(
        resnet(BirdResNetParams::default().widths([])),
        Error::Parameter { name: "widths", .. }
    ));
}

#[test]
fn every_initialiser_gives_a_working_network() {
    one_thread();
    for init in [Init::Torch, Init::KerasGlorot, Init::He, Init::Orthogonal] {
        let network = Network::BirdResNet(BirdResNetParams::default().init(init));
        let probabilities = build(&network, &[1, 64, 64], 3).predict(&[0.5; 64 * 64], 1).unwrap();
        assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{init:?}");
    }
}
