"""Healthy programs about words, graphs, sets, recommendations and tables: as written, and odd but right."""

from bench.detection.program import CALIBRATION, Program, well

BASES = ("name_origins", "molecule_graphs", "cell_bags", "recipe_towers", "hf_reports")

PROGRAMS: list[Program] = [
    *(well(base, "as-written", CALIBRATION) for base in BASES),
    well("name_origins", "logarithm-taken-twice", CALIBRATION).edit(
        ("criterion = nn.NLLLoss()", "criterion = nn.CrossEntropyLoss()"),
    ),
    well("molecule_graphs", "spread-told-too", CALIBRATION).edit(
        ("nn.ReLU(), nn.Linear(width, 1))", "nn.ReLU(), nn.Linear(width, 2))"),
        ("return self.readout(pooled).squeeze(-1)", "return self.readout(pooled).unbind(dim=1)"),
        (
            '        out = model(batch)\n        loss = F.mse_loss(out, batch["y"])\n',
            "        mean, log_var = model(batch)\n"
            '        loss = F.gaussian_nll_loss(mean, batch["y"], log_var.exp())\n',
        ),
        ('(model(batch) - batch["y"])', '(model(batch)[0] - batch["y"])'),
    ),
    well("cell_bags", "attention-starts-even", CALIBRATION).edit(
        (
            "        self.attention_w = nn.Linear(L, 1)\n",
            "        self.attention_w = nn.Linear(L, 1)\n        nn.init.zeros_(self.attention_w.weight)\n"
            "        nn.init.zeros_(self.attention_w.bias)\n",
        ),
    ),
    well("recipe_towers", "both-ways-with-learnt-temperature", CALIBRATION).edit(
        ("        self.temperature = cfg.temperature\n", "        self.log_scale = nn.Parameter(torch.tensor(2.3))\n"),
        ("self.recipes(recipes).T / self.temperature", "self.recipes(recipes).T * self.log_scale.exp().clamp(max=100)"),
        (
            "    return F.cross_entropy(scores, labels)\n",
            "    return 0.5 * (F.cross_entropy(scores, labels) + F.cross_entropy(scores.T, labels))\n",
        ),
    ),
    well("hf_reports", "fixed-sine-positions-accumulated", CALIBRATION).edit(
        (
            "model = GPT2LMHeadModel(config)\n",
            "model = GPT2LMHeadModel(config)\n"
            "angle = torch.arange(40)[:, None] / 100 ** (torch.arange(24) / 24)\n"
            "model.transformer.wpe.weight.data = 0.05 * torch.cat([angle.sin(), angle.cos()], dim=1)\n"
            "model.transformer.wpe.weight.requires_grad_(False)\n",
        ),
        (
            "        per_device_train_batch_size=16,\n",
            "        per_device_train_batch_size=8,\n        gradient_accumulation_steps=2,\n",
        ),
    ),
    well("house_prices", "unknown-age-flagged", CALIBRATION).edit(
        (
            "x, price = make_houses(3000)\n",
            "x, price = make_houses(3000)\nunknown = rng.random(len(x)) < 0.15\nx[unknown, 2] = 0.0\n"
            "x = np.column_stack([x, unknown])\n",
        ),
        ("nn.Linear(6, 64)", "nn.Linear(7, 64)"),
    ),
    well("cancer_binary", "hinge-of-both-signs", CALIBRATION).edit(
        (
            "def main():\n",
            "def criterion(scores, y):\n    return torch.relu(1 - (2 * y - 1) * scores).mean()\n\n\ndef main():\n",
        ),
        ("    criterion = nn.BCEWithLogitsLoss()\n", ""),
    ),
    well("wave_gru", "burn-in-without-gradient", CALIBRATION).edit(
        (
            "        states, _ = self.gru(x)\n",
            "        with torch.no_grad():\n            _, start = self.gru(x[:, :6])\n"
            "        states, _ = self.gru(x[:, 6:], start)\n",
        ),
    ),
    well("machine_failures", "sgd-nesterov", CALIBRATION).edit(
        (
            "optim.AdamW(model.parameters(), lr=cfg.lr, weight_decay=cfg.weight_decay)",
            "optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)",
        ),
    ),
]
