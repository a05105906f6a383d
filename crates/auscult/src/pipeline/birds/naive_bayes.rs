//! Gaussian naive Bayes, the paper's benchmark (2.4), with scikit-learn's `GaussianNB` conventions: biased
//! variances, raised by 1e-9 of the largest feature variance; priors are the class frequencies.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use crate::{Error, Result};

/// A fitted classifier.
#[derive(Clone, Debug)]
pub struct GaussianNaiveBayes {
    log_prior: Array1<f64>,
    mean: Array2<f64>,
    variance: Array2<f64>,
}

impl GaussianNaiveBayes {
    /// Fits on `examples` `[example, feature]` with `labels` below `classes`. Classes without examples are
    /// never predicted.
    ///
    /// # Errors
    /// [`Error::Data`] where there are no examples, or labels do not match them.
    pub fn fit(examples: ArrayView2<f32>, labels: &[usize], classes: usize) -> Result<Self> {
        let (count, features) = examples.dim();
        if count == 0 || labels.len() != count || labels.iter().any(|&label| label >= classes) {
            return Err(Error::Data(format!(
                "naive Bayes was given {count} examples and {} labels of {classes} classes",
                labels.len()
            )));
        }
        let mut mean = Array2::<f64>::zeros((classes, features));
        let mut variance = Array2::<f64>::zeros((classes, features));
        let mut members = Array1::<f64>::zeros(classes);
        for (example, &label) in examples.rows().into_iter().zip(labels) {
            members[label] += 1.0;
            mean.row_mut(label).zip_mut_with(&example, |sum, &x| *sum += f64::from(x));
        }
        for (class, &members) in members.iter().enumerate() {
            mean.row_mut(class).mapv_inplace(|sum| sum / members.max(1.0));
        }
        for (example, &label) in examples.rows().into_iter().zip(labels) {
            let mean = mean.row(label);
            let mut sum = variance.row_mut(label);
            for ((sum, &x), &mean) in sum.iter_mut().zip(example).zip(mean) {
                *sum += (f64::from(x) - mean).powi(2);
            }
        }
        for (class, &members) in members.iter().enumerate() {
            variance.row_mut(class).mapv_inplace(|sum| sum / members.max(1.0));
        }
        let smoothing = 1e-9 * examples.axis_iter(Axis(1)).map(variance_of).fold(0.0, f64::max);
        variance += smoothing.max(f64::MIN_POSITIVE);
        let log_prior = members.mapv(|members| (members / count as f64).ln());
        Ok(Self { log_prior, mean, variance })
    }

    /// Log joint probability of each class (up to the evidence), for `example` `[feature]`.
    #[must_use]
    pub fn joint_log_likelihood(&self, example: ArrayView1<f32>) -> Array1<f64> {
        let terms = self.mean.rows().into_iter().zip(self.variance.rows()).map(|(mean, variance)| {
            example
                .iter()
                .zip(mean)
                .zip(variance)
                .map(|((&x, &mean), &variance)| {
                    let distance = f64::from(x) - mean;
                    -0.5 * ((std::f64::consts::TAU * variance).ln() + distance * distance / variance)
                })
                .sum::<f64>()
        });
        self.log_prior.iter().zip(terms).map(|(prior, term)| prior + term).collect()
    }

    /// Class probabilities, summing to one.
    #[must_use]
    pub fn probabilities(&self, example: ArrayView1<f32>) -> Array1<f64> {
        let joint = self.joint_log_likelihood(example);
        let highest = joint.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
        let weights = joint.mapv(|value| (value - highest).exp());
        &weights / weights.sum()
    }
}

fn variance_of(column: ArrayView1<f32>) -> f64 {
    let count = column.len() as f64;
    let mean = column.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    column.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// scikit-learn 1.9.1: `GaussianNB().fit(X, y)`, then `_joint_log_likelihood([[0.5, -1.0], [2.0, 2.0]])`
    /// with X = [[-1, -1], [-2, -1], [-3, -2], [1, 1], [2, 1.5]], y = [0, 0, 0, 1, 1].
    #[test]
    fn agrees_with_scikit_learn() {
        let examples = array![[-1.0f32, -1.0], [-2.0, -1.0], [-3.0, -2.0], [1.0, 1.0], [2.0, 1.5]];
        let model = GaussianNaiveBayes::fit(examples.view(), &[0, 0, 0, 1, 1], 2).unwrap();
        let expected = [[-6.331431419995617, -43.17472403436379], [-38.39393099913312, -5.674726036443678]];
        for (example, expected) in [array![0.5f32, -1.0], array![2.0, 2.0]].iter().zip(expected) {
            for (ours, theirs) in model.joint_log_likelihood(example.view()).iter().zip(expected) {
                assert!((ours - theirs).abs() < 1e-9 * theirs.abs().max(1.0), "{ours} {theirs}");
            }
        }
    }

    #[test]
    fn constant_features_and_empty_classes_are_harmless() {
        let examples = array![[1.0f32, 0.0], [1.0, 1.0], [1.0, 4.0], [1.0, 5.0]];
        let model = GaussianNaiveBayes::fit(examples.view(), &[0, 0, 2, 2], 3).unwrap();
        let probabilities = model.probabilities(array![1.0f32, 4.4].view());
        assert!(probabilities.iter().all(|p| p.is_finite()));
        assert!(probabilities[2] > 0.99 && probabilities[1] == 0.0, "{probabilities}");
        assert!(GaussianNaiveBayes::fit(examples.view(), &[0], 3).is_err());
    }
}
