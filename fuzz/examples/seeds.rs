//! temporary
use auscult::models_tch::*;
use auscult_fuzz::bundle;
use std::path::Path;
fn get(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut v = vec![];
    for n in ["model.json", "model.safetensors", "checkpoint.safetensors"] {
        if let Ok(b) = std::fs::read(dir.join(n)) {
            v.push((n.to_owned(), b));
        }
    }
    v
}
fn put(name: &str, dir: &Path) {
    let v = get(dir);
    let r: Vec<(&str, &[u8])> = v.iter().map(|(n, b)| (n.as_str(), b.as_slice())).collect();
    std::fs::write(format!("fuzz/corpus/checkpoint/{name}"), bundle(&r)).unwrap();
}
fn main() {
    let d = Path::new("/tmp/robust/seed");
    let fresh = || {
        let _ = std::fs::remove_dir_all(d);
        std::fs::create_dir_all(d).unwrap();
    };
    let meta = |t: &str| serde_json::from_str(t).unwrap();
    fresh();
    let a = Autoencoder::new(&Network::Autoencoder { hidden: vec![2] }, 2, 0, Device::Cpu).unwrap();
    a.save(&d.join("model"), &serde_json::Value::Null).unwrap();
    put("autoencoder", d);
    fresh();
    let mut a = Autoencoder::new(&Network::Autoencoder { hidden: vec![2] }, 2, 0, Device::Cpu).unwrap();
    let params = TrainParams::default().epochs(2).batch_size(4).checkpoint_every_seconds(1e-9);
    let mut n = 0;
    let mut stop = |_: &Progress| {
        n += 1;
        if n > 5 { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
    };
    train_autoencoder(&mut a, &[0.5; 16], None, &params, Some(d), &mut stop).unwrap();
    put("checkpoint", d);
    fresh();
    let classes = ["a", "b"].map(str::to_owned);
    let net = Network::BirdResNet(BirdResNetParams::default().widths([1]).kernel(1).time_width(1));
    let c = Classifier::new(&net, &[1, 3, 4], &classes, 0, Device::Cpu).unwrap();
    c.save(&d.join("model"), &meta(r#"{"contender":"x","front_end":{"sample_rate":8000,"n_fft":64,"hop_length":32,"n_mels":3,"f_min":0.0,"f_max":null,"level":"decibel","n_mfcc":0},"window":{"frames":4,"combine":"mel-only"},"scaling":{"mean":[0.0,0.0,0.0],"deviation":[1.0,1.0,1.0],"per_recording":false}}"#)).unwrap();
    println!(
        "{:?}",
        auscult::pipeline::birds::BirdModel::load(&d.join("model"), Device::Cpu).err().map(|e| e.to_string())
    );
    put("birds", d);
    fresh();
    let net = Network::BirdResNet(BirdResNetParams::default().widths([1]).kernel(1).time_width(1));
    let c = Classifier::new(&net, &[1, 80, 4], &classes, 0, Device::Cpu).unwrap();
    let z = vec!["0"; 80].join(",");
    let o = vec!["1"; 80].join(",");
    c.save(&d.join("model"), &meta(&format!(r#"{{"contender":"x","front_end":{{"kind":"lee","level":"absolute"}},"window":{{"frames":4,"hop":2}},"scaling":{{"mean":[{z}],"deviation":[{o}]}},"decision":{{"threshold":0.5,"median_seconds":0.5}}}}"#))).unwrap();
    println!(
        "{:?}",
        auscult::pipeline::svd::SvdModel::load(&d.join("model"), Device::Cpu).err().map(|e| e.to_string())
    );
    put("svd", d);
    fresh();
    let m = Masker::new(
        &MaskerParams::new(UNetParams::default().base(1), &["vocals"]).patch([64, 64]),
        0,
        Device::Cpu,
    )
    .unwrap();
    m.save(&d.join("model"), &meta(r#"{"contender":"x","front_end":{},"heard":[]}"#)).unwrap();
    println!(
        "{:?} {}",
        auscult::pipeline::separation::SeparationModel::load(&d.join("model"), Device::Cpu)
            .err()
            .map(|e| e.to_string()),
        m.parameters()
    );
    std::fs::write(d.join("model.safetensors"), b"\x02\0\0\0\0\0\0\0{}").unwrap();
    put("masker-without-weights", d);
}
