//! The only place where plain numbers become tensors and tensors become plain numbers.

use tch::{Kind, Tensor};

use crate::error::{During, Error, Result};

/// Copies row-major `values` of `shape` to `device`.
pub(crate) fn to_tensor(values: &[f32], shape: &[i64], device: tch::Device) -> Result<Tensor> {
    // tch trusts the shape with the pointer, so the length must be right.
    if shape.iter().product::<i64>() != values.len() as i64 {
        return Err(Error::Length { what: "a tensor", expected: format!("{shape:?}"), got: values.len() });
    }
    let flat = Tensor::f_from_slice(values).during("copying values in")?;
    flat.f_reshape(shape).and_then(|t| t.f_to_device(device)).during("moving a tensor to its device")
}

/// Copies a tensor's values out, row-major.
pub(crate) fn to_vec(tensor: &Tensor) -> Result<Vec<f32>> {
    let tensor = tensor
        .f_detach()
        .and_then(|t| t.f_to_device(tch::Device::Cpu))
        .and_then(|t| t.f_to_kind(Kind::Float))
        .and_then(|t| t.f_contiguous())
        .during("copying values out")?;
    let mut values = vec![0.0; tensor.numel()];
    let count = values.len();
    tensor.f_copy_data(&mut values, count).during("copying values out")?;
    Ok(values)
}

/// The value of a tensor with one element.
pub(crate) fn to_f64(tensor: &Tensor) -> Result<f64> {
    f64::try_from(tensor.detach()).during("reading one value")
}

/// For every row, the index of its greatest value (the first of equals).
pub(crate) fn argmax_rows(values: &[f32], columns: usize) -> impl Iterator<Item = usize> {
    values.chunks_exact(columns).map(|row| {
        let mut best = 0;
        for (index, value) in row.iter().enumerate() {
            if *value > row[best] {
                best = index;
            }
        }
        best
    })
}

/// Sizes as libtorch counts them.
pub(crate) fn dims(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|&size| size as i64).collect()
}
