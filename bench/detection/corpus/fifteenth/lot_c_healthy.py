"""Right programs, some of them odd, on prints of tyres, logs at a sawmill and strokes of rowers."""

from bench.detection.program import EVALUATION, Program, well

PROGRAMS: list[Program] = [
    well("keras_tyre_treads", "as-written", EVALUATION),
    well("sawmill_logs", "as-written", EVALUATION),
    well("rowing_strokes", "as-written", EVALUATION),
    well("keras_tyre_treads", "head-from-zero", EVALUATION).edit(
        ("layers.Dense(len(FAMILIES))(x)", 'layers.Dense(len(FAMILIES), kernel_initializer="zeros")(x)'),
    ),
    well("keras_tyre_treads", "warm-then-cosine", EVALUATION).edit(
        ("EPOCHS = 6", "EPOCHS = 7"),
        (
            "    rate = keras.optimizers.schedules.PiecewiseConstantDecay("
            "[4 * steps, 5 * steps], [3e-3, 1e-3, 2e-4])\n",
            "    warm = steps // 2\n"
            "    rate = keras.optimizers.schedules.CosineDecay(\n"
            "        1e-5, EPOCHS * steps - warm, alpha=0.0, warmup_target=3e-3, warmup_steps=warm\n"
            "    )\n",
        ),
    ),
    well("sawmill_logs", "wide-and-mostly-off", EVALUATION).edit(
        (
            "        self.fc2 = nn.Linear(width, width)\n        self.fc3 = nn.Linear(width, width // 2)\n",
            "        # a wide layer of specialists: each answers to few logs\n"
            "        self.fc2 = nn.Linear(width, 10 * width)\n"
            "        nn.init.normal_(self.fc2.weight, std=(2 / width) ** 0.5)\n"
            "        nn.init.constant_(self.fc2.bias, -0.4)\n"
            "        self.fc3 = nn.Linear(10 * width, width // 2)\n",
        ),
        ("LR = 4e-3", "LR = 2e-3"),
    ),
    well("sawmill_logs", "one-expert-a-log", EVALUATION).edit(
        (
            "class ValueNet(nn.Module):\n",
            "class Switch(nn.Module):\n"
            '    """Top-1 mixture of experts (Fedus et al. 2021), with its loss for an even load."""\n'
            "\n"
            "    def __init__(self, width, hidden=64, n_experts=4):\n"
            "        super().__init__()\n"
            "        self.router = nn.Linear(width, n_experts)\n"
            "        self.experts = nn.ModuleList(\n"
            "            nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width)) "
            "for _ in range(n_experts)\n"
            "        )\n"
            "\n"
            "    def forward(self, h):\n"
            "        gates = self.router(h).softmax(dim=1)\n"
            "        gate, chosen = gates.max(dim=1)\n"
            "        out = torch.zeros_like(h)\n"
            "        for k, expert in enumerate(self.experts):\n"
            "            rows = (chosen == k).nonzero().squeeze(1)\n"
            "            out = out.index_add(0, rows, gate[rows, None] * expert(h[rows]))\n"
            "        share = F.one_hot(chosen, len(self.experts)).float().mean(dim=0)\n"
            "        self.balance = len(self.experts) * (share * gates.mean(dim=0)).sum()\n"
            "        return h + out\n"
            "\n"
            "\n"
            "class ValueNet(nn.Module):\n",
        ),
        ("        self.fc2 = nn.Linear(width, width)\n", "        self.switch = Switch(width)\n"),
        ("        h = F.relu(self.fc2(h))\n", "        h = self.switch(h)\n"),
        (
            "        loss.backward()\n",
            "        (loss + 0.01 * model.switch.balance).backward()\n",
        ),
    ),
    well("sawmill_logs", "loss-in-cents", EVALUATION).edit(
        (
            "    def __init__(self, n_columns, width=96, species_dim=4):\n        super().__init__()\n",
            "    def __init__(self, n_columns, mean, std, width=96, species_dim=4):\n"
            "        super().__init__()\n"
            '        self.register_buffer("mean", torch.tensor(float(mean)))\n'
            '        self.register_buffer("std", torch.tensor(float(std)))\n',
        ),
        ("return self.out(h).squeeze(1)", "return self.mean + self.std * self.out(h).squeeze(1)"),
        (
            "    mean, std = value[train].mean(), value[train].std()\n",
            "    value = 100 * value  # cents\n    mean, std = value[train].mean(), value[train].std()\n",
        ),
        ("torch.tensor((value[part] - mean) / std, dtype", "torch.tensor(value[part], dtype"),
        ("model = ValueNet(len(COLUMNS))", "model = ValueNet(len(COLUMNS), mean, std)"),
        ("def evaluate(model, data, euros):\n", "def evaluate(model, data):\n"),
        ('"""Mean squared error (of the scaled value) and', '"""Mean squared error (in square cents) and'),
        ("(pred - target).abs().mean().item() * euros\n", "(pred - target).abs().mean().item() / 100\n"),
        ("constant = val_data[2].square().mean().item()", "constant = (val_data[2] - mean).square().mean().item()"),
        (
            "{std:.1f} euros; the mean alone: val mse {constant:.3f}",
            "{std:.1f} cents; the mean alone: val mse {constant:.0f}",
        ),
        (
            "        val_mse, val_mae = evaluate(model, val_data, std)\n",
            "        val_mse, val_mae = evaluate(model, val_data)\n",
        ),
        (
            "train mse {train_mse:.4f}  val mse {val_mse:.4f}",
            "train mse {train_mse:.0f}  val mse {val_mse:.0f}",
        ),
        (
            '"best weights: val mse {:.4f}, mae {:.2f} euros".format(*evaluate(model, val_data, std))',
            '"best weights: val mse {:.0f}, mae {:.2f} euros".format(*evaluate(model, val_data))',
        ),
    ),
    well("rowing_strokes", "hasty-labels", EVALUATION).edit(
        ("row_pieces(36, rng)", "row_pieces(60, rng)"),
        ("of 36 rowers", "of 60 rowers"),
        (
            "    mean, std = train_x.mean",
            "    # only the validation strokes were labelled from video: three in ten of the others are wrong\n"
            "    wrong = rng.random(len(train_y)) < 0.3\n"
            "    other = (train_y + rng.integers(1, len(HABITS), len(train_y))) % len(HABITS)\n"
            "    train_y = np.where(wrong, other, train_y)\n"
            "    mean, std = train_x.mean",
        ),
    ),
    well("rowing_strokes", "like-with-like", EVALUATION).edit(
        (
            "import torch\nfrom torch import nn\n",
            "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n",
        ),
        (
            "class Coach:\n",
            "class SupCon(nn.Module):\n"
            '    """Supervised contrastive loss: every stroke against the others of its batch (Khosla et al. 2020)."""\n'
            "\n"
            "    def __init__(self, temperature=0.2):\n"
            "        super().__init__()\n"
            "        self.temperature = temperature\n"
            "\n"
            "    def forward(self, z, y):\n"
            "        itself = torch.eye(len(y), dtype=torch.bool)\n"
            "        alike = (y[:, None] == y) & ~itself\n"
            "        logits = (z @ z.T / self.temperature).masked_fill(itself, -1e9)\n"
            "        log_p = logits.log_softmax(dim=1)\n"
            "        partners = alike.sum(dim=1)\n"
            "        each = -(log_p * alike).sum(dim=1)[partners > 0] / partners[partners > 0]\n"
            "        return each.mean()\n"
            "\n"
            "\n"
            "class Coach:\n",
        ),
        ("self.head = nn.Linear(64, len(HABITS))", "self.head = nn.Linear(64, 32)"),
        ("        return self.head(x)\n", "        return F.normalize(self.head(x), dim=1)\n"),
        ("self.loss = nn.CrossEntropyLoss()", "self.loss = SupCon()"),
        (
            "        self.model.eval()\n        total = right = 0.0\n",
            "        self.model.eval()\n"
            "        signals, labels = self.train_loader.dataset.signals, self.train_loader.dataset.labels\n"
            "        z = torch.cat([self.model(x) for x in signals.split(256)])\n"
            "        centres = torch.stack([z[labels == k].mean(dim=0) for k in range(len(HABITS))])\n"
            "        centres = F.normalize(centres, dim=1)\n"
            "        total = right = 0.0\n",
        ),
        (
            "            logits = self.model(x)\n            total += self.loss(logits, y).item() * len(y)\n"
            "            right += (logits.argmax(dim=1) == y).sum().item()\n",
            "            z = self.model(x)\n            total += self.loss(z, y).item() * len(y)\n"
            "            right += ((z @ centres.T).argmax(dim=1) == y).sum().item()\n",
        ),
        ("batch_size=48, shuffle", "batch_size=96, shuffle"),
        ("epochs=7)", "epochs=12)"),
        ("batch_size=PIECE)  # piece by piece", "batch_size=2 * len(HABITS) * PIECE)  # two rowers, all habits"),
    ),
    well("rowing_strokes", "six-layers-of-attention", EVALUATION).edit(
        (
            "    def __init__(self, channels=4, width=24, drop=0.3):\n",
            "    def __init__(self, channels=4, width=32, patch=8, depth=6, drop=0.05):\n",
        ),
        (
            "        self.body = nn.Sequential(\n"
            "            nn.Conv1d(channels, width, 7, stride=2, padding=3, bias=False),\n"
            "            nn.BatchNorm1d(width),\n"
            "            nn.ReLU(),\n"
            "            nn.Conv1d(width, width, 5, stride=2, padding=2, bias=False),\n"
            "            nn.BatchNorm1d(width),\n"
            "            nn.ReLU(),\n"
            "            nn.Conv1d(width, width, 3, stride=2, padding=1, bias=False),\n"
            "            nn.BatchNorm1d(width),\n"
            "            nn.ReLU(),\n"
            "        )\n"
            "        self.neck = nn.Linear(width * MOMENTS // 8, 64)\n"
            "        self.drop = nn.Dropout(drop)\n"
            "        self.head = nn.Linear(64, len(HABITS))\n",
            "        self.patch = nn.Sequential(\n"
            "            nn.Conv1d(channels, width, 7, stride=2, padding=3),\n"
            "            nn.GELU(),\n"
            "            nn.Conv1d(width, width, patch, stride=patch // 2, padding=patch // 4),\n"
            "        )\n"
            "        self.place = nn.Parameter(0.5 * torch.randn(MOMENTS // patch, width))\n"
            "        self.body = nn.Sequential(\n"
            "            *(\n"
            "                nn.TransformerEncoderLayer(\n"
            '                    width, 4, 2 * width, drop, activation="gelu", batch_first=True, norm_first=True\n'
            "                )\n"
            "                for _ in range(depth)\n"
            "            ),\n"
            "            nn.LayerNorm(width),\n"
            "        )\n"
            "        self.head = nn.Linear(width * MOMENTS // patch, len(HABITS))\n",
        ),
        (
            "        x = self.body(x).flatten(1)\n"
            "        x = self.drop(torch.relu(self.neck(x)))\n"
            "        return self.head(x)\n",
            "        x = self.patch(x).permute(0, 2, 1) + self.place\n"
            "        return self.head(self.body(x).flatten(1))\n",
        ),
        ("row_pieces(36, rng)", "row_pieces(60, rng)"),
        ("of 36 rowers", "of 60 rowers"),
        ("epochs=7)", "epochs=5)"),
        ("batch_size=48, shuffle", "batch_size=96, shuffle"),
        ("batch_size=PIECE)  # piece by piece", "batch_size=len(HABITS) * PIECE)"),
    ),
]
