"""auscult-nmf-family against scikit-learn: NMF of a 257 x 9375 spectrogram, K = 20, from the same start, one thread.

Run from the repository root: python benches/peers/nmf_family.py [ROUNDS]
The two take turns; each counts its processor time, so that other work on the machine hardly matters, and the best
round of each is compared. Both must end at the same factors. Needs the packages of benches/peers/requirements.txt.
"""

import os

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[threads] = "1"

import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from ratios import built, row
from sklearn.decomposition import NMF

warnings.filterwarnings("ignore")
BINS, FRAMES, ATOMS = 257, 9375, 20
# Solver, beta, iterations, and the ratios wanted in f64 and f32.
JOBS = [
    ("mu", 2, 100, {"f64": 1.5, "f32": 3}),
    ("cd", 2, 100, {"f64": 2}),
    ("mu", 1, 40, {"f64": 5}),
    ("mu", 0, 40, {"f64": 5}),
]
LOSS = {2: "Euclidean", 1: "Kullback-Leibler", 0: "Itakura-Saito"}


def spectrogram(rng):
    """Sound-like: smooth atoms, activations that come and go, and the Rayleigh scatter of a noise spectrum."""
    bins = np.arange(BINS)
    w = np.stack([np.exp(-(((bins - rng.uniform(0, BINS)) / rng.uniform(4, 60)) ** 2)) for _ in range(30)], axis=1)
    h = rng.gamma(0.3, 1.0, (30, FRAMES))
    return (w @ h + 0.02) * rng.rayleigh(0.8, (BINS, FRAMES)) + 1e-6


def children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    binary = built("factorize", package="auscult-nmf-family")
    rng = np.random.default_rng(0)
    x = spectrogram(rng)
    scale = np.sqrt(x.mean() / ATOMS)
    w0, h0 = scale * abs(rng.standard_normal((BINS, ATOMS))), scale * abs(rng.standard_normal((ATOMS, FRAMES)))
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / name) for name in ("x.npy", "w.npy", "h.npy")]
        for path, matrix in zip(paths, (x, w0, h0)):
            np.save(path, matrix)

        def ours(solver, beta, precision, iterations, out=()):
            before = children()
            arguments = [binary, *paths, solver, str(beta), precision, str(iterations), "1", *out]
            subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
            return children() - before

        # What a process costs without iterations: reading, checking, converting.
        base = {precision: min(ours("mu", 2, precision, 0) for _ in range(3)) for precision in ("f64", "f32")}
        for solver, beta, iterations, goals in JOBS:
            model = NMF(ATOMS, init="custom", solver=solver, beta_loss=beta, max_iter=iterations, tol=0)
            theirs, best = np.inf, {"f64": np.inf, "f32": np.inf}
            for _ in range(rounds):
                start = time.process_time()
                w = model.fit_transform(x, W=w0.copy(), H=h0.copy())
                theirs = min(theirs, time.process_time() - start)
                for precision in best:
                    best[precision] = min(best[precision], ours(solver, beta, precision, iterations) - base[precision])
            prefix = str(Path(folder) / "out")
            ours(solver, beta, "f64", iterations, [prefix])
            difference = abs(np.load(prefix + "_W.npy") - w).max() / w.max()
            assert difference < 1e-9, f"the factors differ by {difference:.1e}"
            for precision, seconds in best.items():
                job = f"NMF {solver} {LOSS[beta]}, an iteration, {precision}"
                row(job, "scikit-learn, f64", seconds / iterations, theirs / iterations, goals.get(precision))


if __name__ == "__main__":
    main()
