//! From features to turns: change detection, comparison, clustering, inference, resegmentation.

use std::ops::Range;

use auscult_fa_speaker::{
    BoundedEvidenceRatio, Dendrogram, SpeakerModel, SpeakerStat, Statistics, VariationalParams,
    VariationalSpeakers, agglomerate,
};
use ndarray::{Array2, Axis, s};
use rayon::prelude::*;

use super::front_end::{FRAME_RATE, Speech};
use super::model::Tuned;
use super::recipe::Diarization;
use crate::{Error, Result};

/// How many speakers there may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpeakerCount {
    /// As many as the threshold says.
    #[default]
    Automatic,
    /// This many, where there is speech for them.
    Known(usize),
}

/// Bytes a matrix of distances may take: some 11,000 segments.
const MATRIX: usize = 256 << 20;
/// Relevance factor of the models that frames are given to in the end.
const RELEVANCE: f64 = 16.0;
/// Seconds of speech that make a speaker of the longest recording.
const ENOUGH: f64 = 12.0;
/// Frames a segment must have to start a cluster: shorter ones are given to others at the end.
const LEAST_SEGMENT: usize = 20;

/// Speech cut into segments of, it is hoped, one speaker each.
pub(crate) struct Segments<'a> {
    speech: &'a Speech,
    /// First frame and the one after the last.
    spans: Vec<(usize, usize)>,
    statistics: Vec<Statistics>,
}

/// A turn: first frame, the one after the last, speaker.
pub(crate) type Turn = (usize, usize, usize);

fn failed<E: std::error::Error + Send + Sync + 'static>(error: E) -> Error {
    Error::part("diarization")(error)
}

impl<'a> Segments<'a> {
    /// Cuts each stretch of speech where the speaker may have changed.
    pub(crate) fn new(model: &SpeakerModel, speech: &'a Speech, settings: &Diarization) -> Result<Self> {
        let mut spans = Vec::new();
        let mut frame = 0;
        while frame < speech.speech.len() {
            let end = (frame..speech.speech.len()).find(|&t| speech.speech[t] != speech.speech[frame]);
            let end = end.unwrap_or(speech.speech.len());
            if speech.speech[frame] {
                let stretch = speech.features.slice(s![frame..end, ..]);
                let cut = settings.change.segments(stretch).map_err(failed)?;
                spans.extend(cut.into_iter().map(|(from, to)| (frame + from, frame + to)));
            }
            frame = end;
        }
        let long: Vec<(usize, usize)> =
            spans.iter().copied().filter(|(from, to)| to - from >= LEAST_SEGMENT).collect();
        // Where all is short, that is what there is.
        let spans = if long.is_empty() { spans } else { long };
        let statistics = spans
            .iter()
            .map(|&(from, to)| model.statistics(speech.features.slice(s![from..to, ..])))
            .collect::<Result<_, _>>()
            .map_err(failed)?;
        Ok(Self { speech, spans, statistics })
    }

    /// The clustering of the segments by the comparison, evidence scaled as the model says.
    pub(crate) fn cluster(&self, model: &SpeakerModel, most_evidence: f64) -> Result<Dendrogram> {
        cluster(model, &self.statistics, most_evidence)
    }

    /// Frames of speech that make a speaker.
    fn least(&self, settings: &Diarization) -> f64 {
        let all: f64 = self.statistics.iter().map(Statistics::frames).sum();
        (settings.least_share * all).min(ENOUGH * FRAME_RATE).max(settings.least_speaker * FRAME_RATE)
    }

    /// The speaker of each segment to start from. A clustering leaves odd bits alone to the last, and the longer the recording, the more of
    /// them: what is beyond the number of speakers, or of starts, has no label here and is given to speakers in the end.
    pub(crate) fn labels(
        &self,
        tree: &Dendrogram,
        threshold: f64,
        count: SpeakerCount,
        settings: &Diarization,
    ) -> Vec<Option<usize>> {
        let least = self.least(settings);
        let speech = |labels: &[usize]| {
            let mut frames = vec![0.0; labels.iter().max().map_or(0, |most| most + 1)];
            labels.iter().zip(&self.statistics).for_each(|(&label, one)| frames[label] += one.frames());
            frames
        };
        let enough = |labels: &[usize]| speech(labels).iter().filter(|&&frames| frames >= least).count();
        let (labels, most) = match count {
            // Any cluster may turn out to be a speaker.
            SpeakerCount::Automatic => (cut(tree, threshold, count), MOST_STARTS),
            // The fewest clusters among which there are so many speakers; the odd bits come on top.
            SpeakerCount::Known(count) => {
                let mut cuts = (count..=tree.leaves()).map(|clusters| tree.cut_at_count(clusters));
                let labels = cuts.find(|labels| enough(labels) >= count);
                (labels.unwrap_or_else(|| tree.cut_at_count(count)), count)
            }
        };
        let frames = speech(&labels);
        let mut speakers: Vec<usize> = (0..frames.len()).collect();
        speakers.sort_by(|&a, &b| frames[b].total_cmp(&frames[a]));
        speakers.truncate(most.max(1));
        speakers.sort_unstable();
        labels.iter().map(|label| speakers.iter().position(|speaker| speaker == label)).collect()
    }

    /// Speakers and turns inferred together from the labels on, then every frame of speech given to the best path through the
    /// speakers' adapted mixtures: turns, and what each speaker said.
    pub(crate) fn resegmented(
        &self,
        model: &SpeakerModel,
        labels: &[Option<usize>],
        unpenalised: f64,
        count: SpeakerCount,
        settings: &Diarization,
    ) -> Result<(Vec<Turn>, Vec<Statistics>)> {
        let frames = self.speech.voiced();
        let places = self.speech.places();
        if labels.iter().all(Option::is_none) || places.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let speakers = self.inferred(model, labels, unpenalised, count, settings)?;
        let path = match speakers.len() {
            1 => vec![0; places.len()],
            _ => {
                let mut scores = Array2::zeros((places.len(), speakers.len()));
                for (mut column, speaker) in scores.columns_mut().into_iter().zip(&speakers) {
                    let adapted = model.ubm().adapted(speaker, RELEVANCE).map_err(failed)?;
                    column.assign(&adapted.log_likelihoods(frames.view()).map_err(failed)?);
                }
                settings.viterbi.path(scores.view(), &places).map_err(failed)?
            }
        };
        let said = |speaker: usize| -> Result<Statistics> {
            let rows: Vec<usize> = (0..path.len()).filter(|&t| path[t] == speaker).collect();
            model.statistics(frames.select(Axis(0), &rows).view()).map_err(failed)
        };
        let said = (0..speakers.len()).map(said).collect::<Result<_>>()?;
        let turns = places.iter().zip(&path).map(|(&frame, &label)| (frame, frame + 1, label));
        Ok((filled(turns, 0.0), said))
    }

    /// What each speaker said, by inference from the labels on; who said too little is none, and what they said is others'.
    fn inferred(
        &self,
        model: &SpeakerModel,
        labels: &[Option<usize>],
        unpenalised: f64,
        count: SpeakerCount,
        settings: &Diarization,
    ) -> Result<Vec<Statistics>> {
        let places = self.speech.places();
        let frames = self.speech.voiced();
        let pieces = pieces(&places);
        let heard = pieces
            .par_iter()
            .map(|piece| model.stat(&model.statistics(frames.slice(s![piece.clone(), ..]))?))
            .collect::<Result<Vec<SpeakerStat>, _>>()
            .map_err(failed)?;
        let mut start = vec![None; self.speech.speech.len()];
        for (&(from, to), &label) in self.spans.iter().zip(labels) {
            start[from..to].fill(label);
        }
        let start: Vec<_> = pieces.iter().map(|piece| start[places[(piece.start + piece.end) / 2]]).collect();
        let turn = settings.turn * FRAME_RATE;
        let stays: Vec<f64> = pieces
            .iter()
            .map(|piece| {
                let before = piece.start.checked_sub(1).map_or(0, |before| places[before]);
                let paused = places[piece.start] - before > settings.viterbi.pause;
                if paused { settings.resumes } else { (-(piece.len() as f64) / turn).exp() }
            })
            .collect();
        let speech = places.len() as f64;
        let found = infer(&heard, speech, &stays, &start, unpenalised, count, &settings.variational)?;
        let rows = |speakers: &[usize]| {
            let mut rows: Vec<Vec<usize>> = vec![Vec::new(); speakers.len()];
            for (row, piece) in found.responsibilities.rows().into_iter().zip(&pieces) {
                let likeliest = (0..speakers.len())
                    .fold(0, |best, s| if row[speakers[s]] > row[speakers[best]] { s } else { best });
                rows[likeliest].extend(piece.clone());
            }
            rows
        };
        let all: Vec<usize> = (0..found.shares.len()).collect();
        let first = rows(&all);
        // Where there is little speech, the loudest is somebody.
        let most = first.iter().map(Vec::len).max().unwrap_or(0);
        let least = self.least(settings).min(most as f64);
        let enough: Vec<usize> = all.into_iter().filter(|&s| first[s].len() as f64 >= least).collect();
        rows(&enough)
            .into_iter()
            .map(|rows| model.statistics(frames.select(Axis(0), &rows).view()).map_err(failed))
            .collect()
    }
}

/// Runs of speech frames without a gap, cut into pieces.
fn pieces(places: &[usize]) -> Vec<Range<usize>> {
    let mut pieces: Vec<Range<usize>> = Vec::new();
    for (t, &place) in places.iter().enumerate() {
        match pieces.last_mut() {
            Some(last) if last.len() < PIECE && places[t - 1] + 1 == place => last.end += 1,
            _ => pieces.push(t..t + 1),
        }
    }
    pieces
}

/// Speakers of items inferred together with the voices; the more frames of speech, the heavier the prior of a voice.
fn infer(
    heard: &[SpeakerStat],
    speech: f64,
    stays: &[f64],
    start: &[Option<usize>],
    unpenalised: f64,
    count: SpeakerCount,
    params: &VariationalParams,
) -> Result<VariationalSpeakers> {
    let mut params = params.clone();
    params.penalty *= (speech / (unpenalised * FRAME_RATE)).max(1.0);
    if matches!(count, SpeakerCount::Known(_)) {
        params.least_share = 0.0;
    }
    params.fit(heard, stays, start).map_err(failed)
}

/// Frames of a piece that has one speaker.
const PIECE: usize = 10;
/// Speakers that inference starts with at most: beyond, the clusters of least speech wait for an owner.
const MOST_STARTS: usize = 40;

/// Turns of one speaker that touch or are at most `fill` seconds apart become one; a pause between two speakers is nobody's.
pub(crate) fn filled(turns: impl IntoIterator<Item = Turn>, fill: f64) -> Vec<Turn> {
    let fill = (fill * FRAME_RATE).round() as usize;
    let mut joined: Vec<Turn> = Vec::new();
    for (from, to, label) in turns {
        match joined.last_mut() {
            Some(last) if last.2 == label && from <= last.1 + fill => last.1 = to,
            _ => joined.push((from, to, label)),
        }
    }
    joined
}

/// Labels for a clustering.
pub(crate) fn cut(tree: &Dendrogram, threshold: f64, count: SpeakerCount) -> Vec<usize> {
    match count {
        // Distances are negative log-likelihood ratios.
        SpeakerCount::Automatic => tree.cut_at_distance(-threshold, 1, usize::MAX),
        SpeakerCount::Known(count) => tree.cut_at_count(count),
    }
}

/// One clustering of clusters from several blocks of a long recording, as of pieces whose order says nothing: a speaker number for each.
pub(crate) fn across_blocks(
    model: &SpeakerModel,
    clusters: &[Statistics],
    tuned: &Tuned,
    count: SpeakerCount,
    settings: &Diarization,
) -> Result<Vec<usize>> {
    let labels = cut(&cluster(model, clusters, tuned.most_evidence)?, tuned.threshold, count);
    let start: Vec<_> = labels.into_iter().map(Some).collect();
    let stays = vec![0.0; clusters.len()];
    let heard = clusters.iter().map(|one| model.stat(one)).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let speech = clusters.iter().map(Statistics::frames).sum();
    let found = infer(&heard, speech, &stays, &start, tuned.unpenalised, count, &settings.variational)?;
    Ok(found.labels())
}

fn cluster(model: &SpeakerModel, items: &[Statistics], most_evidence: f64) -> Result<Dendrogram> {
    let comparison = BoundedEvidenceRatio::new(most_evidence * FRAME_RATE).map_err(failed)?;
    let items = items.iter().map(|one| comparison.item(model.stat(one)?, one.frames()));
    let items = items.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    agglomerate(&comparison, &items, MATRIX).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::filled;

    #[test]
    fn short_pauses_of_a_speaker_belong_to_the_turn() {
        let turns = vec![(0, 10, 0), (12, 20, 0), (24, 30, 1), (60, 70, 1)];
        assert_eq!(filled(turns.clone(), 0.05), [(0, 20, 0), (24, 30, 1), (60, 70, 1)]);
        assert_eq!(filled(turns.clone(), 0.3).last(), Some(&(24, 70, 1)));
        assert_eq!(filled(turns.clone(), 0.0), turns);
        assert!(filled(Vec::new(), 0.05).is_empty());
    }
}
