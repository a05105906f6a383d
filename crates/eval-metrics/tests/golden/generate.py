"""Golden values for auscult-eval-metrics, from the packages people use today.

    python generate.py              # rewrites the .json and .npy files beside this script (minutes)
    python generate.py diarization  # one area only

Needs numpy, scipy, scikit-learn, mir_eval, museval, fast_bss_eval and pyannote.metrics; the versions used are
recorded in versions.json. Inputs are drawn here with fixed seeds and stored with the values.
"""

import importlib.metadata
import json
import pathlib
import sys
import types
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
                "kappa": [
                    metrics.cohen_kappa_score(truth, predicted, weights=weights, labels=range(classes))
                    for weights in (None, "linear", "quadratic")
                ],
                "top_k": [
                    metrics.top_k_accuracy_score(truth, scores, k=k, labels=range(classes)) for k in (1, 2, 3)
                ],
                **average,
            }
        )
    draw = np.random.default_rng(5)
    probability = np.round(draw.random(150), 2)
    happened = draw.random(150) < probability**1.5
    bins = 10
    from sklearn.calibration import calibration_curve

    accuracy, confidence = calibration_curve(happened, probability, n_bins=bins)
    edges = np.linspace(0, 1, bins + 1)
    counts = np.bincount(np.searchsorted(edges[1:-1], probability), minlength=bins)
    counts = counts[counts > 0]
    calibration = {
        "happened": happened,
        "probability": probability,
        "accuracy": accuracy,
        "confidence": confidence,
        "expected_error": np.sum(counts * np.abs(accuracy - confidence)) / len(happened),
        "maximum_error": np.max(np.abs(accuracy - confidence)),
        "brier_score": metrics.brier_score_loss(happened, probability),
    }
    write("classification", {"labels": cases, "calibration": calibration})


def raw_partial_auc(truth, scores, limit):
    """The sum of the DCASE 2020 task 2 rules, written out."""
    negatives = np.sort(scores[~truth])[::-1]
    kept = negatives[: int(np.floor(limit * len(negatives)))]
    return np.mean(scores[truth][None, :] > kept[:, None])


def delong(truth, first, second):
    """DeLong et al. 1988, eqs 1 to 5, as matrices of pairs."""
    from scipy import stats

    v10, v01 = [], []
    for scores in (first, second):
        difference = scores[truth][:, None] - scores[~truth][None, :]
        wins = (difference > 0) + 0.5 * (difference == 0)
        v10.append(wins.mean(1))
        v01.append(wins.mean(0))
    if len(v10[0]) < 2 or len(v01[0]) < 2:
        return None
    covariance = np.cov(v10) / len(v10[0]) + np.cov(v01) / len(v01[0])
    areas = [v.mean() for v in v10]
    half = stats.norm.ppf(0.975) * np.sqrt(covariance[0, 0])
    error = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    z = (areas[0] - areas[1]) / error if areas[0] != areas[1] else 0.0
    return {
        "low": max(areas[0] - half, 0),
        "high": min(areas[0] + half, 1),
        "difference": areas[0] - areas[1],
        "z": z,
        "p_value": 2 * stats.norm.sf(abs(z)),
    }


def ranking():
    from pyannote.metrics.binary_classification import det_curve as pyannote_det
    from sklearn import metrics

    cases = []
    for seed, n, decimals, share in [(0, 300, 6, 0.4), (1, 200, 1, 0.1), (2, 37, 0, 0.6), (3, 5, 3, 0.5)]:
        draw = np.random.default_rng(seed)
        truth = draw.random(n) < share
        truth[:2] = [True, False]
        scores = np.round(draw.normal(size=n) + truth, decimals)
        other = np.round(scores + draw.normal(size=n), decimals)
        roc = metrics.roc_curve(truth, scores, drop_intermediate=False)
        miss, false_alarm = 1 - roc[1], roc[0]
        log_ratios = scores - 0.5
        cases.append(
            {
                "truth": truth,
                "scores": scores,
                "other": other,
                "average_precision": metrics.average_precision_score(truth, scores),
                "auc": metrics.roc_auc_score(truth, scores),
                "roc": roc,
                "roc_dropped": metrics.roc_curve(truth, scores),
                "det": metrics.det_curve(truth, scores),
                "precision_recall": metrics.precision_recall_curve(truth, scores),
                "mcclish": [metrics.roc_auc_score(truth, scores, max_fpr=p) for p in (0.1, 0.35, 1.0)],
                "raw": [raw_partial_auc(truth, scores, p) for p in (0.5, 1.0)],
                "eer_pyannote": pyannote_det(truth, scores)[3],
                "min_dcf": {
                    "prior_0.05": np.min(0.05 * miss + 0.95 * false_alarm) / 0.05,
                    "sre08": np.min(10 * 0.01 * miss + 0.99 * false_alarm) / 0.1,
                },
                # the definition, in base 2
                "cllr": 0.5
                * (
                    np.mean(np.log2(1 + np.exp(-log_ratios[truth])))
                    + np.mean(np.log2(1 + np.exp(log_ratios[~truth])))
                ),
                "delong": delong(truth, scores, other),
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


def assignment():
    from scipy.optimize import linear_sum_assignment

    cases = []
    for seed, shape in enumerate([(1, 1), (5, 5), (4, 9), (12, 3), (30, 30)]):
        gain = np.random.default_rng(seed).integers(-20, 20, shape)
        cases.append({"gain": gain, "total": gain[linear_sum_assignment(gain, maximize=True)].sum()})
    write("assignment", cases)


def clustering():
    from scipy.optimize import linear_sum_assignment
    from sklearn import metrics
    from sklearn.metrics.cluster import contingency_matrix

    cases = []
    for seed, n, classes, clusters in [(0, 200, 4, 6), (1, 50, 3, 3), (2, 30, 1, 1), (3, 30, 1, 4), (4, 30, 4, 1)]:
        draw = np.random.default_rng(seed)
        truth = draw.integers(0, classes, n)
        found = np.where(draw.random(n) < 0.6, truth % clusters, draw.integers(0, clusters, n)) * 3 + 5
        table = contingency_matrix(truth, found)
        precision = np.mean([np.mean(truth[found == found[i]] == truth[i]) for i in range(n)])
        recall = np.mean([np.mean(found[truth == truth[i]] == found[i]) for i in range(n)])
        cases.append(
            {
                "truth": truth,
                "found": found,
                "purity": table.max(0).sum() / n,
                "coverage": table.max(1).sum() / n,
                "b_cubed": [precision, recall, 2 * precision * recall / (precision + recall)],
                "one_to_one": table[linear_sum_assignment(table, maximize=True)].sum() / n,
                "mutual_information": metrics.mutual_info_score(truth, found),
                "normalized_mutual_information": metrics.normalized_mutual_info_score(truth, found),
                "adjusted_rand_index": metrics.adjusted_rand_score(truth, found),
                "homogeneity": metrics.homogeneity_score(truth, found),
                "completeness": metrics.completeness_score(truth, found),
                "v_measure": metrics.v_measure_score(truth, found),
            }
        )
    write("clustering", cases)


def turns(seed, speakers, count, name):
    """Turns with pauses and overlaps between speakers, none of a speaker with himself."""
    draw = np.random.default_rng(seed)
    now, result = 0.0, []
    last = {}
    for _ in range(count):
        length = draw.gamma(2, 1.2)
        speaker = int(draw.integers(speakers))
        start = max(now, last.get(speaker, 0.0))
        result.append((round(start, 3), round(start + length, 3), f"{name}{speaker}"))
        last[speaker] = round(start + length, 3)
        now = start + length * draw.choice([0.8, 1.0, 1.1])
    return result


def diarization():
    from pyannote.core import Annotation, Segment, Timeline
    from pyannote.metrics import diarization as d

    def annotation(segments):
        result = Annotation()
        for track, (start, end, label) in enumerate(segments):
            result[Segment(start, end), track] = label
        return result

    def distort(reference, seed):
        draw = np.random.default_rng(seed)
        last, result = {}, []
        for start, end, label in reference:
            label = "X" if draw.random() < 0.15 else "H" + label
            start = max(0.0, start + draw.normal() * 0.1, last.get(label, 0.0))
            end = max(end + draw.normal() * 0.1, start + 0.2)
            last[label] = round(end, 3)
            if draw.random() < 0.95:
                result.append((round(start, 3), last[label], label))
        return result

    long_reference = turns(0, 5, 150, "S")
    cases = [
        (long_reference, distort(long_reference, 1)),
        (long_reference[:40], turns(7, 3, 30, "H")),
        (turns(2, 1, 5, "S"), turns(3, 4, 12, "H")),
        (turns(4, 3, 10, "S"), []),
        ([], turns(5, 2, 4, "H")),
    ]
    regions = [(1.5, 20.25), (30.0, 61.0), (60.0, 75.5)]
    settings = [(0.0, False), (0.5, False), (0.5, True), (0.0, True)]
    parts = ["total", "correct", "missed detection", "false alarm", "confusion"]
    written = []
    for reference, hypothesis in cases:
        r, h = annotation(reference), annotation(hypothesis)
        uem = Timeline([Segment(*region) for region in regions])
        results = []
        for collar, skip in settings:
            for used in (None, uem):
                setting = dict(collar=collar, skip_overlap=skip)
                der = d.DiarizationErrorRate(**setting)(r, h, uem=used, detailed=True)
                results.append(
                    {
                        "total_collar": collar,
                        "skip_overlap": skip,
                        "uem": used is not None,
                        "parts": [der[part] for part in parts],
                        "rate": der["diarization error rate"],
                        "jaccard": d.JaccardErrorRate(**setting)(r, h, uem=used),
                    }
                )
        written.append(
            {
                "reference": reference,
                "hypothesis": hypothesis,
                "results": results,
                "purity": d.DiarizationPurity()(r, h),
                "coverage": d.DiarizationCoverage()(r, h),
            }
        )
    write("diarization", {"regions": regions, "cases": written})


def events():
    import mir_eval
    from scipy import ndimage
    from sklearn import metrics

    matching = []
    for seed, count in [(0, 40), (1, 15), (2, 3)]:
        truth = turns(seed, 3, count, "")
        draw = np.random.default_rng(seed + 50)
        found = [
            (round(s + 0.04 * draw.normal(), 2), round(e + 0.2 * draw.normal(), 2), label)
            for s, e, label in truth
            if draw.random() < 0.8
        ]
        found += [(s + 0.05, e, label) for s, e, label in truth[::4]]
        found = [(max(s, 0.0), max(e, max(s, 0.0) + 0.01), label) for s, e, label in found]
        as_arrays = lambda events: (
            np.array([e[:2] for e in events]),
            np.array([110.0 * 2 ** int(e[2]) for e in events]),
        )
        pair = (*as_arrays(truth), *as_arrays(found))
        matching.append(
            {
                "truth": truth,
                "found": found,
                "with_offsets": mir_eval.transcription.precision_recall_f1_overlap(*pair)[:3],
                "onsets_only": mir_eval.transcription.precision_recall_f1_overlap(*pair, offset_ratio=None)[:3],
                "loose": mir_eval.transcription.precision_recall_f1_overlap(
                    *pair, onset_tolerance=0.2, offset_ratio=0.5, offset_min_tolerance=0.2
                )[:3],
            }
        )
    frames = []
    for seed, n in [(0, 200), (1, 20)]:
        draw = np.random.default_rng(seed)
        truth = draw.random(n) < 0.4
        predicted = np.where(draw.random(n) < 0.8, truth, ~truth)
        recall, false_alarm = mir_eval.melody.voicing_measures(truth.astype(float), predicted.astype(float))
        frames.append(
            {
                "truth": truth,
                "predicted": predicted,
                "accuracy": metrics.accuracy_score(truth, predicted),
                "scores": metrics.precision_recall_fscore_support(truth, predicted, average="binary")[:3],
                "voicing": [recall, false_alarm],
            }
        )
    scores = np.round(np.random.default_rng(3).normal(size=60), 2)
    medians = {width: ndimage.median_filter(scores, size=width, mode="nearest") for width in (1, 3, 7, 41, 81)}
    write("events", {"matching": matching, "frames": frames, "scores": scores, "medians": medians})


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
    # museval imports stempeg, which insists on ffmpeg, though no file is read here.
    sys.modules.setdefault("stempeg", types.ModuleType("stempeg"))
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
        name = path.stem.removeprefix("signals_")
        if name in ("two", "silent_stretch", "stereo", "mir_eval_01"):
            case["sources_framewise"] = v3.bss_eval_sources_framewise(*mono, compute_permutation=True, **framing)
            case["images_framewise"] = v3.bss_eval_images_framewise(*images, compute_permutation=True, **framing)
        if name != "shorter_than_filter":  # more taps than samples: the filters, which v4 reuses, are not unique
            case["v4"] = v4.bss_eval(*images, compute_permutation=False, **framing)
            case["v4_permuted"] = v4.bss_eval(*images, compute_permutation=True, **framing)
        if sources > 1:
            case["fast"] = fast_bss_eval.numpy.bss_eval_sources(*mono, compute_permutation=True)[:3]
            case["scale_invariant"] = fast_bss_eval.numpy.si_bss_eval_sources(*mono, compute_permutation=True)[:3]
            case["scale_invariant_zero_mean"] = fast_bss_eval.numpy.si_bss_eval_sources(
                *mono, compute_permutation=True, zero_mean=True
            )[:3]
        cases[name] = case
    write("separation", cases)


def main():
    only = sys.argv[1:]
    for area in (classification, ranking, uncertainty, assignment, clustering, events, diarization, separation):
        if only and area.__name__ not in only:
            continue
        area()
    packages = "numpy scipy scikit-learn mir_eval museval fast_bss_eval pyannote.metrics".split()
    write("versions", {name: importlib.metadata.version(name) for name in packages})


if __name__ == "__main__":
    main()
