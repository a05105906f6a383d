//! Models, checkpoints and monitors: several files that belong together, laid out from one.

use std::ops::ControlFlow;
use std::path::Path;

use auscult::Run;
use auscult::fa_speaker::SpeakerModel;
use auscult::models_tch::{
    Autoencoder, Classifier, Device, Masker, Network, TrainParams, set_threads, train_autoencoder,
};
use auscult::pipeline::{asd, birds, separation, speakers, svd};

/// Sets one file off from the next.
const MARK: &[u8] = b"\n=== ";
/// What a file may be called.
const NAMES: [&str; 8] = [
    "run.json",
    "model.json",
    "model.safetensors",
    "checkpoint.safetensors",
    "monitor.json",
    "detector.json",
    "atoms-observed.npy",
    "mahalanobis-B/model.json",
];

/// What a run folder must hold to be one.
const RUN: &str = r#"{"pipeline": "", "recipe": "", "fingerprint": "", "environment":
    {"auscult": "", "platform": "", "processor": "", "cores": 1, "began": 0}}"#;

/// Files as one, which [`lay_out`] takes apart.
#[must_use]
pub fn bundle(files: &[(&str, &[u8])]) -> Vec<u8> {
    files.iter().flat_map(|(name, bytes)| [MARK, name.as_bytes(), b"\n", bytes].concat()).collect()
}

/// Lays the files of a bundle into a folder; what has no known name is left out.
pub fn lay_out(folder: &Path, bundle: &[u8]) {
    let mut marks: Vec<usize> = bundle
        .windows(MARK.len())
        .enumerate()
        .filter(|(_, window)| *window == MARK)
        .map(|(at, _)| at)
        .collect();
    marks.push(bundle.len());
    for range in marks.windows(2) {
        let part = &bundle[range[0] + MARK.len()..range[1]];
        for name in NAMES {
            if let Some(bytes) = part.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"\n"))
            {
                let path = folder.join(name);
                let _ = path.parent().map(std::fs::create_dir_all);
                crate::lay(folder, name, bytes);
            }
        }
    }
}

/// As the files of every model there is.
pub(crate) fn read(folder: &Path, bytes: &[u8]) {
    let _ = set_threads(1);
    lay_out(folder, bytes);
    let stem = folder.join("model");
    let cpu = Device::Cpu;
    let _ = Classifier::load(&stem, cpu);
    let _ = Autoencoder::load(&stem, cpu);
    let _ = Masker::load(&stem, cpu);
    let _ = SpeakerModel::load_any(&stem);
    // What loads also listens, to half a second: its files may contradict each other.
    let sound = crate::lay(folder, "sound.wav", &sound());
    if let Ok(listener) = birds::BirdModel::load(&stem, cpu).and_then(birds::Listener::new) {
        let _ = birds::infer(&listener, &sound, &birds::InferOptions::default());
    }
    if let Ok(listener) = svd::SvdModel::load(&stem, cpu).and_then(svd::Listener::new) {
        let _ = svd::infer(&listener, &sound, &svd::InferOptions::default());
    }
    if let Ok(model) = separation::SeparationModel::load(&stem, cpu) {
        let _ = separation::PeakMeter::new(&model, 44_100);
    }
    if !folder.join("run.json").exists() {
        crate::lay(folder, "run.json", RUN.as_bytes());
    }
    if let Ok(run) = Run::open_folder(folder)
        && let Ok(diarizer) = speakers::DiarizationModel::of_run(&run).and_then(speakers::Diarizer::new)
    {
        let _ = diarizer.diarize(&sound, &speakers::DiarizeOptions::default());
    }
    if let Ok(monitor) = asd::Monitor::load(folder) {
        let _ = monitor.file(&sound);
    }
    resume(folder);
}

/// Half a second of a mono WAV file at 16 kHz: a tone that comes and goes.
fn sound() -> Vec<u8> {
    let mut bytes =
        b"RIFF\xa4\x3e\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data\x80\x3e\0\0"
            .to_vec();
    let sample = |n: i32| (n % 40 - 20) * (n % 4000) / 8;
    bytes.extend((0..8000).flat_map(|n| (sample(n) as i16).to_le_bytes()));
    bytes
}

/// Takes up a training where a checkpoint says it was left.
fn resume(folder: &Path) {
    if !folder.join("checkpoint.safetensors").exists() {
        return;
    }
    let network = Network::Autoencoder { hidden: vec![2] };
    let Ok(mut autoencoder) = Autoencoder::new(&network, 2, 0, Device::Cpu) else { return };
    let params = TrainParams::default().epochs(2).batch_size(4);
    let vectors = [0.5; 16];
    let mut observer = |_: &auscult::models_tch::Progress| ControlFlow::Continue(());
    let _ = train_autoencoder(&mut autoencoder, &vectors, None, &params, Some(folder), &mut observer);
}
