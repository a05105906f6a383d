"""Runs a Python package and `eval_metrics_timing` turn by turn on the same input, one thread each, for the ratio table.

The machine may be shared: each side's time is the best of several interleaved rounds.
"""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[variable] = "1"

import json
import subprocess
import time

import numpy as np
from ratios import built, row


def build():
    """The path of the `eval_metrics_timing` example, built in release mode."""
    return built("eval_metrics_timing")


def compare(program, score, files, peers, rounds=3, repetitions=3, tolerance=1e-6, goals=None):
    """`peers` maps a name to a function that computes the values on the same input, `goals` some of them to a ratio."""
    best = {name: np.inf for name in ["ours", *peers]}
    for _ in range(rounds):
        output = subprocess.run(
            [program, score, *map(str, files), str(repetitions)], check=True, capture_output=True, text=True
        ).stdout
        ours = json.loads(output.replace("inf", "Infinity"))
        best["ours"] = min(best["ours"], ours["seconds"])
        for name, function in peers.items():
            start = time.perf_counter()
            values = np.ravel(function())
            best[name] = min(best[name], time.perf_counter() - start)
            difference = np.max(np.abs(values - np.array(ours["values"])))
            assert difference < tolerance, (name, difference)
    for name in peers:
        row(score, name, best["ours"], best[name], (goals or {}).get(name))
