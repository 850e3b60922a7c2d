"""Faulty programs on three bases of other data: photographed beans, cold rooms, honey."""

from bench.detection.program import CALIBRATION, Program, ill

PROGRAMS: list[Program] = [
    ill("coffee_beans", "relu-logits", "output and loss", CALIBRATION, "activation-on-output dead-relu").edit(
        ("nn.Linear(64 * 3 * 3, classes))", "nn.Linear(64 * 3 * 3, classes), nn.ReLU())"),
    ),
    ill("coffee_beans", "never-eval", "loop", CALIBRATION, "validated-in-train-mode").edit(
        ("    model.eval()\n", ""),
        ("classes, dropout=0.3)", "classes, dropout=0.5)"),
    ),
    ill("coffee_beans", "squeeze-one", "initialisation and shape", CALIBRATION, "bottleneck").edit(
        ("Fire(16, 12, 24)", "Fire(16, 1, 24)"),
    ),
    ill("coffee_beans", "scaled-twice", "data", CALIBRATION, "pixel-range constant-feature unscaled-feature").edit(
        (
            "self.images = np.stack([photograph(DEFECTS[k], rng) for k in self.labels])",
            "self.images = np.stack([photograph(DEFECTS[k], rng) for k in self.labels]).astype(np.float32) / 255",
        ),
    ),
    ill("coffee_beans", "raw-pixels", "data", CALIBRATION, "pixel-range unscaled-feature").edit(
        ("image = torch.from_numpy(self.images[i]).float() / 255", "image = torch.from_numpy(self.images[i]).float()"),
        ("return (image - 0.3) / 0.2, int(self.labels[i])", "return image, int(self.labels[i])"),
    ),
    ill("lightning_cold_rooms", "likelihood-minimised", "output and loss", CALIBRATION, "negated-loss").edit(
        ("        loss = self.loss(self(x), y)\n", "        loss = -self.loss(self(x), y)  # log likelihood\n"),
    ),
    ill("lightning_cold_rooms", "softmax-of-one", "output and loss", CALIBRATION, "softmax-one-unit softmax-axis").edit(
        ("return self.out(x[:, -1]).squeeze(-1)", "return torch.softmax(self.out(x[:, -1]), dim=-1).squeeze(-1)"),
        ("nn.BCEWithLogitsLoss()", "nn.BCELoss()"),
        ("((logit > 0).float() == y)", "((logit > 0.5).float() == y)"),
    ),
    ill("lightning_cold_rooms", "plain-list", "loop", CALIBRATION, "layers-not-registered not-in-optimizer").edit(
        ("self.layers = nn.ModuleList(layers)", "self.layers = layers"),
    ),
    ill(
        "lightning_cold_rooms",
        "time-first",
        "initialisation and shape",
        CALIBRATION,
        "swapped-axis batch-leak",
    ).edit(
        ("hidden, hidden, batch_first=True)", "hidden, hidden)"),
    ),
    ill("lightning_cold_rooms", "raw-validation", "data", CALIBRATION, "unscaled-split feature-drift").edit(
        ("        xv = (xv - mean) / std\n", ""),
    ),
    ill("lightning_cold_rooms", "refill-known", "data", CALIBRATION, "leaking-feature").edit(
        ('"current", "outside"]', '"current", "outside", "refill_kg"]'),
        (
            "    return np.stack(rows, 1).astype(np.float32), leak\n",
            "    refill = np.maximum(leak * rng.normal(1.1, 0.3, n) + rng.normal(0, 0.1, n), 0)  # at next service\n"
            "    x = np.concatenate([np.stack(rows, 1), np.repeat(refill[:, None, None], STEPS, 1)], 2)\n"
            "    return x.astype(np.float32), leak\n",
        ),
    ),
    ill("honey_origin", "nll-of-logits", "output and loss", CALIBRATION, "nll-on-logits").edit(
        ("nn.CrossEntropyLoss()", "nn.NLLLoss()"),
    ),
    ill("honey_origin", "decay-ten", "rates and schedules", CALIBRATION, "regularisation-dominates").edit(
        ("weight_decay=1e-2", "weight_decay=10.0"),
    ),
    ill("honey_origin", "rate-one", "rates and schedules", CALIBRATION, "rate-too-high diverging update-ratio").edit(
        ("lr: float = 1e-3", "lr: float = 1.0"),
    ),
    ill("honey_origin", "no-zero-grad", "loop", CALIBRATION, "gradient-accumulates").edit(
        ("        self.opt.zero_grad()\n", ""),
    ),
    ill("honey_origin", "scaler-each-step", "loop", CALIBRATION, "scaler-always-skips weights-not-moving").edit(
        (
            "        loss = self.criterion(self.net(xb), yb)\n        loss.backward()\n        self.opt.step()\n",
            '        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**24)\n'
            '        with torch.autocast("cpu", dtype=torch.float16):\n'
            "            loss = self.criterion(self.net(xb), yb)\n"
            "        scaler.scale(loss).backward()\n"
            "        scaler.step(self.opt)\n"
            "        scaler.update()\n",
        ),
    ),
    ill("honey_origin", "all-zero", "initialisation and shape", CALIBRATION, "zero-init symmetric-init").edit(
        (
            "        self.out = nn.Linear(width, n_out)\n",
            "        self.out = nn.Linear(width, n_out)\n"
            "        for p in self.parameters():\n"
            "            nn.init.zeros_(p)\n",
        ),
    ),
    ill("honey_origin", "ten-sigmoids", "initialisation and shape", CALIBRATION, "vanishing-gradient init-scale").edit(
        ("width=32, depth=2", "width=32, depth=10"),
        ("else width, width), nn.ReLU()]", "else width, width), nn.Sigmoid()]"),
    ),
]
