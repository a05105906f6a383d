"""ROC AUC of a million scores against scikit-learn."""

import pathlib
import tempfile

from side_by_side import build, compare
import numpy as np


def main():
    from sklearn.metrics import roc_auc_score

    draw = np.random.default_rng(0)
    truth = draw.random(1_000_000) < 0.3
    scores = draw.normal(size=truth.size) + truth
    with tempfile.TemporaryDirectory() as folder:
        files = [pathlib.Path(folder) / name for name in ("truth.npy", "scores.npy")]
        np.save(files[0], truth.astype(float))
        np.save(files[1], scores)
        peers = {"scikit-learn": lambda: roc_auc_score(truth, scores)}
        compare(build(), "roc_auc", files, peers, tolerance=1e-12, goals={"scikit-learn": 5})


if __name__ == "__main__":
    main()
