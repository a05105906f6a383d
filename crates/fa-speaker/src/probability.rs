//! From log-likelihood ratios to probabilities.

/// P(one speaker | both utterances) for a prior probability of one speaker: sigmoid(llr + logit(prior)), always within 0 to 1.
#[must_use]
pub fn posterior(llr: f64, prior: f64) -> f64 {
    1.0 / (1.0 + (-(llr + prior.ln() - (-prior).ln_1p())).exp())
}

/// The slides' P(H₁) = exp(LLR) / W among W equally likely speakers. Their integral stands for a sum over speakers, and is not
/// bounded by 1: where utterances tell speakers apart better than W of them lie, it exceeds 1. Rank by the LLR.
#[must_use]
pub fn paper_probability(llr: f64, speakers: f64) -> f64 {
    (llr - speakers.ln()).exp()
}
