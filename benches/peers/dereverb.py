"""auscult-dereverb against nara_wpe: 8 channels, 10 s at 16 kHz, 512/256 windows, 10 taps, delay 3, 3 iterations; one thread.

Run from the repository root: python benches/peers/dereverb.py [ROUNDS]
The two take turns on the same spectrum. Each counts its processor time, so that other work on the machine hardly
matters, and the best round of each is compared. Outputs must agree. Needs the packages of
benches/peers/requirements.txt.
"""

import os

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import json
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from nara_wpe.utils import stft
from nara_wpe.wpe import get_power_online, online_wpe_step, wpe_v8
from ratios import built, row

TAPS, DELAY = 10, 3


def recording(rng, channels=8, seconds=10, rate=16_000):
    """Bursts of noise in a room: decaying filters of 0.4 s, and a little microphone noise."""
    n = seconds * rate
    level = np.repeat(rng.gamma(0.5, 1.0, n // 1600), 1600)
    source = level * rng.standard_normal(n)
    time = np.arange(int(0.4 * rate)) / rate
    rooms = rng.standard_normal((channels, len(time))) * np.exp(-6.9 * time / 0.4)
    rooms[:, 0] = 5.0
    size = n + len(time)
    wet = np.fft.irfft(np.fft.rfft(source, size) * np.fft.rfft(rooms, size, axis=1), size, axis=1)[:, :n]
    return wet + 1e-2 * rng.standard_normal(wet.shape)


def offline(spectrum):
    start = time.process_time()
    out = wpe_v8(spectrum, taps=TAPS, delay=DELAY, iterations=3, statistics_mode="full")
    return time.process_time() - start, out.transpose(1, 2, 0)


def online(spectrum, frames):
    """Seconds a frame, and the first frames. nara_wpe's online delay counts one less."""
    bins, channels, _ = spectrum.shape
    silence = np.zeros((TAPS + DELAY - 1, bins, channels))
    padded = np.concatenate([silence, spectrum.transpose(2, 0, 1)])
    inverse = np.stack([np.identity(channels * TAPS)] * bins)
    filters = np.zeros((bins, channels * TAPS, channels), complex)
    out = []
    start = time.process_time()
    for t in range(frames):
        recent = padded[t : t + TAPS + DELAY]
        power = get_power_online(recent.transpose(1, 2, 0))
        clean, inverse, filters = online_wpe_step(recent, power, inverse, filters, 0.9999, TAPS, DELAY - 1)
        out.append(clean)
    return (time.process_time() - start) / frames, np.stack(out).transpose(2, 0, 1)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    binary = built("dereverb_timing")
    spectrum = stft(recording(np.random.default_rng(0)), size=512, shift=256)  # [channel, frame, bin]
    by_bin = np.ascontiguousarray(spectrum.transpose(2, 0, 1))
    frames = 60
    with tempfile.TemporaryDirectory() as folder:
        given, made = str(Path(folder) / "in.npy"), str(Path(folder) / "out.npy")
        np.save(given, np.stack([spectrum.real, spectrum.imag], axis=-1))

        def ours(job, precision, threads):
            command = [binary, job, precision, given, "2" if job == "online" else "1", made]
            environment = os.environ | {"RAYON_NUM_THREADS": str(threads)}
            done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
            return json.loads(done.stdout), np.load(made) @ [1, 1j]

        # ratios wanted; online, 17.5 ms a frame are to become 1.6
        goals = {("offline", "f64"): 1.5, ("offline", "f32"): 3, ("online", "f64"): 11, ("online", "f32"): 11}
        for job in ("offline", "online"):
            theirs, best, difference = np.inf, {}, {}
            for _ in range(rounds):
                seconds, expected = offline(by_bin) if job == "offline" else online(by_bin, frames)
                theirs = min(theirs, seconds)
                for precision in ("f64", "f32"):
                    # its floor only for the values: where they divide by next to nothing, single precision is lost
                    _, found = ours("nara" if job == "offline" else job, precision, 1)
                    found = found[:, : expected.shape[1]]
                    difference[precision] = np.abs(found - expected).max() / np.abs(expected).max()
                    for threads in (1, 2):
                        times, _ = ours(job, precision, threads)
                        seconds = times["processor_seconds" if threads == 1 else "seconds"]
                        best[precision, threads] = min(best.get((precision, threads), np.inf), seconds)
            assert difference["f64"] < 1e-6, difference
            for (precision, threads), seconds in best.items():
                goal = goals[job, precision] if threads == 1 else None
                name = f"wpe, {job}, {precision}" + (", 2 threads (wall)" if threads == 2 else "")
                row(name, f"nara_wpe {version('nara_wpe')}, f64", seconds, theirs, goal)
            print(f"  largest difference, relative: {difference}", flush=True)
        for precision in ("f64", "f32"):
            for threads in (1, 2):
                times, _ = ours("unified", precision, threads)
                print(f"  unified, {precision}, {threads} threads: {times}", flush=True)


if __name__ == "__main__":
    main()
