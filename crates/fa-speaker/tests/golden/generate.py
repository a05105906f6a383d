"""Golden numbers for auscult-fa-speaker.

Run by `cargo xtask parity fa-speaker`. Writes beside itself:
comparison.json  the closed forms of paper 002 in plain NumPy (explicit inverses and determinants, no shared code);
gmm.json         scikit-learn's GaussianMixture, from a given start;
linkage.json     SciPy's hierarchical clustering;
versions.txt     what made them.
"""

import json
import platform
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy.cluster.hierarchy import linkage
from sklearn.mixture import GaussianMixture

HERE = Path(__file__).parent


def toy(rng, d, m, v, u, lengths, scale=0.4):
    """A random model with diagonal covariances, and utterances drawn from it with their true alignment."""
    mean, voices, channels = rng.normal(0, 2, (m, d)), rng.normal(0, scale, (m, d, v)), rng.normal(0, scale, (m, d, u))
    variance = 0.5 + rng.gamma(1.0, 0.4, (m, d))
    utterances = []
    for n in lengths:
        k, y, z = rng.integers(0, m, n), rng.normal(size=v), rng.normal(size=u)
        centre = mean[k] + voices[k] @ y + channels[k] @ z
        utterances.append((centre + rng.normal(size=(n, d)) * np.sqrt(variance[k]), k))
    return mean, variance, voices, channels, utterances


def statistics(x, k, mean):
    n = np.bincount(k, minlength=len(mean)).astype(float)
    f = np.zeros_like(mean)
    np.add.at(f, k, x - mean[k])
    return n, f


def comparable(n, f, variance, loadings):
    precision = sum(n[k] * loadings[k].T @ np.diag(1 / variance[k]) @ loadings[k] for k in range(len(n)))
    return precision, sum(loadings[k].T @ (f[k] / variance[k]) for k in range(len(n)))


def without_channel(n, f, variance, voices, channels):
    v = voices.shape[2]
    p, b = comparable(n, f, variance, np.concatenate([voices, channels], 2))
    k = np.linalg.inv(np.eye(p.shape[0] - v) + p[v:, v:])
    return p[:v, :v] - p[v:, :v].T @ k @ p[v:, :v], b[:v] - p[v:, :v].T @ k @ b[v:]


def evidence(precision, linear):
    j = np.linalg.inv(np.eye(len(linear)) + precision)
    return 0.5 * np.linalg.slogdet(j)[1] + 0.5 * linear @ j @ linear


def llr(a, b):
    return evidence(a[0] + b[0], a[1] + b[1]) - evidence(*a) - evidence(*b)


def comparison():
    rng = np.random.default_rng(123)
    cases = []
    for d, m, v, u, lengths in ((2, 3, 1, 1, (5, 4)), (3, 4, 2, 1, (6, 5)), (5, 6, 4, 3, (30, 25)), (8, 16, 20, 10, (200, 150))):
        mean, variance, voices, channels, utterances = toy(rng, d, m, v, u, lengths)
        stats = [statistics(x, k, mean) for x, k in utterances]
        plain = [comparable(*s, variance, voices) for s in stats]
        extended = [without_channel(*s, variance, voices, channels) for s in stats]
        of = lambda pairs: [dict(precision=p.tolist(), linear=b.tolist(), evidence=evidence(p, b)) for p, b in pairs]
        cases.append(dict(
            mean=mean.tolist(), variance=variance.tolist(), eigenvoices=voices.tolist(), eigenchannels=channels.tolist(),
            occupation=[n.tolist() for n, _ in stats], first_order=[f.tolist() for _, f in stats],
            eigenvoice=of(plain), extended=of(extended), llr=llr(*plain), llr_extended=llr(*extended)))
    return cases


def gmm():
    rng = np.random.default_rng(5)
    x = np.concatenate([rng.normal(c, s, (n, 3)) for c, s, n in ((-2, 1, 200), (1, 0.6, 150), (4, 1.4, 120))])
    start = x[[0, 150, 250, 420]]
    variance = x.var(0)
    model = GaussianMixture(4, covariance_type="diag", means_init=start, weights_init=np.full(4, 0.25),
                            precisions_init=np.tile(1 / variance, (4, 1)), tol=0, reg_covar=0, max_iter=12)
    import warnings
    warnings.filterwarnings("ignore")
    model.fit(x)
    return dict(frames=x.tolist(), weights=model.weights_.tolist(), means=model.means_.tolist(),
                variances=model.covariances_.tolist(), log_likelihoods=model.score_samples(x)[:20].tolist(),
                posteriors=model.predict_proba(x)[:20].tolist())


def hierarchical():
    rng = np.random.default_rng(9)
    points = rng.normal(size=(25, 2))
    distance = np.linalg.norm(points[:, None] - points[None], axis=2).astype(np.float32).astype(float)
    condensed = distance[np.triu_indices(25, 1)]
    return dict(distance=distance.tolist(), **{name: linkage(condensed, name).tolist() for name in ("single", "complete", "average")})


if __name__ == "__main__":
    for name, made in (("comparison", comparison()), ("gmm", gmm()), ("linkage", hierarchical())):
        (HERE / f"{name}.json").write_text(json.dumps(made) + "\n")
    (HERE / "versions.txt").write_text(
        f"python {platform.python_version()}\nnumpy {np.__version__}\nscipy {scipy.__version__}\nscikit-learn {sklearn.__version__}\n")
