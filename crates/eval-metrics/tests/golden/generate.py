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


def signals():
    """Sources and estimates as int16, `[reference or estimate, source, channel, sample]`, one array per case."""

    def music(draw, sources, channels, samples):
        time = np.arange(samples)
        tracks = np.zeros((sources, channels, samples))
        for j in range(sources):
            pitch = 0.004 * (1 + j) * (1 + 0.1 * np.sin(time / 900 + j))
            tone = sum(np.sin(2 * np.pi * k * np.cumsum(pitch)) / k for k in range(1, 6))
            tone *= 0.6 + 0.4 * np.sin(time / 333 + 2 * j)
            for c in range(channels):
                tracks[j, c] = np.roll(tone, 3 * c) * (1 - 0.3 * c) + 0.3 * draw.normal(size=samples)
        return tracks

    def estimates(draw, references, leak, artifacts):
        filtered = references + 0.4 * np.roll(references, 5, axis=-1)
        others = references.sum(0, keepdims=True) - references
        return filtered + leak * others + artifacts * draw.normal(size=references.shape)

    def case(name, seed, sources, channels, samples, leak=0.2, artifacts=0.1, order=None, edit=None):
        draw = np.random.default_rng(seed)
        references = music(draw, sources, channels, samples)
        guesses = estimates(draw, references, leak, artifacts)[order or slice(None)]
        both = np.stack([references, guesses]) * 3000
        if edit:
            edit(both)
        np.save(HERE / f"signals_{name}.npy", np.round(both).astype(np.int16))

    def silence(both):
        both[0, 1, :, 1000:2200] = 0

    def perfect_except_gain(both):
        both[1] = both[0]
        both[1, :, :, 10] += 1

    case("two", 0, 2, 1, 4000)
    case("three_permuted", 1, 3, 1, 3000, order=[2, 0, 1])
    case("four", 2, 4, 1, 3000, leak=0.1)
    case("stereo", 3, 2, 2, 4000, order=[1, 0])
    case("one", 4, 1, 1, 3000)
    case("shorter_than_filter", 5, 2, 1, 300)
    case("silent_stretch", 6, 2, 1, 4000, edit=silence)
    case("nearly_perfect", 7, 2, 1, 3000, edit=perfect_except_gain)
    case("tonal", 8, 2, 1, 4000, leak=0.01, artifacts=0.001)


def separation():
    import fast_bss_eval.numpy
    import mir_eval.separation as v3
    import museval.metrics as v4

    signals()
    cases = {}
    for path in sorted(HERE.glob("signals_*.npy")):
        reference, estimate = np.load(path).astype(float)
        sources, channels, samples = reference.shape
        window, hop = samples // 4, samples // 8
        case = {"window": window, "hop": hop}
        mono = reference[:, 0], estimate[:, 0]
        images = reference.transpose(0, 2, 1), estimate.transpose(0, 2, 1)
        framing = dict(window=window, hop=hop)
        case["sources"] = v3.bss_eval_sources(*mono, compute_permutation=True)
        case["sources_in_order"] = v3.bss_eval_sources(*mono, compute_permutation=False)
        case["images"] = v3.bss_eval_images(*images, compute_permutation=True)
        case["images_in_order"] = v3.bss_eval_images(*images, compute_permutation=False)
        if window > 512:
            case["sources_framewise"] = v3.bss_eval_sources_framewise(*mono, compute_permutation=True, **framing)
            case["images_framewise"] = v3.bss_eval_images_framewise(*images, compute_permutation=True, **framing)
        case["v4"] = v4.bss_eval(*images, compute_permutation=False, **framing)
        case["v4_permuted"] = v4.bss_eval(*images, compute_permutation=True, **framing)
        if sources > 1:
            case["fast"] = fast_bss_eval.numpy.bss_eval_sources(*mono, compute_permutation=True)[:3]
            case["scale_invariant"] = fast_bss_eval.numpy.si_bss_eval_sources(*mono, compute_permutation=True)[:3]
            case["scale_invariant_zero_mean"] = fast_bss_eval.numpy.si_bss_eval_sources(
                *mono, compute_permutation=True, zero_mean=True
            )[:3]
        cases[path.stem.removeprefix("signals_")] = case
    write("separation", cases)


def main():
    for area in (classification, ranking, uncertainty, separation):
        area()
    packages = "numpy scipy scikit-learn mir_eval museval fast_bss_eval pyannote.metrics".split()
    write("versions", {name: importlib.metadata.version(name) for name in packages})


if __name__ == "__main__":
    main()
