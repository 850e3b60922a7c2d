"""Faults planted in the orbits of a shaft, pictures of cyclones and short reads of DNA."""

from bench.detection.program import CALIBRATION, Program, ill

PROGRAMS: list[Program] = [
    # output and loss
    ill(
        "gut_reads", "probabilities-to-cross-entropy", "output and loss", CALIBRATION, "softmax-before-cross-entropy"
    ).edit(
        (
            "return self.fc2(torch.relu(self.fc1(pooled)))",
            "return torch.softmax(self.fc2(torch.relu(self.fc1(pooled))), dim=-1)",
        ),
    ),
    ill(
        "lightning_cyclones", "sigmoid-on-wind", "output and loss", CALIBRATION, "activation-on-output output-range"
    ).edit(
        ("nn.Linear(32, 1))", "nn.Linear(32, 1), nn.Sigmoid())"),
    ),
    ill("lightning_cyclones", "column-against-row", "output and loss", CALIBRATION, "loss-broadcast").edit(
        (
            "return self.head(torch.cat([self.eye(image), self.book(table)], dim=1)).squeeze(1)",
            "return self.head(torch.cat([self.eye(image), self.book(table)], dim=1))",
        ),
    ),
    ill(
        "rotor_orbits",
        "squares-of-fault-numbers",
        "output and loss",
        CALIBRATION,
        "target-out-of-range output-range loss-and-metric-disagree",
    ).edit(
        ("self.out = nn.Linear(64, len(NAMES))", "self.out = nn.Linear(64, 1)"),
        ("        return self.out(x)", "        return self.out(x).squeeze(1)"),
        ("criterion = nn.CrossEntropyLoss()", "criterion = nn.MSELoss()"),
        (
            "        loss = criterion(output, y)\n",
            "        loss = criterion(output, y.float())\n",
        ),
        ("hits += (output.argmax(1) == y).sum().item()", "hits += (output.round() == y).sum().item()"),
        ("test_loss += criterion(output, y).item()", "test_loss += criterion(output, y.float()).item()"),
        ("right += (output.argmax(1) == y).sum().item()", "right += (output.round() == y).sum().item()"),
    ),
    # rates and schedules
    ill(
        "lightning_cyclones",
        "milestones-of-another-archive",
        "rates and schedules",
        CALIBRATION,
        "schedule-mismatch rate-too-low",
    ).edit(
        ("milestones=[6, 8]", "milestones=[60, 120, 160]"),
        ('"interval": "epoch"', '"interval": "step"'),
    ),
    ill("gut_reads", "adam-at-one", "rates and schedules", CALIBRATION, "rate-too-high diverging").edit(
        ('"--lr", type=float, default=3e-3', '"--lr", type=float, default=1.0'),
    ),
    # loop
    ill("gut_reads", "half-precision-skips-steps", "loop", CALIBRATION, "scaler-always-skips non-finite").edit(
        (
            "        self.batch_size = batch_size\n",
            '        self.batch_size = batch_size\n        self.scaler = torch.amp.GradScaler("cpu")\n',
        ),
        (
            "        loss = cross_entropy(self.model(x), y)\n        loss.backward()\n        self.optimizer.step()\n",
            '        with torch.autocast("cpu", dtype=torch.float16):\n'
            "            loss = cross_entropy(self.model(x), y)\n"
            "        self.scaler.scale(loss).backward()\n"
            "        self.scaler.step(self.optimizer)\n"
            "        self.scaler.update()\n",
        ),
        ('"--epochs", type=int, default=5', '"--epochs", type=int, default=2'),
    ),
    ill(
        "lightning_cyclones", "loss-wrapped-again", "loop", CALIBRATION, "detached-loss no-gradient weights-not-moving"
    ).edit(
        (
            "        loss = self.loss(self(image, table), wind)\n",
            "        loss = self.loss(self(image, table), wind)\n"
            "        loss = torch.tensor(loss.item(), requires_grad=True)\n",
        ),
    ),
    ill("rotor_orbits", "blocks-in-a-plain-list", "loop", CALIBRATION, "layers-not-registered not-in-optimizer").edit(
        (
            "        self.stem = nn.Conv1d(2, width, 5, padding=2)\n"
            "        self.blocks = nn.ModuleList([Block(width, d) for d in (1, 2, 4, 8)])\n",
            "        self.blocks = [nn.Conv1d(2, width, 5, padding=2)]\n"
            "        self.blocks += [Block(width, d) for d in (1, 2, 4, 8)]\n",
        ),
        ("        x = self.stem(x)\n", ""),
    ),
    ill("gut_reads", "gradients-never-cleared", "loop", CALIBRATION, "gradient-accumulates").edit(
        ("        self.optimizer.zero_grad()\n", ""),
    ),
    # initialisation and shape
    ill("gut_reads", "view-for-time-first", "initialisation and shape", CALIBRATION, "swapped-axis batch-leak").edit(
        ("        x = x.permute(1, 0, 2)\n", "        x = x.view(x.shape[1], x.shape[0], -1)\n"),
    ),
    ill("rotor_orbits", "nothing-bends", "initialisation and shape", CALIBRATION, "no-nonlinearity").edit(
        ("return x + self.second(F.relu(self.first(F.relu(x))))", "return x + self.second(self.first(x))"),
        ("        x = F.relu(x).mean(dim=2)\n", "        x = x.mean(dim=2)\n"),
        ("        x = F.relu(self.hidden(x))\n", "        x = self.hidden(x)\n"),
    ),
    ill(
        "rotor_orbits",
        "softmax-inside",
        "initialisation and shape",
        CALIBRATION,
        "init-scale vanishing-gradient bottleneck",
    ).edit(
        ("        x = F.relu(self.hidden(x))\n", "        x = F.softmax(self.hidden(x), dim=1)\n"),
    ),
    ill("gut_reads", "one-hidden-unit", "initialisation and shape", CALIBRATION, "bottleneck").edit(
        ("def __init__(self, dim=32, hidden=48):", "def __init__(self, dim=32, hidden=1):"),
    ),
    # data
    ill("rotor_orbits", "workers-draw-alike", "data", CALIBRATION, "workers-share-seed duplicate-sample").edit(
        ("num_workers=0", "num_workers=4"),
    ),
    ill("lightning_cyclones", "raw-table-for-validation", "data", CALIBRATION, "unscaled-split feature-drift").edit(
        ("val_table = self.scaler.transform(table[split:])", "val_table = table[split:]"),
    ),
    ill("lightning_cyclones", "buoy-silent", "data", CALIBRATION, "non-finite-value missing-value").edit(
        (
            "    table = np.stack([lat, sst, hours, moving], axis=1)\n",
            "    sst[1307] = np.nan  # buoy silent\n    table = np.stack([lat, sst, hours, moving], axis=1)\n",
        ),
    ),
    ill("rotor_orbits", "time-runs-backwards", "data", CALIBRATION, "augmentation-breaks-labels").edit(
        (
            "        # probes are mounted at any angle, with any gain\n",
            "        if self.rng.random() < 0.5:\n"
            "            window = window[::-1]\n"
            "        # probes are mounted at any angle, with any gain\n",
        ),
    ),
]
