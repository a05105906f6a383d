//! Microphone arrays. Any other list of points is one too.

use std::f64::consts::TAU;

use super::Point;

/// `count` microphones on a horizontal circle of the given `radius`, the first in the direction of x.
pub fn circular_array(centre: Point, radius: f64, count: usize) -> Vec<Point> {
    (0..count)
        .map(|index| {
            let (sine, cosine) = (TAU * index as f64 / count as f64).sin_cos();
            [centre[0] + radius * cosine, centre[1] + radius * sine, centre[2]]
        })
        .collect()
}

/// `count` microphones on a line along x, `spacing` apart, around `centre`.
pub fn linear_array(centre: Point, spacing: f64, count: usize) -> Vec<Point> {
    let middle = (count as f64 - 1.0) / 2.0;
    (0..count).map(|index| [centre[0] + (index as f64 - middle) * spacing, centre[1], centre[2]]).collect()
}
