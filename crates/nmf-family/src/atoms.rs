//! The other half of every iteration: update the atoms from the sums over the frames.

use crate::Real;
use crate::activations::{Atoms, Rule, Statistics, step, sweep};
use crate::rows::Rows;
use crate::simd::dot;

/// Updates all atoms but the first `fixed` ones; returns the violation seen by coordinate descent.
pub(crate) fn update<T: Real>(
    atoms: &mut Atoms<T>,
    statistics: &Statistics<T>,
    rule: &Rule,
    fixed: usize,
) -> f64 {
    let mut by_atom = std::mem::replace(&mut atoms.by_atom, Rows::zeros(0, 1));
    let before: Vec<Vec<T>> = (0..fixed).map(|atom| by_atom.row(atom).to_vec()).collect();
    let violation = if rule.coordinate_descent {
        descend(&mut by_atom, statistics, rule, fixed)
    } else {
        let denominator = denominator(&by_atom, statistics, rule);
        let zero_tiny = rule.loss.beta() < 1.0;
        step(by_atom.data_mut(), statistics.numerator.data(), denominator.data(), rule, zero_tiny);
        0.0
    };
    for (atom, row) in before.iter().enumerate() {
        by_atom.row_mut(atom).copy_from_slice(row);
    }
    *atoms = Atoms::new(by_atom);
    violation
}

/// The denominator of the multiplicative step, [atom, bin].
pub(crate) fn denominator<T: Real>(by_atom: &Rows<T>, statistics: &Statistics<T>, rule: &Rule) -> Rows<T> {
    let mut denominator = Rows::zeros(by_atom.rows(), by_atom.columns());
    match rule.loss.beta() {
        2.0 => statistics.denominator.view().times(by_atom.view(), denominator.view_mut()),
        1.0 => {
            for atom in 0..by_atom.rows() {
                denominator.row_mut(atom).fill(statistics.denominator.row(atom)[0]);
            }
        }
        _ => denominator.clone_from(&statistics.denominator),
    }
    denominator
}

fn descend<T: Real>(by_atom: &mut Rows<T>, statistics: &Statistics<T>, rule: &Rule, fixed: usize) -> f64 {
    let stride = by_atom.view().width;
    let l1 = T::of(rule.penalty.l1);
    let mut b = statistics.numerator.clone();
    if l1 != T::zero() {
        b.data_mut().iter_mut().for_each(|b| *b -= l1);
    }
    let bins = by_atom.columns();
    sweep(by_atom.data_mut(), b.data(), stride, bins, &statistics.denominator, rule.penalty.l2, fixed)
}

/// ½ |X - W H|² = ½ |X|² - <W, X Hᵗ> + ½ <Wᵀ W, H Hᵗ>, from the sums alone.
pub(crate) fn euclidean_objective<T: Real>(energy: f64, atoms: &Atoms<T>, statistics: &Statistics<T>) -> f64 {
    debug_assert_eq!(statistics.denominator.columns(), atoms.gram.columns());
    let inner =
        |a: &Rows<T>, b: &Rows<T>| -> f64 { (0..a.rows()).map(|r| dot(a.row(r), b.row(r)).wide()).sum() };
    0.5 * energy - inner(&atoms.by_atom, &statistics.numerator)
        + 0.5 * inner(&atoms.gram, &statistics.denominator)
}

/// Whether that objective has lost its digits to cancellation and must be summed entry by entry.
pub(crate) fn cancels<T: Real>(objective: f64, energy: f64) -> bool {
    objective < energy * T::epsilon().wide().sqrt() * 1e-2
}
