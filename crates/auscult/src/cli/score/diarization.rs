//! `auscult score diarization`: who spoke when, as md-eval and dscore score it.

use std::path::PathBuf;

use anyhow::bail;
use auscult_eval_metrics::{
    DiarizationErrors, DiarizationScores, DiarizationScoring, JaccardErrors, read_rttm, read_uem,
};
use serde_json::{Value, json};

use super::Report;
use super::table::Table;

/// Speaker turns of one or more recordings
#[derive(Debug, clap::Args)]
pub(super) struct DiarizationArgs {
    /// True speaker turns, RTTM
    reference: PathBuf,
    /// Speaker turns to score, RTTM
    hypothesis: PathBuf,
    /// Regions to score, UEM; without it, from the first to the last turn of either file
    #[arg(long)]
    uem: Option<PathBuf>,
    /// Seconds left out on each side of every reference boundary (md-eval's and dscore's collar; pyannote's is twice
    /// this)
    #[arg(long, default_value_t = 0.0)]
    collar: f64,
    /// Leave out regions where several reference speakers talk at once
    #[arg(long)]
    skip_overlap: bool,
}

pub(super) fn score(args: &DiarizationArgs) -> anyhow::Result<Report> {
    let reference = read_rttm(&args.reference)?;
    let mut hypothesis = read_rttm(&args.hypothesis)?;
    let regions = args.uem.as_ref().map(read_uem).transpose()?;
    if reference.is_empty() {
        bail!("{}: no SPEAKER lines", args.reference.display());
    }
    // Two files about one recording each are about the same one, whatever they call it.
    if let (1, 1, Some(name)) = (reference.len(), hypothesis.len(), reference.keys().next()) {
        hypothesis = hypothesis.into_values().map(|turns| (name.clone(), turns)).collect();
    }
    if let Some(stranger) = hypothesis.keys().find(|&name| !reference.contains_key(name)) {
        bail!(
            "{}: recording `{stranger}` is not in {} (there are: {})",
            args.hypothesis.display(),
            args.reference.display(),
            reference.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
        );
    }

    let scoring = DiarizationScoring::default().collar(args.collar).skip_overlap(args.skip_overlap);
    let mut table = Table::new(&[
        "recording",
        "DER %",
        "miss %",
        "false alarm %",
        "confusion %",
        "JER %",
        "purity %",
        "coverage %",
        "speakers",
        "found",
    ]);
    let mut files = serde_json::Map::new();
    let (mut errors, mut jaccard) = (DiarizationErrors::default(), JaccardErrors::default());
    let mut right_count = 0;
    for (name, turns) in &reference {
        let found = hypothesis.get(name).map_or(&[][..], Vec::as_slice);
        let regions = match &regions {
            None => None,
            Some(regions) => match regions.get(name) {
                Some(regions) => Some(regions.as_slice()),
                None => bail!("no regions for recording `{name}` in the UEM file"),
            },
        };
        let scores = scoring.evaluate(turns, found, regions)?;
        let (speakers, clusters) = (scores.reference_speakers.len(), scores.hypothesis_speakers.len());
        let mut cells = rates(&scores.errors, &scores.jaccard);
        cells.extend([percent(scores.purity()), percent(scores.coverage())]);
        cells.extend([speakers.to_string(), clusters.to_string()]);
        table.row(name.as_str(), cells);
        files.insert(name.clone(), file_json(&scores));
        errors += scores.errors;
        jaccard += scores.jaccard;
        right_count += usize::from(speakers == clusters);
    }
    table.row("all", rates(&errors, &jaccard));
    let overlap = if args.skip_overlap { "left out" } else { "scored" };
    let text = format!(
        "{}\ncollar {} s on each side, overlap {overlap}; number of speakers right in {right_count} of {} recordings\n",
        table.render(),
        args.collar,
        reference.len(),
    );
    let json = json!({
        "collar_each_side": args.collar,
        "skip_overlap": args.skip_overlap,
        "metrics": {
            "der": { "value": errors.rate(), "n": reference.len() },
            "jer": { "value": jaccard.rate(), "n": reference.len() },
            "speaker_count_accuracy": {
                "value": right_count as f64 / reference.len() as f64,
                "n": reference.len(),
            },
        },
        "errors": errors,
        "recordings": files,
    });
    Ok(Report { text, json })
}

fn percent(share: f64) -> String {
    format!("{:.2}", 100.0 * share)
}

fn rates(errors: &DiarizationErrors, jaccard: &JaccardErrors) -> Vec<String> {
    let part = |seconds: f64| if errors.total > 0.0 { percent(seconds / errors.total) } else { "-".into() };
    vec![
        percent(errors.rate()),
        part(errors.miss),
        part(errors.false_alarm),
        part(errors.confusion),
        percent(jaccard.rate()),
    ]
}

fn file_json(scores: &DiarizationScores) -> Value {
    json!({
        "der": scores.errors.rate(),
        "jer": scores.jaccard.rate(),
        "purity": scores.purity(),
        "coverage": scores.coverage(),
        "errors": scores.errors,
        "speakers": scores.reference_speakers.len(),
        "found": scores.hypothesis_speakers.len(),
        "mapping": scores.mapping,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_files_and_their_sum() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, lines: &[&str]| {
            let path = folder.path().join(name);
            let line = |turn: &&str| format!("SPEAKER {turn} <NA> <NA>\n");
            std::fs::write(&path, lines.iter().map(line).collect::<String>()).unwrap();
            path
        };
        let reference = write(
            "ref.rttm",
            &["a 1 0 6 <NA> <NA> anna", "a 1 6 4 <NA> <NA> ben", "b 1 0 10 <NA> <NA> cleo"],
        );
        let args = |hypothesis: PathBuf| DiarizationArgs {
            reference: reference.clone(),
            hypothesis,
            uem: None,
            collar: 0.0,
            skip_overlap: false,
        };
        let hypothesis = write("hyp.rttm", &["a 1 0 5 <NA> <NA> 1", "a 1 5 5 <NA> <NA> 2"]);
        let report = score(&args(hypothesis)).unwrap();
        assert_eq!(report.json["recordings"]["a"]["der"], 0.1);
        assert_eq!(report.json["recordings"]["b"]["der"], 1.0); // nothing was found in it
        assert_eq!(report.json["metrics"]["der"]["value"], 0.55);
        assert!(report.text.contains("55.00"), "{}", report.text);
        let strange = write("strange.rttm", &["c 1 0 5 <NA> <NA> 1"]);
        let message = score(&args(strange)).err().unwrap().to_string();
        assert!(message.contains("recording `c` is not in"), "{message}");
    }
}
