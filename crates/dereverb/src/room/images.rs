//! The images of a source in the walls of a shoebox.

use super::Point;

/// Positions and gains of all images up to an order, each coordinate in a list of its own.
pub(super) struct Images {
    pub(super) x: Vec<f64>,
    pub(super) y: Vec<f64>,
    pub(super) z: Vec<f64>,
    /// What the walls leave of the amplitude.
    pub(super) gain: Vec<f64>,
}

impl Images {
    /// Every wall reflects with the amplitude `reflection`.
    ///
    /// Along each axis, image i lies in the i-th copy of the room: at i L + s where i is even, and mirrored at
    /// i L + (L - s) where it is odd, |i| reflections away.
    pub(super) fn new(size: Point, source: Point, reflection: f64, max_order: usize) -> Self {
        let max_order = max_order as i64;
        let at = |axis: usize, i: i64| {
            let offset = if i % 2 == 0 { source[axis] } else { size[axis] - source[axis] };
            i as f64 * size[axis] + offset
        };
        let mut images = Self { x: Vec::new(), y: Vec::new(), z: Vec::new(), gain: Vec::new() };
        for k in -max_order..=max_order {
            let rest = max_order - k.abs();
            for j in -rest..=rest {
                let rest = rest - j.abs();
                for i in -rest..=rest {
                    images.x.push(at(0, i));
                    images.y.push(at(1, j));
                    images.z.push(at(2, k));
                    images.gain.push(reflection.powi((i.abs() + j.abs() + k.abs()) as i32));
                }
            }
        }
        images
    }

    pub(super) fn len(&self) -> usize {
        self.gain.len()
    }
}
