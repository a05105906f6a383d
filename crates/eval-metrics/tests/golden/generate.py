"""Golden values for auscult-eval-metrics, from the packages people use today.

    python generate.py            # rewrites the .json and .npy files beside this script

Needs numpy, scipy, scikit-learn, mir_eval, museval, fast_bss_eval and pyannote.metrics; the versions used are
recorded in versions.json. Inputs are drawn here with fixed seeds and stored with the values.
"""

import importlib.metadata
import json
import pathlib
import warnings

import numpy as np

HERE = pathlib.Path(__file__).parent
warnings.filterwarnings("ignore")


def plain(value):
    """Turns numpy values into what JSON can hold; NaN and infinities become strings."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return {np.inf: "inf", -np.inf: "-inf"}.get(value, "nan")
    return value


def write(name, content):
    (HERE / f"{name}.json").write_text(json.dumps(plain(content), separators=(",", ":")) + "\n")


def classification():
    from sklearn import metrics

    cases = []
    for seed, n, classes, used in [(0, 200, 5, 5), (1, 60, 7, 4), (2, 9, 3, 3)]:
        draw = np.random.default_rng(seed)
        truth = draw.integers(0, used, n)
        # few distinct values, so that ties occur
        scores = np.round(draw.normal(size=(n, classes)) + 1.2 * np.eye(classes)[truth], 1)
        scores[:, used:] -= 50
        predicted = scores.argmax(1)
        average = {
            f"{how}_average": metrics.precision_recall_fscore_support(truth, predicted, average=how, zero_division=0)[:3]
            for how in ("macro", "micro", "weighted")
        }
        cases.append(
            {
                "truth": truth,
                "predicted": predicted,
                "scores": scores,
                "accuracy": metrics.accuracy_score(truth, predicted),
                "balanced_accuracy": metrics.balanced_accuracy_score(truth, predicted),
                "confusion": metrics.confusion_matrix(truth, predicted, labels=range(classes)),
                "per_class": np.transpose(
                    metrics.precision_recall_fscore_support(truth, predicted, labels=range(classes), zero_division=0)
                ),
                "top_k": [
                    metrics.top_k_accuracy_score(truth, scores, k=k, labels=range(classes)) for k in (1, 2, 3)
                ],
                **average,
            }
        )
    write("classification", cases)


def ranking():
    from sklearn import metrics

    cases = []
    for seed, n, decimals, share in [(0, 300, 6, 0.4), (1, 200, 1, 0.1), (2, 37, 0, 0.6), (3, 5, 3, 0.5)]:
        draw = np.random.default_rng(seed)
        truth = draw.random(n) < share
        truth[:2] = [True, False]
        scores = np.round(draw.normal(size=n) + truth, decimals)
        cases.append(
            {
                "truth": truth,
                "scores": scores,
                "average_precision": metrics.average_precision_score(truth, scores),
            }
        )
    draw = np.random.default_rng(9)
    truth = draw.random((80, 6)) < 0.3
    scores = np.round(draw.normal(size=truth.shape) + truth, 1)
    multi = {
        "truth": truth,
        "scores": scores,
        "mean_average_precision": metrics.average_precision_score(truth, scores, average="macro"),
    }
    write("ranking", {"binary": cases, "multi": multi})


def uncertainty():
    from scipy import stats

    draw = np.random.default_rng(4)
    data = draw.gamma(2.0, size=40)
    draws = np.array([data[draw.integers(0, 40, 40)].mean() for _ in range(500)])
    jackknife = np.array([np.delete(data, i).mean() for i in range(40)])
    generator = lambda: np.random.default_rng(0)
    intervals = {}
    for method in ("percentile", "BCa"):
        # scipy draws its own resamples: its interval is computed here from its own distribution
        result = stats.bootstrap(
            (data,), np.mean, n_resamples=500, method=method, confidence_level=0.9, rng=generator()
        )
        intervals[method.lower()] = {
            "draws": result.bootstrap_distribution,
            "low": result.confidence_interval.low,
            "high": result.confidence_interval.high,
        }
    pairs = []
    for seed, n, shift in [(0, 9, 0.5), (1, 6, 0.0), (2, 8, 2.0)]:
        draw = np.random.default_rng(seed)
        first, second = np.round(draw.normal(size=n) + shift, 1), np.round(draw.normal(size=n), 1)
        test = stats.permutation_test(
            (first, second), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=np.inf
        )
        pairs.append({"first": first, "second": second, "difference": test.statistic, "p_value": test.pvalue})
    binomial = [
        {"only_first": a, "only_second": b, "p_value": stats.binomtest(a, a + b).pvalue}
        for a, b in [(1, 0), (3, 12), (40, 22), (500, 430), (7, 7)]
    ]
    write(
        "uncertainty",
        {
            "value": data.mean(),
            "jackknife": jackknife,
            "confidence": 0.9,
            **intervals,
            "permutation": pairs,
            "mcnemar": binomial,
        },
    )


def main():
    for area in (classification, ranking, uncertainty):
        area()
    packages = "numpy scipy scikit-learn mir_eval museval fast_bss_eval pyannote.metrics".split()
    write("versions", {name: importlib.metadata.version(name) for name in packages})


if __name__ == "__main__":
    main()
