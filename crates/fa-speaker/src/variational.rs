//! Resegmentation by variational Bayes: the voices, who has which piece of speech, and how many speakers there are, inferred
//! together (Kenny, "Bayesian Analysis of Speaker Diarization with Eigenvoice Priors", CRIM 2008; as a hidden Markov model:
//! Diez, Burget, Landini and Černocký, IEEE/ACM Transactions on Audio, Speech, and Language Processing 28, 2020).
//!
//! Each speaker is a state with a factor y of its own, y ~ N(0, I). A piece of speech keeps the speaker of the piece before with a
//! given probability, else the speaker is drawn anew by the shares. The posterior is approximated by one of pieces times
//! one of factors, and the two are improved in turn.

use ndarray::{Array2, Axis, s};
use serde::{Deserialize, Serialize};

use crate::error::{check_parameter, check_shape};
use crate::linear::{Cholesky, triangle};
use crate::{Error, Result, SpeakerStat};

/// How speakers and pieces are inferred together.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct VariationalParams {
    /// Most rounds (15).
    pub iterations: usize,
    /// Nats: a round that gains less is the last (0.01).
    pub tolerance: f64,
    /// Weight of the prior of a speaker's factor against the pieces (1: the model as it is). More of it makes fewer speakers: what the
    /// model does not know of a voice grows with the speech, and a prior that weighs as much in an hour as in a minute
    /// lets every mood of a voice be a speaker.
    pub penalty: f64,
    /// Speakers whose share falls below this are dropped (0.001); 0 keeps all.
    pub least_share: f64,
    /// How sure the start is of its labels (0.9).
    pub start_certainty: f64,
}

impl Default for VariationalParams {
    fn default() -> Self {
        Self { iterations: 15, tolerance: 0.01, penalty: 1.0, least_share: 1e-3, start_certainty: 0.9 }
    }
}

/// Who has which piece, as inferred.
#[derive(Clone, Debug, PartialEq)]
pub struct VariationalSpeakers {
    /// Probability of each speaker `[piece, speaker]`; rows sum to 1.
    pub responsibilities: Array2<f64>,
    /// The label at the start of each speaker that is left.
    pub kept: Vec<usize>,
    /// How often a turn is a speaker's; sums to 1.
    pub shares: Vec<f64>,
    /// Lower bound of the logarithm of the evidence (nats, relative to y = 0) after each round: it never falls, but where a speaker
    /// is dropped.
    pub lower_bounds: Vec<f64>,
}

impl VariationalSpeakers {
    /// The likeliest speaker of each piece, the first of equals.
    #[must_use]
    pub fn labels(&self) -> Vec<usize> {
        let likeliest = |row: ndarray::ArrayView1<f64>| {
            (0..row.len()).fold(0, |best, s| if row[s] > row[best] { s } else { best })
        };
        self.responsibilities.rows().into_iter().map(likeliest).collect()
    }
}

impl VariationalParams {
    /// Infers the speakers of `pieces`, in time order, from a first guess: labels from 0, or `None` where nothing is known.
    /// `stays[t]` is the probability that piece t follows t - 1 without a new draw of the speaker; the first is not looked at. The
    /// number of speakers only ever falls.
    ///
    /// # Errors
    /// Lengths that differ, another number of factors, probabilities that are none, parameters out of range.
    pub fn fit(
        &self,
        pieces: &[SpeakerStat],
        stays: &[f64],
        start: &[Option<usize>],
    ) -> Result<VariationalSpeakers> {
        self.check()?;
        check_shape("stays [piece]", &[stays.len()], &[pieces.len()])?;
        check_shape("start [piece]", &[start.len()], &[pieces.len()])?;
        let wrong = stays.iter().find(|stay| !(0.0..=1.0).contains(*stay));
        check_parameter(wrong.is_none(), "stays", wrong.unwrap_or(&0.0), "probabilities")?;
        let speakers = start.iter().flatten().max().map_or(1, |most| most + 1);
        let Some(first) = pieces.first() else {
            let responsibilities = Array2::zeros((0, 0));
            return Ok(VariationalSpeakers {
                responsibilities,
                kept: vec![],
                shares: vec![],
                lower_bounds: vec![],
            });
        };
        let factors = first.factors();
        let mut statistics = Array2::zeros((pieces.len(), triangle(factors) + factors));
        for (mut row, piece) in statistics.rows_mut().into_iter().zip(pieces) {
            check_shape("speaker factors", &[piece.factors()], &[factors])?;
            row.slice_mut(s![..triangle(factors)]).assign(&ndarray::aview1(piece.precision()));
            row.slice_mut(s![triangle(factors)..]).assign(&ndarray::aview1(piece.linear()));
        }
        let mut found = VariationalSpeakers {
            responsibilities: self.guess(start, speakers),
            kept: (0..speakers).collect(),
            shares: vec![1.0 / speakers as f64; speakers],
            lower_bounds: Vec::new(),
        };
        for _ in 0..self.iterations.max(1) {
            let (weights, divergence) = self.voices(&statistics, &found.responsibilities, factors)?;
            let evidence = found.turns(statistics.dot(&weights.t()), stays);
            let bound = evidence - self.penalty * divergence;
            let gained = found.lower_bounds.last().is_none_or(|last| bound > last + self.tolerance);
            found.lower_bounds.push(bound);
            if !found.drop_below(self.least_share) && !gained {
                break;
            }
        }
        Ok(found)
    }

    fn check(&self) -> Result<()> {
        let Self { penalty, least_share, start_certainty, tolerance, .. } = *self;
        let positive = penalty > 0.0 && penalty.is_finite();
        check_parameter(positive, "penalty", penalty, "a positive number, 1 or more")?;
        check_parameter(tolerance >= 0.0, "tolerance", tolerance, "nats, 0 or more")?;
        check_parameter((0.0..1.0).contains(&least_share), "least_share", least_share, "0 to less than 1")?;
        let sure = (0.0..=1.0).contains(&start_certainty);
        check_parameter(sure, "start_certainty", start_certainty, "0 to 1")
    }

    fn guess(&self, start: &[Option<usize>], speakers: usize) -> Array2<f64> {
        let even = 1.0 / speakers as f64;
        Array2::from_shape_fn((start.len(), speakers), |(t, s)| match start[t] {
            None => even,
            Some(label) => {
                (1.0 - self.start_certainty) * even + f64::from(u8::from(label == s)) * self.start_certainty
            }
        })
    }

    /// The posterior N(a, C) of each speaker's factor, and its divergence from the prior, summed over speakers. A row of
    /// weights times a piece's statistics is its expected log-likelihood, dᵀ a - ½ tr(P (C + a aᵀ)).
    fn voices(
        &self,
        statistics: &Array2<f64>,
        responsibilities: &Array2<f64>,
        factors: usize,
    ) -> Result<(Array2<f64>, f64)> {
        let mut weights = responsibilities.t().dot(statistics) / self.penalty;
        let mut divergence = 0.0;
        for mut row in weights.rows_mut() {
            let (precision, mut mean) = (row.slice(s![..triangle(factors)]).to_vec(), row.to_vec());
            mean.drain(..triangle(factors));
            let cholesky = Cholesky::new(&precision, factors, 1.0).ok_or(Error::Singular {
                what: "I + P",
                remedy: "P must be positive semidefinite: compute it from frames",
            })?;
            cholesky.solve(&mut mean);
            let covariance = cholesky.inverse();
            let trace: f64 = (0..factors).map(|i| covariance[triangle(i) + i]).sum();
            let square: f64 = mean.iter().map(|a| a * a).sum();
            divergence += 0.5 * (trace + square - factors as f64 + cholesky.log_determinant());
            for i in 0..factors {
                for j in 0..=i {
                    // Off the diagonal both halves of the matrix are in one entry.
                    let times = if i == j { -0.5 } else { -1.0 };
                    row[triangle(i) + j] = times * (covariance[triangle(i) + j] + mean[i] * mean[j]);
                }
                row[triangle(factors) + i] = mean[i];
            }
        }
        Ok((weights, divergence))
    }
}

impl VariationalSpeakers {
    /// Forward and backward through the pieces, from expected log-likelihoods `[piece, speaker]`: responsibilities and shares anew.
    /// Returns the logarithm of the evidence of the chain.
    fn turns(&mut self, log_likelihoods: Array2<f64>, stays: &[f64]) -> f64 {
        let mut likelihoods = log_likelihoods;
        let (pieces, speakers) = likelihoods.dim();
        let mut evidence = 0.0;
        for mut row in likelihoods.rows_mut() {
            let highest = row.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
            row.mapv_inplace(|value| (value - highest).exp());
            evidence += highest;
        }
        let shares = &self.shares;
        let forward = &mut self.responsibilities;
        let mut scales = vec![0.0; pieces];
        for t in 0..pieces {
            let mut sum = 0.0;
            for s in 0..speakers {
                let stayed = if t == 0 { 0.0 } else { stays[t] * forward[[t - 1, s]] };
                let drawn = if t == 0 { 1.0 } else { 1.0 - stays[t] };
                let value = (stayed + drawn * shares[s]) * likelihoods[[t, s]];
                forward[[t, s]] = value;
                sum += value;
            }
            // The likeliest speaker has likelihood 1, so that only a share of 0 could bring this to 0.
            scales[t] = sum.max(f64::MIN_POSITIVE);
            forward.row_mut(t).mapv_inplace(|value| value / scales[t]);
            evidence += scales[t].ln();
        }
        let mut draws = vec![0.0; speakers];
        let mut backward = vec![1.0; speakers];
        for t in (1..pieces).rev() {
            let ahead: Vec<f64> =
                (0..speakers).map(|s| likelihoods[[t, s]] * backward[s] / scales[t]).collect();
            let anew: f64 = shares.iter().zip(&ahead).map(|(share, ahead)| share * ahead).sum();
            for s in 0..speakers {
                draws[s] += (1.0 - stays[t]) * shares[s] * ahead[s];
                backward[s] = stays[t] * ahead[s] + (1.0 - stays[t]) * anew;
                forward[[t - 1, s]] *= backward[s];
            }
        }
        draws.iter_mut().zip(forward.row(0)).for_each(|(draws, first)| *draws += first);
        let all: f64 = draws.iter().sum();
        self.shares = draws.into_iter().map(|draws| draws / all).collect();
        evidence
    }

    /// Whether speakers of smaller shares were there, who are gone now.
    fn drop_below(&mut self, least: f64) -> bool {
        let left: Vec<usize> = (0..self.shares.len()).filter(|&s| self.shares[s] >= least).collect();
        if left.is_empty() || left.len() == self.shares.len() {
            return false;
        }
        self.responsibilities = self.responsibilities.select(Axis(1), &left);
        for mut row in self.responsibilities.rows_mut() {
            let sum = row.sum();
            let even = 1.0 / left.len() as f64;
            row.mapv_inplace(|value| if sum > 0.0 { value / sum } else { even });
        }
        let sum: f64 = left.iter().map(|&s| self.shares[s]).sum();
        self.shares = left.iter().map(|&s| self.shares[s] / sum).collect();
        self.kept = left.iter().map(|&s| self.kept[s]).collect();
        true
    }
}
