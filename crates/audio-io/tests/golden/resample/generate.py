"""What librosa (soxr_hq) and scipy.signal.resample_poly make of a band-limited signal."""

import json
from pathlib import Path

import librosa
import numpy as np
import scipy
import scipy.signal
import soxr

HERE = Path(__file__).parent
PAIRS = [(44100, 16000), (48000, 22050), (8000, 16000), (11025, 16000)]


def main():
    cases = {}
    for source, target in PAIRS:
        n = np.arange(source // 8 + 3)
        rng = np.random.default_rng(source)
        band = 0.4 * min(source, target)
        frequencies = rng.uniform(50, 0.9 * band, 20)
        phases = rng.uniform(0, 2 * np.pi, 20)
        x = np.sin(2 * np.pi * np.outer(frequencies, n / source) + phases[:, None]).sum(0) / 20
        x = x.astype(np.float32)
        name = f"{source}_{target}"
        np.save(HERE / f"{name}_in.npy", x)
        np.save(HERE / f"{name}_soxr_hq.npy", librosa.resample(x, orig_sr=source, target_sr=target, res_type="soxr_hq"))
        g = np.gcd(source, target)
        poly = scipy.signal.resample_poly(x, target // g, source // g).astype(np.float32)
        np.save(HERE / f"{name}_poly.npy", poly)
        cases[name] = {"frames": len(x)}
    versions = {"librosa": librosa.__version__, "soxr": soxr.__version__, "scipy": scipy.__version__}
    (HERE / "versions.json").write_text(json.dumps({"versions": versions | {"numpy": np.__version__}, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
