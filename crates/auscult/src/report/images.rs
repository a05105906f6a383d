//! Pictures of matrices (spectrograms) as PNG, coloured by an approximation of matplotlib's `magma`.

use ndarray::ArrayView2;

/// `magma` sampled at nine equidistant levels; linear in between.
const MAGMA: [[f32; 3]; 9] = [
    [0., 0., 4.],
    [28., 16., 68.],
    [79., 18., 123.],
    [129., 37., 129.],
    [181., 54., 122.],
    [229., 80., 100.],
    [251., 135., 97.],
    [254., 194., 135.],
    [252., 253., 191.],
];

fn magma(level: f32) -> [u8; 3] {
    let position = level.clamp(0.0, 1.0) * (MAGMA.len() - 1) as f32;
    let below = (position as usize).min(MAGMA.len() - 2);
    let share = position - below as f32;
    std::array::from_fn(|c| (MAGMA[below][c] * (1.0 - share) + MAGMA[below + 1][c] * share).round() as u8)
}

/// A PNG of `values` `[column, row]`, e.g. a log-mel `[frame, mel]`: time runs right, the first row is at
/// the bottom, `low..high` spans the colours. Not finite values are black.
pub(crate) fn heat_map(values: ArrayView2<f32>, low: f32, high: f32) -> Vec<u8> {
    let (width, height) = values.dim();
    let mut pixels = Vec::with_capacity(width * height * 3);
    for row in (0..height).rev() {
        for column in 0..width {
            let level = (values[[column, row]] - low) / (high - low).max(f32::EPSILON);
            pixels.extend(magma(if level.is_finite() { level } else { 0.0 }));
        }
    }
    let mut png_bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut png_bytes, width.max(1) as u32, height.max(1) as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    if pixels.is_empty() {
        pixels = vec![0; 3];
    }
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
    debug_assert!(written.is_ok(), "writing a PNG to memory cannot fail: {written:?}");
    png_bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn heat_maps_have_time_to_the_right_and_low_rows_at_the_bottom() {
        let bytes = heat_map(array![[0.0f32, 1.0], [0.5, f32::NAN], [1.0, 0.0]].view(), 0.0, 1.0);
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (3, 2));
        let pixel = |x: usize, y: usize| &pixels[3 * (3 * y + x)..][..3];
        assert_eq!(pixel(0, 1), magma(0.0)); // first frame, first row: bottom left
        assert_eq!(pixel(0, 0), magma(1.0));
        assert_eq!(pixel(1, 1), magma(0.5));
        assert_eq!(pixel(1, 0), magma(0.0)); // NaN
        assert_eq!(pixel(2, 1), magma(1.0));
    }
}
