"""Training steps of our networks beside the same networks in PyTorch: one thread each, in turns.

    python benches/peers/models_tch.py [BATCH [NETWORK...]]

from the workspace root, with requirements-torch.txt installed; networks as they are printed, such as `se_resnet-14`,
default: all of up to 50 layers. Compares processor seconds, which another program's load does not change much; each
side's best of all steps.
"""

import importlib.util
import json
import math
import os
import pathlib
import subprocess
import sys
import time

os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}

import torch
import torch.nn.functional as F
from ratios import row

ROOT = pathlib.Path(__file__).parents[2]
GOLDEN = ROOT / "crates/models-tch/tests/golden"


def module(path):
    spec = importlib.util.spec_from_file_location(path.parent.name, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


nets, singing = module(GOLDEN / "generate.py"), module(GOLDEN / "singing/generate.py")

TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
ROUNDS, STEPS = 3, 3


def loss_of(logits):
    """Of classes; networks with one output have two classes, whose cross-entropy is this of the sigmoid."""
    if logits.shape[-1] == 1:
        return F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
    classes = logits.shape[-1]
    return F.cross_entropy(logits, F.one_hot(torch.arange(len(logits)) % classes, classes).float())


def theirs(module, shape, batch):
    x = torch.randn(batch, *shape)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    module.train()
    train, predict = [], []
    for _ in range(STEPS):
        start = time.thread_time()
        optimizer.zero_grad()
        loss = loss_of(module(x))
        loss.backward()
        optimizer.step()
        loss.item()
        train.append(time.thread_time() - start)
    module.eval()
    with torch.no_grad():
        for _ in range(3):
            start = time.thread_time()
            logits = module(x)
            torch.sigmoid(logits) if logits.shape[-1] == 1 else torch.softmax(logits, -1)
            predict.append(time.thread_time() - start)
    return {"train": train, "predict": predict}


def ours(network, shape, classes, batch):
    command = [TARGET / "release/examples/time_steps", json.dumps(network), ",".join(map(str, shape))]
    command += [classes, batch, STEPS]
    return json.loads(subprocess.run(list(map(str, command)), capture_output=True, check=True, text=True).stdout)


if __name__ == "__main__":
    torch.set_num_threads(1)
    batch = int(sys.argv[1]) if len(sys.argv) > 1 else 64
    subprocess.run("cargo build --release -p auscult-models-tch --example time_steps".split(), cwd=ROOT, check=True)
    wanted = set(sys.argv[2:])
    networks = [
        ({"kind": "avian_v20"}, lambda: nets.Avian(91, **nets.AVIAN["avian_v20"]), [1, 128, 128], 91),
        ({"kind": "bird_resnet"}, lambda: nets.BirdResNet(91, 64), [1, 64, 130], 91),
        *(
            ({"kind": "se_resnet", "depth": depth}, lambda depth=depth: singing.SeResNet(depth), [1, 80, 80], 2)
            for depth in singing.STAGES
        ),
        ({"kind": "scnn", "variant": "schlueter"}, lambda: singing.Scnn(False), [1, 80, 115], 2),
        ({"kind": "bi_lstm"}, singing.BiLstm, [218, 80], 2),
    ]
    for network, peer, shape, classes in networks:
        name = "-".join(map(str, network.values()))
        if name not in wanted if wanted else network.get("depth", 0) > 50:
            continue
        best, peer = {}, peer()
        for _ in range(ROUNDS):
            for who, times in ("ours", ours(network, shape, classes, batch)), ("theirs", theirs(peer, shape, batch)):
                for what in ("train", "predict"):
                    best[who, what] = min(best.get((who, what), math.inf), *times[what])
        for what, goal in ("train", 0.95), ("predict", None):
            job = f"{name}, {what}, batch {batch}"
            row(job, f"torch {torch.__version__}", best["ours", what], best["theirs", what], goal)
