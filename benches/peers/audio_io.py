"""Resampling and reading, timed against librosa, soxr, scipy and soundfile on one thread.

    python benches/peers/audio_io.py        (from the workspace root, with benches/peers/requirements.txt installed)

Ours and the peer take turns on the same input; each row gives the least CPU time of all turns. A ratio above 1 means
we are faster. Needs ffmpeg for the compressed inputs; without it those rows are left out.
"""

import os

for variable in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"]:
    os.environ[variable] = "1"

import shutil
import subprocess
import tempfile
import time
from math import gcd
from pathlib import Path

import librosa
import numpy as np
import scipy.signal
import soundfile as sf
from ratios import row

TURNS = 15
SECONDS = 30


class Ours:
    def __init__(self, *job):
        target = os.environ.get("CARGO_TARGET_DIR", "target")
        binary = Path(target) / "release" / "examples" / "audio_io_timing"
        self.process = subprocess.Popen(
            [binary, *map(str, job)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def turn(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def race(name, job, **peers):
    ours = Ours(*job)
    best = {}
    for _ in range(TURNS):
        best["ours"] = min(best.get("ours", np.inf), ours.turn())
        for peer, work in peers.items():
            start = time.process_time()
            work()
            best[peer] = min(best.get(peer, np.inf), time.process_time() - start)
    ours.process.stdin.close()
    ours.process.wait()
    for peer in peers:
        row(name, peer, best["ours"], best[peer])


def main():
    build = ["cargo", "build", "--release", "--quiet", "-p", "auscult-benches", "--example", "audio_io_timing"]
    subprocess.run(build, check=True)

    for source, target in [(44100, 16000), (48000, 16000), (44100, 22050), (44100, 48000), (8000, 16000), (22050, 16000)]:
        x = np.sin(0.05 * np.arange(SECONDS * source)).astype(np.float32)
        g = gcd(source, target)
        race(
            f"resample {source} -> {target}",
            ("resample", source, target, SECONDS),
            soxr_hq=lambda: librosa.resample(x, orig_sr=source, target_sr=target, res_type="soxr_hq"),
            resample_poly=lambda: scipy.signal.resample_poly(x, target // g, source // g),
        )

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        rng = np.random.default_rng(0)
        music = np.cumsum(rng.standard_normal((SECONDS * 44100, 2)), 0)
        music = scipy.signal.lfilter([1, -1], [1, -0.99], music, 0)
        music = (0.5 * music / np.abs(music).max()).astype(np.float32)
        for name, subtype in [("i16", "PCM_16"), ("i24", "PCM_24"), ("f32", "FLOAT")]:
            sf.write(folder / f"{name}.wav", music, 44100, subtype=subtype)
        names = ["i16.wav", "i24.wav", "f32.wav"]
        if shutil.which("ffmpeg"):
            for name in ["a.flac", "a.mp3", "a.ogg"]:
                quality = ["-c:a", "libvorbis"] if name == "a.ogg" else []
                command = ["ffmpeg", "-v", "error", "-y", "-i", folder / "i16.wav", *quality, folder / name]
                subprocess.run(command, check=True)
                names.append(name)
        for name in names:
            path = folder / name
            race(f"read {name}", ("read", path), soundfile=lambda: sf.read(path, dtype="float32", always_2d=True)[0].T.copy())
            race(f"read {name} to 16k mono", ("speech", path), librosa=lambda: librosa.load(path, sr=16000))


if __name__ == "__main__":
    main()
