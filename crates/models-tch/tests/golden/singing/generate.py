"""PyTorch's side of the networks for singing: parameter counts, and logits for a formula's weights and inputs.

Writes networks.json beside itself. The logits of networks with one output are those of (0, z), whose softmax is the
sigmoid of z.
"""

import importlib.util
import json
import pathlib

import torch
import torch.nn.functional as F
from torch import nn

HERE = pathlib.Path(__file__).parent
spec = importlib.util.spec_from_file_location("common", HERE.parent / "generate.py")
common = importlib.util.module_from_spec(spec)
spec.loader.exec_module(common)


class Gate(nn.Module):
    def __init__(self, channels, reduction=16):
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(channels, channels // reduction, bias=False),
            nn.ReLU(),
            nn.Linear(channels // reduction, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return x * self.fc(x.mean((2, 3)))[:, :, None, None]


class Block(nn.Module):
    def __init__(self, inputs, inner, stride, bottleneck):
        super().__init__()
        outputs = 4 * inner if bottleneck else inner
        sizes = [(inputs, inner, 3, stride), (inner, outputs, 3, 1)]
        if bottleneck:
            sizes = [(inputs, inner, 1, 1), (inner, inner, 3, stride), (inner, outputs, 1, 1)]
        self.count = len(sizes)
        for number, (i, o, kernel, step) in enumerate(sizes, 1):
            setattr(self, f"conv{number}", nn.Conv2d(i, o, kernel, step, kernel // 2, bias=False))
            setattr(self, f"bn{number}", nn.BatchNorm2d(o))
        self.se = Gate(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = x
        for number in range(1, self.count + 1):
            y = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(y))
            y = F.relu(y) if number < self.count else y
        return F.relu(self.se(y) + (self.downsample(x) if self.downsample else x))


STAGES = {
    14: ([2, 2, 2], False),
    18: ([2, 2, 2, 2], False),
    34: ([3, 4, 6, 3], False),
    50: ([3, 4, 6, 3], True),
    101: ([3, 4, 23, 3], True),
    152: ([3, 8, 36, 3], True),
    200: ([3, 12, 48, 3], True),
}


class SeResNet(nn.Module):
    def __init__(self, depth, classes=2):
        super().__init__()
        stages, bottleneck = STAGES[depth]
        self.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        self.stages = len(stages)
        for stage, count in enumerate(stages):
            blocks = []
            for index in range(count):
                blocks.append(Block(inputs, 64 << stage, 2 if stage and not index else 1, bottleneck))
                inputs = (64 << stage) * (4 if bottleneck else 1)
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for stage in range(1, self.stages + 1):
            x = getattr(self, f"layer{stage}")(x)
        return self.fc(x.mean((2, 3)))


class Scnn(nn.Module):
    def __init__(self, lee):
        super().__init__()
        for number, (i, o) in enumerate([(1, 64), (64, 32), (32, 128), (128, 64)], 1):
            setattr(self, f"conv{number}", nn.Conv2d(i, o, 3))
        self.fc1, self.fc2, self.fc3 = nn.Linear(64 * 7 * 11, 256), nn.Linear(256, 64), nn.Linear(64, 1)
        self.lee = lee

    def forward(self, x):
        leaky = lambda t: F.leaky_relu(t, 0.01)
        x = F.max_pool2d(leaky(self.conv2(leaky(self.conv1(x)))), 3)
        x = F.max_pool2d(leaky(self.conv4(leaky(self.conv3(x)))), 3).flatten(1)
        dense = (lambda t: t) if self.lee else leaky
        return self.fc3(dense(self.fc2(dense(self.fc1(x)))))


class BiLstm(nn.Module):
    def __init__(self):
        super().__init__()
        for number, (inputs, units) in enumerate([(80, 30), (60, 20), (40, 40)], 1):
            setattr(self, f"lstm{number}", nn.LSTM(inputs, units, batch_first=True, bidirectional=True))
        self.fc = nn.Linear(80, 1)

    def forward(self, x):
        for number in (1, 2, 3):
            x, _ = getattr(self, f"lstm{number}")(x)
        return self.fc(x)


def networks():
    for depth in STAGES:
        yield {"kind": "se_resnet", "depth": depth}, SeResNet(depth), [1, 80, 80]
    yield {"kind": "scnn", "variant": "schlueter"}, Scnn(False), [1, 80, 115]
    yield {"kind": "scnn", "variant": "lee"}, Scnn(True), [1, 80, 115]
    yield {"kind": "bi_lstm"}, BiLstm(), [218, 80]


def calm(module):
    """Sixteen bottlenecks of the formula's weights make rounding errors as large as the logits: each then adds a tenth."""
    with torch.no_grad():
        for name, tensor in module.named_parameters():
            if name.startswith("layer") and name.endswith("bn3.weight"):
                tensor *= 0.1


# Deeper networks hold the same blocks, and take their time.
COMPARED = {14, 34, 50}

if __name__ == "__main__":
    torch.set_num_threads(1)
    counts, cases = [], []
    for network, module, shape in networks():
        counts.append({"network": network, "input_shape": shape, "parameters": sum(p.numel() for p in module.parameters())})
        if network.get("depth", 14) not in COMPARED:
            continue
        module.eval()
        common.set_by_formula(module)
        calm(module)
        inputs = torch.from_numpy(common.formula([2, *shape], 0.5))
        fc_scale = 1.0
        with torch.no_grad():
            if network["kind"] == "se_resnet":
                # Blocks add up: the logits of the deep ones lie where every softmax is 0 or 1.
                fc_scale = 1 / module(inputs).abs().max().item()
                module.fc.weight *= fc_scale
            logits = module(inputs)
        if logits.shape[-1] == 1:
            logits = torch.cat([torch.zeros_like(logits), logits], -1)
        print(network, "logits within", logits.abs().max().item())
        case = {"network": network, "input_shape": shape, "fc_scale": fc_scale, "logits": logits.flatten().tolist()}
        cases.append(case)
    text = json.dumps({"versions": common.VERSIONS, "counts": counts, "formula": cases}, indent=None)
    (HERE / "networks.json").write_text(text + "\n")
