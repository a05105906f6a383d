"""PyTorch's side of the agreement: optimisers, weights in files, logits.

Writes, beside itself:
  optimizers.json      20 steps of torch.optim on a small regression
  bird.safetensors     a state_dict with every kind of layer
  logits.json          logits of the networks for a formula's weights and inputs, and for bird.safetensors
  unet.safetensors     a state_dict of a small U-Net
  masks.json           masks of the U-Nets for a formula's weights and magnitudes, and for unet.safetensors
  script.pt            a TorchScript module that answers every patch with masks of 0.75 and 0.25
and checks that PyTorch loads from_rust.safetensors and masker_from_rust.safetensors (written by
`cargo run --example train_lines` and `--example train_masks`) into the same modules and finds the probabilities and
masks that the .json beside them tell.
"""

import json
import math
import pathlib

import numpy as np
import safetensors
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

HERE = pathlib.Path(__file__).parent
VERSIONS = {"torch": torch.__version__.split("+")[0], "safetensors": safetensors.__version__}


class Avian(nn.Module):
    def __init__(self, classes, filters, kernel, pools):
        super().__init__()
        self.conv1 = nn.Conv2d(1, filters, kernel)
        self.conv2 = nn.Conv2d(filters, filters, kernel)
        self.conv3 = nn.Conv2d(filters, filters, kernel)
        self.pools = pools
        self.fc = nn.Linear(filters, classes)

    def forward(self, x):
        for convolution, pool in zip((self.conv1, self.conv2, self.conv3), self.pools):
            x = F.dropout(F.max_pool2d(F.relu(convolution(x)), pool), 0.2, self.training)
        return self.fc(x.mean((2, 3)))


AVIAN = {
    "avian_v16": dict(filters=64, kernel=(1, 4), pools=((1, 4), (1, 3), (1, 2))),
    "avian_v17": dict(filters=60, kernel=3, pools=(3, 3, 3)),
    "avian_v18": dict(filters=64, kernel=3, pools=(2, 2, 2)),
    "avian_v20": dict(filters=64, kernel=3, pools=(3, 3, 3)),
}


class Residual(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, 2, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.downsample(x))


class BirdResNet(nn.Module):
    def __init__(self, classes, mels, widths=(16, 32), kernel=5, time_width=128, dropout=0.4):
        super().__init__()
        self.conv1 = nn.Conv2d(1, widths[0], kernel, 2, kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.layers = len(widths) - 1
        for number, (inputs, outputs) in enumerate(zip(widths, widths[1:]), 1):
            setattr(self, f"layer{number}", nn.Sequential(Residual(inputs, outputs)))
        for _ in widths:
            mels = (mels + 1) // 2
        self.conv2 = nn.Conv1d(widths[-1] * mels, time_width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm1d(time_width)
        self.bn3 = nn.BatchNorm1d(2 * time_width)
        self.dropout = dropout
        self.fc = nn.Linear(2 * time_width, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        for number in range(1, self.layers + 1):
            x = getattr(self, f"layer{number}")(x)
        x = F.relu(self.bn2(self.conv2(x.flatten(1, 2))))
        x = torch.cat([x.mean(2), (x.var(2, unbiased=False) + 1e-5).sqrt()], 1)
        return self.fc(F.dropout(self.bn3(x), self.dropout, self.training))


class Mlp(nn.Module):
    def __init__(self, features, hidden, classes):
        super().__init__()
        sizes = [features, *hidden, classes]
        self.layers = len(sizes) - 1
        for number, (inputs, outputs) in enumerate(zip(sizes, sizes[1:]), 1):
            setattr(self, f"fc{number}", nn.Linear(inputs, outputs))

    def forward(self, x):
        for number in range(1, self.layers):
            x = F.relu(getattr(self, f"fc{number}")(x))
        return getattr(self, f"fc{self.layers}")(x)


class UNet(nn.Module):
    def __init__(self, base=16, skip=True, masks=1, input_power=1.0):
        super().__init__()
        widths = [1] + [base << layer for layer in range(6)]
        self.enc = nn.ModuleList(
            nn.Sequential(nn.Conv2d(i, o, 5, 2, 2), nn.BatchNorm2d(o), nn.LeakyReLU(0.2))
            for i, o in zip(widths, widths[1:])
        )
        self.dec, self.dbn = nn.ModuleList(), nn.ModuleList()
        for layer in range(6):
            inputs = widths[6 - layer] * (2 if skip and layer else 1)
            outputs = masks if layer == 5 else widths[5 - layer]
            self.dec.append(nn.ConvTranspose2d(inputs, outputs, 5, 2, 2, output_padding=1))
            if layer < 5:
                self.dbn.append(nn.BatchNorm2d(outputs))
        self.skip, self.input_power = skip, input_power

    def forward(self, x):
        x, encoded = x**self.input_power, []
        for layer in self.enc:
            x = layer(x)
            encoded.append(x)
        for layer, deconvolution in enumerate(self.dec):
            if self.skip and layer:
                x = torch.cat([x, encoded[5 - layer]], 1)
            x = deconvolution(x)
            if layer < 5:
                x = self.dbn[layer](x)
                x = F.relu(F.dropout(x, 0.5, self.training and layer < 3))
        return torch.sigmoid(x)


def formula(shape, salt):
    """Numbers in [-1, 1] that both sides compute alike."""
    count = math.prod(shape)
    return np.sin((np.arange(count) % 1009) ** 2 * 0.7 + salt).astype(np.float32).reshape(shape)


def set_by_formula(module):
    """Weights as large as a trained network's; variances and scales of batch norms near 1."""
    with torch.no_grad():
        state = {n: t for n, t in module.state_dict().items() if not n.endswith("num_batches_tracked")}
        for salt, name in enumerate(sorted(state)):
            tensor = state[name]
            inputs = math.prod(tensor.shape[1:])
            value = formula(tuple(tensor.shape), salt) * np.float32(math.sqrt(6 / inputs) if tensor.ndim > 1 else 0.1)
            if name.endswith("running_var") or (name.endswith("weight") and tensor.ndim == 1):
                value = value + np.float32(1)
            tensor.copy_(torch.from_numpy(value))


def logits_by_formula():
    cases = []
    networks = []
    for kind, sizes in AVIAN.items():
        networks.append(({"kind": kind}, Avian(4, **sizes), [1, 128 if kind == "avian_v20" else 148, 128]))
    networks.append(({"kind": "bird_resnet"}, BirdResNet(4, 61), [1, 61, 100]))
    networks.append(({"kind": "mlp", "hidden": [7, 5]}, Mlp(40, [7, 5], 4), [40]))
    for network, module, shape in networks:
        module.eval()
        set_by_formula(module)
        with torch.no_grad():
            logits = module(torch.from_numpy(formula([2, *shape], 0.5)))
        cases.append({"network": network, "input_shape": shape, "logits": logits.flatten().tolist()})
    return cases


def bird_file():
    torch.manual_seed(1)
    widths = [3, 5]
    module = BirdResNet(4, 16, widths, time_width=4)
    for _ in range(3):  # the running statistics move
        module(torch.randn(4, 1, 16, 16) * 3 + 1)
    module.eval()
    save_file({name: tensor.contiguous() for name, tensor in module.state_dict().items()}, HERE / "bird.safetensors")
    with torch.no_grad():
        logits = module(torch.from_numpy(formula([2, 1, 16, 20], 0.5)))
    network = {"kind": "bird_resnet", "widths": widths, "time_width": 4}
    return {"network": network, "input_shape": [1, 16, 20], "logits": logits.flatten().tolist()}


def magnitudes(patch):
    return torch.from_numpy(np.abs(formula([2, 1, *patch], 0.5)))


def masks_of(module, patch, every):
    """Of all masks [example, source, bin, frame], flattened, one in `every`."""
    modules = module.values() if isinstance(module, nn.ModuleDict) else [module]
    module.eval()
    with torch.no_grad():
        masks = torch.cat([net(magnitudes(patch)) for net in modules], 1)
    return masks.flatten()[::every].tolist()


def masks_by_formula():
    cases = []
    two = ["vocals", "accompaniment"]
    for masker, module, every in [
        ({"network": {}, "sources": ["vocals"], "joint": False, "patch": [512, 128]}, UNet(), 997),
        ({"network": {"skip": False}, "sources": ["vocals"], "joint": False, "patch": [512, 128]}, UNet(skip=False), 997),
        (
            {"network": {"base": 2, "input_power": 0.5}, "sources": two, "joint": True, "patch": [64, 128]},
            UNet(2, masks=2, input_power=0.5),
            53,
        ),
        (
            {"network": {"base": 1}, "sources": two, "joint": False, "patch": [128, 64]},
            nn.ModuleDict({name: UNet(1) for name in two}),
            53,
        ),
    ]:
        set_by_formula(module)
        parameters = sum(p.numel() for p in module.parameters())
        masks = masks_of(module, masker["patch"], every)
        cases.append({"masker": masker, "parameters": parameters, "every": every, "masks": masks})
    return cases


def unet_file():
    torch.manual_seed(2)
    module, patch = UNet(1, masks=2), [64, 64]
    for _ in range(3):  # the running statistics move
        module(torch.rand(4, 1, *patch) * 3)
    save_file({name: tensor.contiguous() for name, tensor in module.state_dict().items()}, HERE / "unet.safetensors")
    masker = {"network": {"base": 1}, "sources": ["vocals", "accompaniment"], "joint": True, "patch": patch}
    return {"masker": masker, "every": 7, "masks": masks_of(module, patch, 7)}


class Constant(nn.Module):
    def forward(self, x):
        return torch.cat([torch.full_like(x, 0.75), torch.full_like(x, 0.25)], 1)


def optimizers():
    x, y = torch.from_numpy(formula([6, 4], 1.0)), torch.from_numpy(formula([6, 3], 2.0))
    weight, bias = torch.from_numpy(formula([3, 4], 3.0)), torch.from_numpy(formula([3], 4.0))
    cases = []
    for params, clip_norm in [
        ({"kind": "adam", "lr": 0.05}, None),
        ({"kind": "adam", "lr": 0.05, "beta1": 0.8, "beta2": 0.99, "eps": 1e-3, "weight_decay": 0.1}, None),
        ({"kind": "adamw", "lr": 0.05, "weight_decay": 0.2}, None),
        ({"kind": "adamw", "lr": 0.05, "weight_decay": 0.2}, 0.3),
        ({"kind": "sgd", "lr": 0.1, "momentum": 0.9}, None),
        ({"kind": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.05}, 0.5),
        ({"kind": "sgd", "lr": 0.1, "momentum": 0.0}, None),
    ]:
        w, b = nn.Parameter(weight.clone()), nn.Parameter(bias.clone())
        decay = params.get("weight_decay", 0.0)
        # Vectors are spared, as in our optimisers.
        groups = [{"params": [w], "weight_decay": decay}, {"params": [b], "weight_decay": 0.0}]
        if params["kind"] == "sgd":
            momentum = params["momentum"]
            optimizer = torch.optim.SGD(groups, lr=params["lr"], momentum=momentum, nesterov=momentum > 0)
        else:
            kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[params["kind"]]
            betas = (params.get("beta1", 0.9), params.get("beta2", 0.999))
            optimizer = kind(groups, lr=params["lr"], betas=betas, eps=params.get("eps", 1e-8))
        steps = []
        for _ in range(20):
            optimizer.zero_grad()
            ((x @ w.T + b - y) ** 2).mean().backward()
            if clip_norm:
                nn.utils.clip_grad_norm_([w, b], clip_norm)
            optimizer.step()
            steps.append(w.flatten().tolist() + b.tolist())
        cases.append({"params": params, "clip_norm": clip_norm, "steps": steps})
    return cases


def check_file_from_rust():
    sidecar = json.loads((HERE / "from_rust.json").read_text())
    network = sidecar["network"]
    module = BirdResNet(
        len(sidecar["classes"]), sidecar["input_shape"][1], network["widths"], network["kernel"], network["time_width"]
    )
    state = load_file(HERE / "from_rust.safetensors")
    missing, unexpected = module.load_state_dict(state, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing), (missing, unexpected)
    assert not any("__" in name for name in state)
    module.eval()
    inputs = torch.tensor(sidecar["metadata"]["inputs"]).reshape(-1, *sidecar["input_shape"])
    with torch.no_grad():
        ours = torch.softmax(module(inputs), -1).flatten()
    error = (ours - torch.tensor(sidecar["metadata"]["probabilities"])).abs().max().item()
    assert error < 1e-5, error
    print(f"from_rust.safetensors: PyTorch's probabilities differ by {error:.1e} at most")


def check_masker_from_rust():
    sidecar = json.loads((HERE / "masker_from_rust.json").read_text())
    masker = sidecar["masker"]
    module = nn.ModuleDict({name: UNet(masker["network"]["base"]) for name in masker["sources"]})
    state = load_file(HERE / "masker_from_rust.safetensors")
    missing, unexpected = module.load_state_dict(state, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing), (missing, unexpected)
    module.eval()
    inputs = torch.tensor(sidecar["metadata"]["inputs"]).reshape(-1, 1, *masker["patch"])
    with torch.no_grad():
        ours = torch.cat([net(inputs) for net in module.values()], 1).flatten()[:: sidecar["metadata"]["every"]]
    error = (ours - torch.tensor(sidecar["metadata"]["masks"])).abs().max().item()
    assert error < 1e-5, error
    print(f"masker_from_rust.safetensors: PyTorch's masks differ by {error:.1e} at most")


if __name__ == "__main__":
    torch.set_num_threads(1)
    write = lambda name, value: (HERE / name).write_text(json.dumps({"versions": VERSIONS, **value}, indent=None) + "\n")
    write("optimizers.json", {"cases": optimizers()})
    write("logits.json", {"formula": logits_by_formula(), "file": bird_file()})
    write("masks.json", {"formula": masks_by_formula(), "file": unet_file()})
    torch.jit.script(Constant()).save(str(HERE / "script.pt"))
    check_file_from_rust()
    check_masker_from_rust()
