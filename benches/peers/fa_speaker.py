"""auscult-fa-speaker against NumPy, scikit-learn and librosa: all pairs, an EM step, the front end; one thread each.

Run from the repository root: python benches/peers/fa_speaker.py [ROUNDS]
The sides take turns, and the best round of each is compared. Needs the packages of benches/peers/requirements.txt.
"""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[variable] = "1"

import json
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import librosa
import numpy as np
from ratios import built, row
from sklearn.mixture import GaussianMixture

warnings.filterwarnings("ignore")
UTTERANCES, FACTORS = 2000, 20
FRAMES, FEATURES, COMPONENTS = 273_000, 26, 256
RATE, SECONDS = 8000, 767


def evidence(precision, linear):
    """phi of many utterances: batched Cholesky factorisation and solution."""
    factor = np.linalg.cholesky(precision + np.eye(FACTORS))
    w = np.linalg.solve(factor, linear[..., None])[..., 0]
    return -np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(-1) + 0.5 * (w * w).sum(-1)


def numpy_pairs(precision, linear, rows):
    own = evidence(precision, linear)
    for i in rows:
        yield evidence(precision[i] + precision[:i], linear[i] + linear[:i]) - own[i] - own[:i]


def em_seconds(frames, start):
    def fit(iterations):
        model = GaussianMixture(COMPONENTS, covariance_type="diag", means_init=start, max_iter=iterations, tol=0,
                                weights_init=np.full(COMPONENTS, 1 / COMPONENTS),
                                precisions_init=np.tile(1 / frames.var(0), (COMPONENTS, 1)))
        begin = time.perf_counter()
        model.fit(frames)
        return time.perf_counter() - begin

    short = fit(1)
    return (fit(4) - short) / 3


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    binary = built("fa_speaker_timing")
    rng = np.random.default_rng(0)
    g = 2 * rng.normal(size=(UTTERANCES, FACTORS, FACTORS))
    precision, linear = g @ g.transpose(0, 2, 1), 20 * rng.normal(size=(UTTERANCES, FACTORS))
    lower = np.tril_indices(FACTORS)
    centres = 3 * rng.normal(size=(COMPONENTS, FEATURES))
    frames = centres[rng.integers(0, COMPONENTS, FRAMES)] + rng.normal(size=(FRAMES, FEATURES))
    samples = (0.1 * rng.standard_normal(RATE * SECONDS)).astype(np.float32)

    def front_end():
        mfcc = librosa.feature.mfcc(y=samples, sr=RATE, n_mfcc=13, n_fft=256, win_length=200, hop_length=80, n_mels=23, htk=True)
        np.concatenate([mfcc, librosa.feature.delta(mfcc, width=5)])

    front_end()  # imports and caches
    best = {job: [np.inf, np.inf] for job in ("pairs", "em", "mfcc")}
    with tempfile.TemporaryDirectory() as folder:
        files = {name: str(Path(folder) / f"{name}.npy") for name in best}
        np.save(files["pairs"], np.concatenate([precision[:, lower[0], lower[1]], linear], 1))
        np.save(files["em"], frames)
        np.save(files["mfcc"], samples)
        numbers = dict(pairs=FACTORS, em=COMPONENTS, mfcc=RATE)
        rows = range(1, UTTERANCES, 20)  # a twentieth of the pairs: NumPy takes its time
        part = sum(rows)
        for _ in range(rounds):
            for job in best:
                output = subprocess.run([binary, job, files[job], str(numbers[job]), "1"], check=True, capture_output=True, text=True)
                ours = json.loads(output.stdout)
                best[job][0] = min(best[job][0], ours["seconds"])
                begin = time.perf_counter()
                if job == "pairs":
                    scores = list(numpy_pairs(precision, linear, rows))
                    theirs = (time.perf_counter() - begin) * (UTTERANCES * (UTTERANCES - 1) / 2) / part
                    assert abs(scores[0][0] - ours["values"][0]) < 1e-4 * abs(scores[0][0])
                elif job == "em":
                    theirs = em_seconds(frames, centres)
                else:
                    front_end()
                    theirs = time.perf_counter() - begin
                best[job][1] = min(best[job][1], theirs)
    pairs = UTTERANCES * (UTTERANCES - 1) / 2
    ours, theirs = (seconds / pairs for seconds in best["pairs"])
    row(f"a pair of all pairs, {FACTORS} factors", "NumPy", ours, theirs, 20)
    row(f"EM step, {COMPONENTS} Gaussians, {FRAMES} frames", "scikit-learn", *best["em"], 3)
    row(f"MFCC and deltas, {SECONDS} s at {RATE} Hz", "librosa", *best["mfcc"], 2)


if __name__ == "__main__":
    main()
