//! Parity with librosa and Kaldi. `cargo test -p auscult-stft-mel --release -- parity --nocapture --test-threads 1`
//! prints the table of the README.

use auscult_stft_mel::*;
use ndarray::Array1;

use crate::golden::{complex_matrix, deviation, matrix, vector};

/// Prints one row of the table and checks it.
macro_rules! row {
    ($name:expr, $ours:expr, $golden:expr, $bound:expr) => {{
        let (absolute, relative) = deviation(&$ours, &$golden);
        println!("| {} | {absolute:.1e} | {relative:.1e} |", $name);
        assert!(relative <= $bound, "{}: relative deviation {relative:e} > {:e}", $name, $bound);
    }};
}

fn signal() -> Array1<f32> {
    vector("signal")
}

const RATES: [u32; 4] = [8000, 16000, 22050, 44100];

#[test]
fn parity_windows() {
    for (name, window) in
        [("hann", Window::Hann), ("hamming", Window::Hamming), ("blackman", Window::Blackman)]
    {
        row!(
            format!("{name}, periodic"),
            window.periodic(25),
            vector::<f64>(&format!("window_{name}_periodic")),
            1e-15
        );
        row!(
            format!("{name}, symmetric"),
            window.symmetric(25),
            vector::<f64>(&format!("window_{name}_symmetric")),
            1e-15
        );
    }
}

fn stft_cases() -> [(&'static str, StftParams); 5] {
    [
        ("default", StftParams::new(512).hop_length(160)),
        ("reflect", StftParams::new(512).hop_length(315).pad_mode(PadMode::Reflect)),
        (
            "edge_hamming",
            StftParams::new(256)
                .hop_length(100)
                .win_length(201)
                .window(Window::Hamming)
                .pad_mode(PadMode::Edge),
        ),
        ("causal_hamming", StftParams::new(256).hop_length(128).window(Window::Hamming).center(false)),
        ("odd_blackman", StftParams::new(255).hop_length(90).window(Window::Blackman)),
    ]
}

#[test]
fn parity_stft() -> Result<()> {
    let x = signal();
    let x = x.slice(ndarray::s![..3000]);
    for (name, params) in stft_cases() {
        let stft = params.plan()?;
        let golden = complex_matrix::<f32>(&format!("stft_{name}"));
        row!(format!("stft, {name}"), stft.forward(x)?, golden, 1e-6);
        let half = golden.mapv(|x| x * 0.5);
        row!(
            format!("istft, {name}"),
            stft.inverse(half.view(), None)?,
            vector(&format!("istft_{name}")),
            1e-6
        );
    }
    let half = complex_matrix::<f32>("stft_default").mapv(|x| x * 0.5);
    let stft = StftParams::new(512).hop_length(160).plan()?;
    row!("istft, length", stft.inverse(half.view(), Some(2900))?, vector("istft_length"), 1e-6);
    let stft = StftParams::new(256).hop_length(128).plan()?;
    row!("stft, f64", stft.forward(x.mapv(f64::from).view())?, complex_matrix("stft_f64"), 1e-13);
    Ok(())
}

#[test]
fn parity_mel() -> Result<()> {
    let x = signal();
    let stft = StftParams::new(1024).hop_length(315);
    for rate in RATES {
        for (scale, scale_name) in [(MelScale::Slaney, "slaney"), (MelScale::Htk, "htk")] {
            for (norm, norm_name) in
                [(MelNorm::Slaney, "slaney"), (MelNorm::None, "none"), (MelNorm::Sum, "sum")]
            {
                let mel =
                    MelParams::new(rate, 40).f_min(27.5).f_max(f64::from(rate) * 0.4).scale(scale).norm(norm);
                let mel = MelSpectrogramParams::new(stft.clone(), mel).plan()?;
                let golden = matrix::<f32>(&format!("mel_{rate}_{scale_name}_{norm_name}"));
                row!(
                    format!("mel, {rate} Hz, {scale_name}, norm {norm_name}"),
                    mel.process(x.view())?,
                    golden,
                    1e-6
                );
            }
        }
    }
    let mel = MelSpectrogramParams::new(stft, MelParams::new(22_050, 80)).power(1.0).plan()?;
    row!("mel, magnitude", mel.process(x.view())?, matrix("mel_magnitude"), 1e-6);
    Ok(())
}

#[test]
fn parity_log_scales() -> Result<()> {
    let mel = MelSpectrogramParams::new(StftParams::new(1024).hop_length(315), MelParams::new(22_050, 40));
    let power = mel.plan()?.process(signal().view())?;
    row!("power_to_db", LogScale::power_db().apply(power.view())?, matrix("db_power"), 1e-6);
    row!(
        "power_to_db, max",
        power_to_db(power.view(), Reference::Max, 1e-10, Some(80.0))?,
        matrix("db_power_max"),
        1e-6
    );
    row!(
        "power_to_db, open",
        power_to_db(power.view(), Reference::Value(0.5), 1e-7, None)?,
        matrix("db_power_open"),
        1e-6
    );
    let magnitude = power.mapv(f32::sqrt);
    row!("amplitude_to_db", LogScale::amplitude_db().apply(magnitude.view())?, matrix("db_amplitude"), 1e-6);
    Ok(())
}

#[test]
fn parity_mfcc() -> Result<()> {
    for rate in RATES {
        let mfcc = MfccParams::librosa(rate).plan()?.process(signal().view())?;
        row!(format!("mfcc, librosa, {rate} Hz"), mfcc, matrix(&format!("mfcc_{rate}")), 1e-5);
    }
    Ok(())
}

#[test]
fn parity_kaldi() -> Result<()> {
    let x = signal();
    for rate in [8000, 16000] {
        let fbank = FbankParams::kaldi(rate).plan()?.process(x.view())?;
        row!(format!("fbank, Kaldi, {rate} Hz"), fbank, matrix(&format!("kaldi_fbank_{rate}")), 1e-5);
        let mfcc = MfccParams::kaldi(rate).plan()?.process(x.view())?;
        row!(format!("mfcc, Kaldi, {rate} Hz"), mfcc, matrix(&format!("kaldi_mfcc_{rate}")), 1e-5);
    }
    let fbank = FbankParams::kaldi(16_000).snip_edges(false).plan()?.process(x.view())?;
    row!("fbank, Kaldi, snip_edges off", fbank, matrix("kaldi_fbank_no_snip"), 1e-5);
    let fbank = FbankParams::kaldi(16_000).n_mels(80).f_max(7600.0).window(Window::Hamming);
    row!(
        "fbank, Kaldi, 80 bands, Hamming",
        fbank.plan()?.process(x.view())?,
        matrix("kaldi_fbank_80_hamming"),
        1e-5
    );
    let mfcc = MfccParams::kaldi(16_000).energy(EnergyTerm::C0).plan()?.process(x.view())?;
    row!("mfcc, Kaldi, C0", mfcc, matrix("kaldi_mfcc_c0"), 1e-5);
    Ok(())
}

#[test]
fn parity_htk() -> Result<()> {
    let x = signal().mapv(f64::from);
    for rate in [8000, 16000] {
        let fbank = FbankParams::htk(rate).plan()?.process(x.view())?;
        row!(format!("fbank, HTK, {rate} Hz"), fbank, matrix(&format!("htk_fbank_{rate}")), 1e-12);
        let mfcc = MfccParams::htk(rate).plan()?.process(x.view())?;
        row!(format!("mfcc, HTK MFCC_E, {rate} Hz"), mfcc, matrix(&format!("htk_mfcc_e_{rate}")), 1e-12);
    }
    let htk = MfccParams::htk(16_000);
    let raw = htk.clone().normalize_energy(false).plan()?.process(x.view())?;
    row!("mfcc, HTK MFCC_E, ENORMALISE = F", raw, matrix("htk_mfcc_e_raw"), 1e-12);
    let c0 = htk.clone().energy(EnergyTerm::C0).plan()?.process(x.view())?;
    row!("mfcc, HTK MFCC_0", c0, matrix("htk_mfcc_0"), 1e-12);
    let plain = htk.energy(EnergyTerm::None).n_mfcc(12).plan()?.process(x.view())?;
    row!("mfcc, HTK MFCC", plain, matrix("htk_mfcc"), 1e-12);
    Ok(())
}

#[test]
fn parity_delta() -> Result<()> {
    let input = matrix::<f32>("delta_input");
    for (width, order) in [(9, 1), (9, 2), (5, 1), (7, 3)] {
        let ours = delta(input.view(), width, order)?;
        row!(
            format!("delta, width {width}, order {order}"),
            ours,
            matrix(&format!("delta_{width}_{order}")),
            1e-6
        );
    }
    Ok(())
}

#[test]
fn parity_hpss() -> Result<()> {
    let magnitude = matrix::<f32>("hpss_input");
    let params = HpssParams::default();
    for (name, params) in [
        ("default", params.clone()),
        ("kernel", params.clone().kernel(17, 12)),
        ("margin", params.clone().margins(1.5, 3.0).power(1.0)),
        ("binary", params.power(f64::INFINITY)),
    ] {
        let masks = params.plan()?.masks(magnitude.view())?;
        let golden = |part: &str| -> ndarray::Array2<f32> {
            let name = format!("hpss_{name}_{part}");
            if name.contains("binary") { matrix::<bool>(&name).mapv(f32::from) } else { matrix(&name) }
        };
        row!(format!("hpss, {name}, harmonic"), masks.harmonic, golden("harmonic"), 1e-6);
        row!(format!("hpss, {name}, percussive"), masks.percussive, golden("percussive"), 1e-6);
    }
    Ok(())
}

#[test]
fn parity_diffusion() -> Result<()> {
    let spectrum =
        StftParams::new(256).hop_length(128).plan::<f64>()?.forward(signal().mapv(f64::from).view())?;
    let ours = DiffusionParams::default().plan()?.harmonic_mask(spectrum.view())?;
    let golden = matrix::<bool>("diffusion_mask");
    let differing = ours.iter().zip(&golden).filter(|(a, b)| a != b).count();
    let share = differing as f64 / golden.len() as f64;
    println!("| diffusion mask (share of bins that differ) | | {share:.1e} |");
    assert_eq!(ours.dim(), golden.dim());
    // The reference starts from a rounded spectrum, so bins in balance may fall either way.
    assert!(share < 0.01, "{share} of the bins differ");
    Ok(())
}

#[test]
fn parity_pcen() -> Result<()> {
    let mel = MelSpectrogramParams::new(StftParams::new(1024).hop_length(315), MelParams::new(22_050, 40));
    let power = mel.plan()?.process(signal().view())?.mapv(|x| x * 2_f32.powi(31));
    let pcen = PcenParams::new(22_050, 315);
    row!("pcen", pcen.apply(power.view())?, matrix("pcen"), 1e-5);
    let log = pcen.power(0.0).gain(0.8).time_constant(0.06);
    row!("pcen, power 0", log.apply(power.view())?, matrix("pcen_log"), 1e-5);
    Ok(())
}
