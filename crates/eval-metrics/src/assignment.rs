//! The assignment problem, for permutations of sources and mappings of speakers.

use ndarray::ArrayView2;

use crate::{Result, check};

/// The one-to-one assignment of rows to columns with the greatest total (the Hungarian method, in the shortest
/// augmenting path form of Jonker and Volgenant 1987): the column of each row, `None` for the rows left over when
/// there are more rows than columns.
///
/// The total equals that of `scipy.optimize.linear_sum_assignment(maximize=True)`; among assignments of equal total
/// the choice is deterministic, but may be another than scipy's.
///
/// # Errors
/// An entry that is NaN or infinite.
///
/// ```
/// # fn main() -> auscult_eval_metrics::Result<()> {
/// use auscult_eval_metrics::{maximum_assignment, ndarray::array};
/// let overlap = array![[5.0, 9.0, 1.0], [10.0, 3.0, 2.0]];
/// assert_eq!(maximum_assignment(overlap.view())?, [Some(1), Some(0)]);
/// # Ok(()) }
/// ```
pub fn maximum_assignment(gain: ArrayView2<f64>) -> Result<Vec<Option<usize>>> {
    check::finite("gain", gain.iter())?;
    let (rows, columns) = gain.dim();
    if rows <= columns {
        return Ok(assign(rows, columns, |i, j| -gain[[i, j]]).into_iter().map(Some).collect());
    }
    let mut column_of_row = vec![None; rows];
    for (column, row) in assign(columns, rows, |i, j| -gain[[j, i]]).into_iter().enumerate() {
        column_of_row[row] = Some(column);
    }
    Ok(column_of_row)
}

/// Minimum-cost column of each row, `rows <= columns`. Rows enter one at a time; each is matched along the cheapest
/// alternating path, found by Dijkstra on the reduced costs `cost - u - v >= 0`.
fn assign(rows: usize, columns: usize, cost: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    const FREE: usize = usize::MAX;
    let mut u = vec![0.0; rows];
    let mut v = vec![0.0; columns];
    let mut row_of_column = vec![FREE; columns];
    let mut column_of_row = vec![FREE; rows];
    for root in 0..rows {
        let mut distance = vec![f64::INFINITY; columns];
        let mut previous_row = vec![root; columns];
        let mut settled = vec![false; columns];
        let (mut row, mut reached) = (root, 0.0);
        let end = loop {
            let mut nearest: Option<usize> = None;
            for column in (0..columns).filter(|&column| !settled[column]) {
                let through = reached + cost(row, column) - u[row] - v[column];
                if through < distance[column] {
                    distance[column] = through;
                    previous_row[column] = row;
                }
                let nearer = nearest.is_none_or(|best| {
                    // Of equally near columns a free one ends the search.
                    (distance[column], row_of_column[column] != FREE)
                        < (distance[best], row_of_column[best] != FREE)
                });
                if nearer {
                    nearest = Some(column);
                }
            }
            // A free column remains while rows <= columns, and all costs are finite.
            let Some(column) = nearest else { unreachable!("more rows than columns") };
            settled[column] = true;
            reached = distance[column];
            if row_of_column[column] == FREE {
                break column;
            }
            row = row_of_column[column];
        };
        u[root] += reached;
        for column in (0..columns).filter(|&column| settled[column] && column != end) {
            u[row_of_column[column]] += reached - distance[column];
            v[column] -= reached - distance[column];
        }
        let mut column = end;
        loop {
            let row = previous_row[column];
            row_of_column[column] = row;
            let next = std::mem::replace(&mut column_of_row[row], column);
            if row == root {
                break;
            }
            column = next;
        }
    }
    column_of_row
}
