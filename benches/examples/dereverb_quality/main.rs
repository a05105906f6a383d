//! What dereverberation gains: simulated rooms, static and moving speakers, and optionally a real recording.
//!
//! `dereverb_quality SPEECH_FOLDER OUTPUT_FOLDER ROOMS [RECORDING [RESPONSE]]`
//!
//! SPEECH_FOLDER holds recordings of speech, one speaker each, at least 6 s long (`.flac` or `.wav`); RECORDING is
//! reverberant and of several channels; RESPONSE holds measured responses, a channel each, that the speech is sent
//! through. Written to OUTPUT_FOLDER:
//! `dereverb_quality.csv`, a row for every scene and method; `dereverb_quality.svg`, the gains over the unprocessed
//! recording; `dereverb_recording.svg`, the energy envelope of the real recording before and after;
//! `dereverb_response.svg`, the measured response before and after; and
//! `dereverb_quality.md`, the table of means with 95 % bootstrap intervals over rooms. The same seeds give the same
//! numbers, and a run that was stopped goes on after the last scene in the table. Ten rooms take about ten minutes on
//! one core.

#![allow(missing_docs, unreachable_pub)] // a program of several files

mod measures;
mod methods;
mod plot;
mod scenes;
mod table;

use std::path::Path;

use auscult_audio_io::read;
use methods::{METHODS, Transform};
use scenes::Described;
use table::{Row, Table};

pub type Failure = Box<dyn std::error::Error>;

/// Samples a second; all else is resampled.
pub const RATE: u32 = 8_000;

#[allow(clippy::print_stdout)] // this is what the example is for
fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [speech, output, rooms, real @ ..] = arguments.as_slice() else {
        return Err("expected SPEECH_FOLDER OUTPUT_FOLDER ROOMS [RECORDING [RESPONSE]]".into());
    };
    let (output, rooms) = (Path::new(output), rooms.parse()?);
    let speech = scenes::speech(Path::new(speech), rooms)?;
    let transform = Transform::new()?;
    if let Some(recording) = real.first() {
        let recording = read(recording)?.resample(RATE)?.samples.mapv(f64::from);
        let processed: Vec<_> =
            (0..METHODS.len()).map(|index| transform.apply(index, &recording)).collect::<Result<_, _>>()?;
        plot::envelopes(&output.join("dereverb_recording.svg"), &processed)?;
        for (name, samples) in METHODS.iter().zip(&processed) {
            let modulation = measures::dynamic_range(&samples.row(0).to_vec());
            println!("recording, {name}: levels from 10 % to 90 % of the frames {modulation:.1} dB apart");
        }
    }
    if let Some(response) = real.get(1) {
        let responses = read(response)?.resample(RATE)?.samples.mapv(f64::from);
        let (mut rows, mut drawn) = (Vec::new(), vec![Vec::new(); METHODS.len()]);
        for (speaker, dry) in speech.iter().enumerate() {
            let measured = scenes::measured(dry, &responses, speaker)?;
            let scene = Described { kind: "measured response".to_owned(), seconds: 0.0, room: speaker };
            for (index, name) in METHODS.iter().enumerate() {
                let processed = transform.apply(index, &measured.recorded)?;
                let scores = measures::scores(&measured, &processed, &transform)?;
                rows.push(Row { scene: scene.clone(), method: (*name).to_owned(), scores });
                drawn[index].push(measures::response(dry, &processed.row(0).to_vec()));
            }
        }
        println!("{}", table::markdown(&rows)?);
        plot::responses(&output.join("dereverb_response.svg"), &drawn)?;
    }
    let mut table = Table::open(&output.join("dereverb_quality.csv"))?;
    let mut measure = |scene: Described| -> Result<(), Failure> {
        if table.has(&scene) {
            return Ok(());
        }
        let simulated = scene.simulate(&speech[scene.room % speech.len()])?;
        let mut rows = Vec::new();
        for (index, name) in METHODS.iter().enumerate() {
            let processed = transform.apply(index, &simulated.recorded)?;
            let scores = measures::scores(&simulated, &processed, &transform)?;
            rows.push(Row { scene: scene.clone(), method: (*name).to_owned(), scores });
        }
        table.add(rows)
    };
    for room in 0..rooms {
        for seconds in scenes::REVERBERATION_TIMES {
            for kind in ["static", "moving"] {
                measure(Described { kind: kind.to_owned(), seconds, room })?;
            }
        }
        println!("room {} of {rooms}", room + 1);
    }
    let rows = table.rows;
    let text = table::markdown(&rows)?;
    std::fs::write(output.join("dereverb_quality.md"), &text)?;
    println!("{text}");
    plot::gains(&output.join("dereverb_quality.svg"), &rows)?;
    Ok(())
}
