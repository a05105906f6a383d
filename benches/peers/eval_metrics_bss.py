"""BSS Eval against mir_eval, fast_bss_eval and museval: two sources of 30 s at 22.05 kHz."""

import pathlib
import sys
import tempfile
import types
import warnings

from side_by_side import build, compare
import numpy as np

warnings.filterwarnings("ignore")


def main():
    # museval imports stempeg, which insists on ffmpeg, though no file is read here.
    sys.modules["stempeg"] = types.ModuleType("stempeg")
    import fast_bss_eval.numpy
    import mir_eval.separation
    import museval.metrics

    draw = np.random.default_rng(0)
    time = np.arange(30 * 22050) / 22050
    tones = [sum(np.sin(2 * np.pi * f * k * time) / k for k in range(1, 9)) for f in (110.3, 246.9)]
    swell = [0.6 + 0.4 * np.sin(2 * np.pi * 0.7 * time + p) for p in (0, 2)]
    reference = np.stack([t * s + 0.1 * draw.normal(size=time.size) for t, s in zip(tones, swell)])
    estimate = reference + 0.2 * reference[::-1] + 0.05 * draw.normal(size=reference.shape)
    with tempfile.TemporaryDirectory() as folder:
        files = [pathlib.Path(folder) / name for name in ("reference.npy", "estimate.npy")]
        np.save(files[0], reference)
        np.save(files[1], estimate)
        program = build()
        sources = {
            "mir_eval": lambda: mir_eval.separation.bss_eval_sources(reference, estimate)[:3],
            "fast_bss_eval (direct solve)": lambda: fast_bss_eval.numpy.bss_eval_sources(
                reference, estimate, compute_permutation=True
            )[:3],
        }
        compare(program, "bss_eval_sources", files, sources, goals={"mir_eval": 37, "fast_bss_eval (direct solve)": 12})
        images = reference[..., None], estimate[..., None]
        v4 = {"museval": lambda: museval.metrics.bss_eval(*images, window=22050, hop=22050)[0]}
        compare(program, "bss_eval_v4", files, v4, goals={"museval": 4})


if __name__ == "__main__":
    main()
