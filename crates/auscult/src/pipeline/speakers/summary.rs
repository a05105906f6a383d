//! The results of a run as text, for the terminal.

use std::fmt::Write as _;

use super::model::Tuned;
use super::results::{Results, Turns};
use crate::pipeline::metrics::Figure;

/// Table 1, evidence scales, diarization.
#[must_use]
pub fn summary(results: &Results) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(results, &mut text);
    text
}

fn write(results: &Results, out: &mut String) -> std::fmt::Result {
    let mut components = None;
    for score in &results.scores {
        if components != Some(score.components) {
            components = Some(score.components);
            writeln!(
                out,
                "\n{} Gaussians: clustering given segments (percent, 95 % intervals over conversations)",
                score.components
            )?;
            writeln!(
                out,
                "{:28} {:>20} {:>20} | {:>20} {:>20} {:>20}  by seed",
                "system", "I_PUR, K told", "one-to-one, K told", "I_PUR", "I_SPK", "count exact"
            )?;
        }
        let show = |name: &str| score.metrics.get(name).map_or_else(|| "-".into(), Figure::percent);
        let seeds: Vec<String> = score.per_seed.iter().map(|value| format!("{:.1}", 100.0 * value)).collect();
        writeln!(
            out,
            "{:28} {:>20} {:>20} | {:>20} {:>20} {:>20}  {}",
            score.system.name(),
            show("known_squared_purity"),
            show("known_one_to_one"),
            show("auto_squared_purity"),
            show("auto_speaker_count"),
            show("auto_exact_count"),
            seeds.join(" ")
        )?;
    }
    writeln!(out, "\nevidence scale, and pairs of segments")?;
    for scale in &results.scales {
        writeln!(
            out,
            "{:28} {:4} Gaussians, seed {}: kappa {:<5} Cllr {:.3} bits, equal error rate {:.1} % (development {:.3}, {:.1} %)",
            scale.system.name(),
            scale.components,
            scale.seed,
            scale.test.kappa,
            scale.test.cllr,
            100.0 * scale.test.equal_error_rate,
            scale.development.cllr,
            100.0 * scale.development.equal_error_rate
        )?;
    }
    turns("simulated conversations, from sound to turns (percent)", &results.conversations, out)?;
    if !results.long.recordings.is_empty() {
        turns("long simulated conversations (percent)", &results.long, out)?;
    }
    for tuned in &results.tuned {
        let Tuned { kappa, threshold, fill, most_evidence, unpenalised } = tuned;
        writeln!(
            out,
            "chosen by development speakers: kappa {kappa}, threshold {threshold}, pauses up to {fill} s filled, a cluster counts for {most_evidence} s at most, the prior of a voice weighs more from {unpenalised} s of speech on"
        )?;
    }
    if let Some(meetings) = &results.meetings {
        turns("recordings that came with their turns (percent)", meetings, out)?;
    }
    writeln!(out)
}

fn turns(title: &str, turns: &Turns, out: &mut String) -> std::fmt::Result {
    let seconds: f64 = turns.recordings.iter().map(|one| one.seconds).sum();
    writeln!(out, "\n{title}: {} of {:.0} s together", turns.recordings.len(), seconds)?;
    for (name, meaning) in [
        ("der_collar", "DER, collar 0.25 s"),
        ("der", "DER, no collar"),
        ("miss", "  miss"),
        ("false_alarm", "  false alarm"),
        ("confusion", "  confusion"),
        ("der_known_count", "DER, no collar, K told"),
        ("jer", "JER"),
        ("exact_count", "count exact"),
    ] {
        if let Some(figure) = turns.metrics.get(name) {
            writeln!(out, "{meaning:28} {:>20}", figure.percent())?;
        }
    }
    Ok(())
}
