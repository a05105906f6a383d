//! Conversations put together from utterances of single speakers, so that the truth is known.

use auscult_eval_metrics::Segment;
use ndarray::{Array2, s};

use super::corpus::Utterance;
use super::front_end::FRAME_RATE;
use super::recipe::Protocol;
use crate::random::Random;

/// Segments of speech whose boundaries are given, as in the slides' experiment.
#[derive(Clone, Debug)]
pub(crate) struct Turns {
    /// Speech frames of each segment.
    pub(crate) segments: Vec<Array2<f32>>,
    /// Speaker of each segment, from 0.
    pub(crate) speakers: Vec<usize>,
}

/// Least and most seconds of speech in a segment.
const SEGMENT: (f64, f64) = (0.6, 6.0);

/// A sum of four exponentials, of mean `mean`: lengths scatter by half of it.
fn gamma(random: &mut Random, mean: f64) -> f64 {
    -(0..4).map(|_| (1.0 - random.uniform()).ln()).sum::<f64>() * mean / 4.0
}

/// Half the conversations have the fewest speakers, the others fall off to the most: CALLHOME's shares.
fn speaker_count(random: &mut Random, protocol: &Protocol) -> usize {
    let (least, most) = protocol.speakers;
    let draw = random.uniform();
    let steps = [0.4, 0.7, 0.8, 0.87, 0.94];
    (least + steps.iter().filter(|&&step| draw >= step).count()).min(most)
}

/// Cuts utterances into segments of about `protocol.segment` seconds; what is left over at the end is a segment too where it is long
/// enough.
pub(crate) fn cut_segments(
    utterances: &[&Utterance],
    protocol: &Protocol,
    random: &mut Random,
) -> Vec<Array2<f32>> {
    let mut segments = Vec::new();
    for utterance in utterances {
        let frames = utterance.frames.nrows();
        let mut start = 0;
        while frames - start >= (SEGMENT.0 * FRAME_RATE) as usize {
            let seconds = gamma(random, protocol.segment).clamp(SEGMENT.0, SEGMENT.1);
            let end = (start + (seconds * FRAME_RATE) as usize).min(frames);
            segments.push(utterance.frames.slice(s![start..end, ..]).to_owned());
            start = end;
        }
    }
    segments
}

/// A conversation of some of `speakers`; no frame is in two segments.
pub(crate) fn turns(speakers: &[Vec<&Utterance>], protocol: &Protocol, random: &mut Random) -> Turns {
    let count = speaker_count(random, protocol);
    let mut order: Vec<usize> = (0..speakers.len()).collect();
    random.shuffle(&mut order);
    let mut pools: Vec<Vec<Array2<f32>>> = order[..count.min(order.len())]
        .iter()
        .map(|&speaker| {
            let mut segments = cut_segments(&speakers[speaker], protocol, random);
            random.shuffle(&mut segments);
            segments
        })
        .collect();
    // Some speak more than others.
    let shares: Vec<f64> = pools.iter().map(|_| gamma(random, 1.0)).collect();
    let (least, most) = protocol.segments;
    let wanted = least + random.below(most - least + 1);
    let mut conversation = Turns { segments: Vec::new(), speakers: Vec::new() };
    for turn in 0..wanted {
        // Everybody speaks once.
        let speaker = if turn < pools.len() { turn } else { weighted(&shares, random) };
        if let Some(segment) = pools[speaker].pop() {
            conversation.segments.push(segment);
            conversation.speakers.push(speaker);
        }
    }
    conversation
}

fn weighted(shares: &[f64], random: &mut Random) -> usize {
    let mut left = random.uniform() * shares.iter().sum::<f64>();
    let drawn = shares.iter().position(|share| {
        left -= share;
        left < 0.0
    });
    drawn.unwrap_or(0)
}

/// A conversation as sound, with its turns.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    /// Mono.
    pub(crate) samples: Vec<f32>,
    pub(crate) turns: Vec<Segment>,
}

/// Seconds of a turn, least and most, and the mean.
const TURN: (f64, f64, f64) = (0.8, 9.0, 3.6);
/// Seconds of a pause between turns, least and most.
const PAUSE: (f64, f64) = (0.1, 0.5);
/// Standard deviation of the noise in pauses: -60 dB.
const NOISE: f64 = 1e-3;

/// A conversation in sound: turns of the speakers one after the other, pauses between, no overlap, until their speech is used up and
/// `least_seconds` are over: before that they say it again, cut elsewhere. All speak equally loudly.
pub(crate) fn conversation(
    speakers: &[Vec<&Utterance>],
    protocol: &Protocol,
    rate: u32,
    least_seconds: f64,
    random: &mut Random,
) -> Conversation {
    let count = speaker_count(random, protocol);
    let mut order: Vec<usize> = (0..speakers.len()).collect();
    random.shuffle(&mut order);
    let rate = f64::from(rate);
    let sources: Vec<(usize, Vec<f32>)> = order[..count.min(order.len())]
        .iter()
        .map(|&speaker| {
            let mut samples: Vec<f32> = speakers[speaker]
                .iter()
                .take(protocol.segments.1)
                .flat_map(|one| &one.samples)
                .copied()
                .collect();
            let peak = samples.iter().fold(1e-9_f32, |peak, sample| peak.max(sample.abs()));
            samples.iter_mut().for_each(|sample| *sample *= 0.5 / peak);
            (speaker, samples)
        })
        .collect();
    let mut positions = vec![0; sources.len()];
    let mut conversation = Conversation { samples: Vec::new(), turns: Vec::new() };
    let mut last = None;
    let most = protocol.segments.1;
    let least_length = (least_seconds * rate) as usize;
    while conversation.turns.len() < most || conversation.samples.len() < least_length {
        let length = |random: &mut Random| (gamma(random, TURN.2).clamp(TURN.0, TURN.1) * rate) as usize;
        // Who has not spoken last and has speech left.
        let least = (TURN.0 * rate) as usize;
        let able: Vec<usize> = (0..sources.len())
            .filter(|&s| Some(s) != last || sources.len() == 1)
            .filter(|&s| sources[s].1.len() - positions[s] >= least)
            .collect();
        if able.is_empty() {
            if conversation.samples.len() >= least_length || positions.iter().all(|&position| position == 0) {
                break;
            }
            positions.fill(0);
            continue;
        }
        // Everybody speaks once before anybody goes on.
        let silent = able.iter().copied().find(|&s| positions[s] == 0);
        let speaker = silent.unwrap_or_else(|| able[random.below(able.len())]);
        let source = &sources[speaker].1;
        let end = (positions[speaker] + length(random)).min(source.len());
        let start = conversation.samples.len() as f64 / rate;
        conversation.samples.extend(&source[positions[speaker]..end]);
        positions[speaker] = end;
        let stop = conversation.samples.len() as f64 / rate;
        conversation.turns.push(Segment::new(start, stop, sources[speaker].0.to_string()));
        let pause = (random.between(PAUSE.0, PAUSE.1) * rate) as usize;
        conversation.samples.extend((0..pause).map(|_| (NOISE * random.normal()) as f32));
        last = Some(speaker);
    }
    conversation
}

#[cfg(test)]
mod tests {
    use super::super::corpus::Part;
    use super::*;

    fn utterance(speaker: usize, seconds: f64) -> Utterance {
        let frames = Array2::from_elem(((seconds * 100.0) as usize, 2), speaker as f32);
        let samples = vec![0.1 * (speaker + 1) as f32; (seconds * 8000.0) as usize];
        Utterance { speaker, part: Part::Evaluation, samples, frames }
    }

    #[test]
    fn conversations_are_told_by_their_truth() {
        let utterances: Vec<Utterance> = (0..9).map(|speaker| utterance(speaker, 20.0)).collect();
        let speakers: Vec<Vec<&Utterance>> = utterances.iter().map(|one| vec![one]).collect();
        let protocol = Protocol::default();
        let mut counts = [0; 8];
        for draw in 0..200 {
            let made = turns(&speakers, &protocol, &mut Random::keyed(&[draw]));
            let voices: std::collections::BTreeSet<usize> = made.speakers.iter().copied().collect();
            counts[voices.len()] += 1;
            for (segment, &speaker) in made.segments.iter().zip(&made.speakers) {
                let voice = segment[[0, 0]];
                assert!(segment.iter().all(|&x| x == voice));
                let first = made.speakers.iter().position(|&s| s == speaker).unwrap();
                assert_eq!(made.segments[first][[0, 0]], voice);
            }
        }
        assert!(
            counts[2] > 60 && counts[3] > 40 && counts[7] > 2 && counts[0] + counts[1] == 0,
            "{counts:?}"
        );
        let sound = conversation(&speakers, &protocol, 8000, 0.0, &mut Random::keyed(&[7]));
        assert!(
            sound.turns.windows(2).all(|pair| pair[0].end < pair[1].start && pair[0].label != pair[1].label)
        );
        let last = sound.turns.last().unwrap();
        assert!(sound.samples.len() as f64 / 8000.0 > last.end);
        let long = conversation(&speakers, &protocol, 8000, 500.0, &mut Random::keyed(&[7]));
        assert!(long.samples.len() >= 500 * 8000 && sound.samples.len() < 400 * 8000);
        assert!(conversation(&[vec![]], &protocol, 8000, 500.0, &mut Random::keyed(&[7])).turns.is_empty());
    }
}
