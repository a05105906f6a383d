//! Parameters in recipe files.

use auscult_stft_mel::*;

#[test]
fn missing_fields_take_their_defaults() {
    let text =
        "[stft]\nn_fft = 1024\nhop_length = 315\npad_mode = \"reflect\"\n[mel]\nn_mels = 80\nscale = \"htk\"";
    let stft = StftParams::new(1024).hop_length(315).pad_mode(PadMode::Reflect);
    let expected = MelSpectrogramParams::new(stft, MelParams::new(22_050, 80).scale(MelScale::Htk));
    assert_eq!(toml::from_str::<MelSpectrogramParams>(text).unwrap(), expected);
}

#[test]
fn unknown_fields_are_errors() {
    let error = toml::from_str::<StftParams>("n_fft = 512\nhop = 128").unwrap_err();
    assert!(error.to_string().contains("hop_length"), "{error}");
}

#[test]
fn conventions_must_be_spelt_out() {
    assert!(toml::from_str::<FbankParams>("sample_rate = 8000").is_err());
    for params in [MfccParams::librosa(16_000), MfccParams::htk(8000), MfccParams::kaldi(16_000)] {
        let text = toml::to_string(&params).unwrap();
        assert_eq!(toml::from_str::<MfccParams>(&text).unwrap(), params, "{text}");
    }
}

#[test]
fn log_scales_have_names() {
    #[derive(serde::Deserialize)]
    struct Recipe {
        scale: Vec<LogScale>,
    }
    let text = "scale = [\"ln_or_zero\", { ln = { floor = 1e-7 } }, { power_db = { reference = \"max\", amin = 1e-10, top_db = 80.0 } }]";
    let recipe: Recipe = toml::from_str(text).unwrap();
    let db = LogScale::PowerDb { reference: Reference::Max, amin: 1e-10, top_db: Some(80.0) };
    assert_eq!(recipe.scale, [LogScale::LnOrZero, LogScale::Ln { floor: 1e-7 }, db]);
}
