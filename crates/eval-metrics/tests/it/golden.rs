//! Reading the golden files, and comparing with a report of the largest error.

use ndarray::Array2;
use serde_json::Value;

pub(crate) fn read(name: &str) -> Value {
    let path = format!("{}/tests/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap()
}

/// A number; "nan", "inf" and "-inf" are written as strings.
pub(crate) fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some(text) => text.parse().unwrap(),
        None => value.as_f64().unwrap_or_else(|| panic!("{value} is no number")),
    }
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(number).collect()
}

pub(crate) fn labels(value: &Value) -> Vec<usize> {
    list(value).iter().map(|v| v.as_u64().unwrap() as usize).collect()
}

pub(crate) fn flags(value: &Value) -> Vec<bool> {
    list(value).iter().map(|v| v.as_bool().unwrap()).collect()
}

pub(crate) fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}

pub(crate) fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = list(value).iter().map(numbers).collect();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j])
}

/// Collects the errors of one function and asserts that the largest is within tolerance.
///
/// `cargo test -- --nocapture` prints the table of the README.
pub(crate) struct Parity {
    name: &'static str,
    tolerance: f64,
    worst: f64,
}

impl Parity {
    pub(crate) fn new(name: &'static str, tolerance: f64) -> Self {
        Self { name, tolerance, worst: 0.0 }
    }

    pub(crate) fn check(&mut self, ours: f64, expected: f64) {
        let same = ours == expected || (ours.is_nan() && expected.is_nan());
        let error = if same { 0.0 } else { (ours - expected).abs() };
        assert!(error <= self.tolerance, "{}: {ours} instead of {expected}", self.name);
        self.worst = self.worst.max(error);
    }

    pub(crate) fn check_all(&mut self, ours: &[f64], expected: &[f64]) {
        assert_eq!(ours.len(), expected.len(), "{}", self.name);
        for (&a, &b) in ours.iter().zip(expected) {
            self.check(a, b);
        }
    }
}

impl Drop for Parity {
    fn drop(&mut self) {
        println!("parity | {} | {:.1e}", self.name, self.worst);
    }
}
