"""Golden vectors for auscult-nmf-family, from scikit-learn: the exact sequence of iterates from a given start.

Run by `cargo xtask parity nmf-family`. Writes .npy files beside itself and the versions used to versions.txt.
A factorisation is stored as one matrix [W; H^T], (bins + frames) x atoms.
"""

import platform
import warnings
from pathlib import Path

import numpy as np
import scipy.optimize
import sklearn
from sklearn.decomposition import NMF, MiniBatchNMF

warnings.filterwarnings("ignore")
HERE = Path(__file__).parent / "nmf"
HERE.mkdir(exist_ok=True)
BINS, FRAMES, ATOMS = 17, 33, 4


def save(name, w, h):
    np.save(HERE / f"{name}.npy", np.ascontiguousarray(np.concatenate([w, h.T])))


rng = np.random.default_rng(0)
x = rng.gamma(0.7, 1.0, (BINS, ATOMS)) @ rng.gamma(0.8, 1.0, (ATOMS, FRAMES)) * rng.rayleigh(0.8, (BINS, FRAMES))
x_zeros = np.where(rng.random(x.shape) < 0.2, 0.0, x)
w0, h0 = rng.random((BINS, ATOMS)) + 0.1, rng.random((ATOMS, FRAMES)) + 0.1
np.save(HERE / "x.npy", x)
np.save(HERE / "x_zeros.npy", x_zeros)
save("start", w0, h0)


def fit(data, **options):
    model = NMF(ATOMS, init="custom", **{"tol": 0, **options})
    w = model.fit_transform(data, W=w0.copy(), H=h0.copy())
    return model, w


for solver, beta, data in [
    ("mu", 2, "x_zeros"), ("mu", 1, "x_zeros"), ("mu", 0, "x"), ("mu", 0.5, "x_zeros"), ("mu", 1.5, "x_zeros"),
    ("mu", 3, "x_zeros"), ("mu", -1, "x"), ("cd", 2, "x_zeros"),
]:
    for iterations in (1, 10, 100):
        model, w = fit({"x": x, "x_zeros": x_zeros}[data], solver=solver, beta_loss=beta, max_iter=iterations)
        save(f"{solver}_{beta}_{iterations}", w, model.components_)

# Penalties: alpha_W 0.01, alpha_H 0.02, l1_ratio 0.3.
for solver, beta in [("mu", 2), ("mu", 1), ("mu", 0.5), ("cd", 2)]:
    options = dict(solver=solver, beta_loss=beta, max_iter=30, alpha_W=0.01, alpha_H=0.02, l1_ratio=0.3)
    model, w = fit(x_zeros, **options)
    save(f"penalty_{solver}_{beta}", w, model.components_)

# Where the default tolerance stops, and the error there.
stops = []
for solver, beta in [("mu", 2), ("mu", 1), ("cd", 2)]:
    model, w = fit(x_zeros, solver=solver, beta_loss=beta, max_iter=2000, tol=1e-4)
    stops.append([model.n_iter_, model.reconstruction_err_])
np.save(HERE / "stops.npy", np.array(stops, dtype=float))

# Supervised: the atoms stay. scikit-learn keeps H fixed, so it sees X transposed.
h, _, _ = sklearn.decomposition.non_negative_factorization(
    x_zeros.T, W=None, H=w0.T.copy(), n_components=ATOMS, init="custom", update_H=False, solver="cd", max_iter=500, tol=1e-12)
np.save(HERE / "supervised_cd.npy", h)

# Online: frames are scikit-learn's samples; five batches, forgetting 0.7 each.
for beta in (2, 1, 0.5):
    online = MiniBatchNMF(ATOMS, init="custom", beta_loss=beta, batch_size=64, forget_factor=0.7,
                          fresh_restarts_max_iter=12, tol=0)
    for batch in np.array_split(x_zeros.T, 5):
        online.partial_fit(batch, W=np.ones((len(batch), ATOMS)), H=w0.T.copy())
    np.save(HERE / f"online_{beta}.npy", online.components_)

# NNDSVD from the exact decomposition (scikit-learn's own is randomised; it agrees to about 1e-6).
from sklearn.decomposition import _nmf  # noqa: E402

_nmf._randomized_svd = lambda data, k, random_state: [
    part[:, :k] if axis == 0 else part[:k] for axis, part in enumerate(np.linalg.svd(data, full_matrices=False))]
for init in ("nndsvd", "nndsvda"):
    save(init, *_nmf._initialize_nmf(x, ATOMS, init=init))

# Exact NNE, eq. (4), frame by frame with a general-purpose solver.
bins, atoms, frames = 24, 4, 12
w = rng.gamma(0.7, 1.0, (bins, atoms)) + 0.02
w /= np.linalg.norm(w, axis=0)
x = w @ rng.gamma(0.8, 1.0, (atoms, frames)) * rng.rayleigh(0.8, (bins, frames)) + 1e-3


def novelty(frame):
    return scipy.optimize.minimize(
        lambda h: 0.5 * np.sum((frame - w @ h) ** 2), np.zeros(atoms), jac=lambda h: -w.T @ (frame - w @ h),
        bounds=[(0, None)] * atoms, method="SLSQP", options=dict(maxiter=500, ftol=1e-15),
        constraints=[dict(type="ineq", fun=lambda h: frame - w @ h, jac=lambda h: -w)]).x


np.save(HERE / "nne_x.npy", x)
np.save(HERE / "nne_w.npy", w)
np.save(HERE / "nne_h.npy", np.stack([novelty(frame) for frame in x.T], axis=1))

versions = f"python {platform.python_version()}\nnumpy {np.__version__}\nscikit-learn {sklearn.__version__}\n"
versions += f"scipy {scipy.__version__}\n"
(Path(__file__).parent / "versions.txt").write_text(versions)
