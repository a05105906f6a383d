"""auscult-stft-mel against librosa: STFT, mel, log-mel and MFCC of ten minutes at 22,050 Hz, one thread each.

Run from the repository root: python benches/peers/stft_mel.py [ROUNDS]
The two take turns; each job counts its processor time, so that other work on the machine hardly matters, and the best
round of each is compared. Needs the packages of benches/peers/requirements.txt.
"""

import os

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[threads] = "1"

import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import librosa
import numpy as np
from ratios import built, row

RATE, SECONDS = 22050, 600
STFT = dict(n_fft=1024, hop_length=315)
GOALS = {"mel": 2, "mfcc": 2}


def peer_jobs(y):
    mel = lambda: librosa.feature.melspectrogram(y=y, sr=RATE, n_mels=80, **STFT)
    return {
        "stft": lambda: librosa.stft(y, **STFT),
        "mel": mel,
        "log_mel": lambda: librosa.power_to_db(mel()),
        "mfcc": lambda: librosa.feature.mfcc(y=y, sr=RATE),
    }


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    binary = built("logmel_bench", package="auscult-stft-mel")
    y = (0.1 * np.random.default_rng(0).standard_normal(RATE * SECONDS)).astype(np.float32)
    jobs = peer_jobs(y)
    for job in jobs.values():
        job()  # imports and caches
    ours, theirs = defaultdict(list), defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "signal.npy"
        np.save(path, y)
        for _ in range(rounds):
            output = subprocess.run([binary, path, "1"], check=True, stdout=subprocess.PIPE, text=True).stdout
            for name, seconds, _ in map(str.split, output.splitlines()):
                ours[name].append(float(seconds))
            for name, job in jobs.items():
                start = time.process_time()
                job()
                theirs[name].append(time.process_time() - start)
    for name in jobs:
        row(f"{name}, {SECONDS // 60} min", f"librosa {librosa.__version__}", min(ours[name]), min(theirs[name]), GOALS.get(name))


if __name__ == "__main__":
    main()
