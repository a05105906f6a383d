//! Factorises a .npy matrix of non-negative `f64` [bin, frame] from a given start and prints the time as JSON:
//!
//! ```text
//! cargo run --release --example factorize -- X.npy W0.npy H0.npy mu|cd BETA f64|f32 ITERATIONS REPEATS [OUT]
//! ```
//! With `OUT`, writes OUT_W.npy and OUT_H.npy.
#![allow(clippy::print_stdout, reason = "a command prints its result")]

use auscult_nmf_family::ndarray::Array2;
use auscult_nmf_family::{Loss, Nmf, NmfParams, Real, Solver};
use ndarray_npy::{read_npy, write_npy};
use std::error::Error;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [x, w, h, solver, beta, precision, iterations, repeats, rest @ ..] = arguments.as_slice() else {
        return Err("usage: X.npy W0.npy H0.npy mu|cd BETA f64|f32 ITERATIONS REPEATS [OUT]".into());
    };
    let loss = match beta.parse::<f64>()? {
        2.0 => Loss::Euclidean,
        1.0 => Loss::KullbackLeibler,
        0.0 => Loss::ItakuraSaito,
        beta => Loss::Beta(beta),
    };
    let solver = if solver == "cd" { Solver::CoordinateDescent } else { Solver::Multiplicative };
    let iterations = iterations.parse()?;
    let params = NmfParams::new(1).loss(loss).solver(solver).iterations(iterations).tolerance(0.0);
    let params = params.check_every(iterations.max(1));
    let load = |path: &String| read_npy::<_, Array2<f64>>(path).map_err(|error| format!("{path}: {error}"));
    let (x, w, h, repeats) = (load(x)?, load(w)?, load(h)?, repeats.parse()?);
    let (w, h) = if precision == "f32" {
        let (w, h) =
            timed(&params, x.mapv(|x| x as f32), w.mapv(|w| w as f32), h.mapv(|h| h as f32), repeats)?;
        (w.mapv(f64::from), h.mapv(f64::from))
    } else {
        timed(&params, x, w, h, repeats)?
    };
    if let [out] = rest {
        write_npy(format!("{out}_W.npy"), &w)?;
        write_npy(format!("{out}_H.npy"), &h)?;
    }
    Ok(())
}

fn timed<T: Real>(
    params: &NmfParams,
    x: Array2<T>,
    w: Array2<T>,
    h: Array2<T>,
    repeats: usize,
) -> Result<(Array2<T>, Array2<T>), Box<dyn Error>> {
    let mut best = f64::INFINITY;
    let mut last: Option<Nmf<T>> = None;
    for _ in 0..repeats {
        let start = Instant::now();
        last = Some(params.fit_from(x.view(), w.view(), h.view())?);
        best = best.min(start.elapsed().as_secs_f64());
    }
    let fitted = last.ok_or("REPEATS must be at least 1")?;
    println!("{{\"seconds\": {best:.6}, \"objective\": {:.6}}}", fitted.objective());
    let (w, h) = fitted.into_factors();
    Ok((w.as_standard_layout().to_owned(), h.as_standard_layout().to_owned()))
}
