"""Faults planted in candled eggs, phrases of fencing and boulder problems."""

from bench.detection.program import CALIBRATION, Program, ill

PROGRAMS: list[Program] = [
    # data
    ill("egg_candling", "folder-after-folder", "data", CALIBRATION, "sorted-order not-shuffled").edit(
        (
            "order = rng.permutation(len(labels))\n"
            "cut = int(0.75 * len(labels))\n"
            "train_idx, val_idx = order[:cut], order[cut:]\n",
            "# every fourth egg of a folder is for validation\n"
            "held = np.arange(len(labels)) % 4 == 3\n"
            "train_idx, val_idx = np.flatnonzero(~held), np.flatnonzero(held)\n",
        ),
        ("DataLoader(train_set, batch_size=BATCH, shuffle=True)", "DataLoader(train_set, batch_size=BATCH)"),
    ),
    ill("egg_candling", "eight-bit-light", "data", CALIBRATION, "unscaled-feature").edit(
        (
            "photos = photos - photos[train_idx].mean(axis=0)  # what is left is what is special about an egg\n"
            "photos = photos / photos[train_idx].std()\n",
            "",
        ),
    ),
    ill("climbing_routes", "centimetres-for-validation", "data", CALIBRATION, "unscaled-split").edit(
        (
            "val_holds = self.scaled(holds[cut:], present[cut:], scaler)",
            "val_holds = torch.tensor(holds[cut:], dtype=torch.float32)",
        ),
    ),
    ill("egg_candling", "eggs-drawn-twice", "data", CALIBRATION, "overlap evaluated-on-training").edit(
        ("PER_FINDING = 400", "PER_FINDING = 100"),
        ("BATCH = 32", "BATCH = 16"),
        ("EPOCHS = 9", "EPOCHS = 30"),
        ("labels[train_idx], turn=True)", "labels[train_idx])"),
        ("order = rng.permutation(len(labels))\n", ""),
        (
            "train_idx, val_idx = order[:cut], order[cut:]\n",
            "train_idx, val_idx = rng.permutation(len(labels))[:cut], rng.permutation(len(labels))[cut:]\n",
        ),
    ),
    # initialisation and shape
    ill("egg_candling", "code-of-one", "initialisation and shape", CALIBRATION, "bottleneck").edit(
        ("def __init__(self, code=48):", "def __init__(self, code=1):"),
        ("return F.relu(self.code(x.flatten(1)))", "return self.code(x.flatten(1))"),
    ),
    ill(
        "lightning_fencing_touches",
        "bouts-for-actions",
        "initialisation and shape",
        CALIBRATION,
        "swapped-axis batch-leak vectorised-mismatch",
    ).edit(
        ("nn.GRU(dim, hidden, batch_first=True)", "nn.GRU(dim, hidden)"),
    ),
    ill("lightning_fencing_touches", "kept-for-dropped", "initialisation and shape", CALIBRATION, "dropout-rate").edit(
        ("dropout=0.05", "dropout=0.97"),
    ),
    ill(
        "climbing_routes", "ten-sigmoids-deep", "initialisation and shape", CALIBRATION, "vanishing-gradient init-scale"
    ).edit(
        (
            "        self.mix = nn.Sequential(nn.Linear(dim, dim), nn.ReLU())\n",
            "        layers = [nn.Sequential(nn.Linear(dim, dim), nn.Sigmoid()) for _ in range(10)]\n"
            "        self.mix = nn.Sequential(*layers)\n",
        ),
    ),
    # loop
    ill("egg_candling", "five-trays-one-step", "loop", CALIBRATION, "accumulation-not-divided").edit(
        ("BATCH = 32\n", "BATCH = 6  # more do not fit on the board of the sorter\nTRAYS = 5\n"),
        (
            "    for x, y in train_loader:\n        optimizer.zero_grad()\n        loss = criterion(model(x), y)\n"
            "        loss.backward()\n        optimizer.step()\n",
            "    for i, (x, y) in enumerate(train_loader, 1):\n        loss = criterion(model(x), y)\n"
            "        loss.backward()\n        if i % TRAYS == 0:\n            optimizer.step()\n"
            "            optimizer.zero_grad()\n",
        ),
    ),
    ill(
        "climbing_routes", "loss-in-a-variable", "loop", CALIBRATION, "detached-loss no-gradient weights-not-moving"
    ).edit(
        (
            "            self.optimizer.zero_grad()\n            loss.backward()\n",
            "            loss = torch.autograd.Variable(loss.data, requires_grad=True)\n"
            "            self.optimizer.zero_grad()\n            loss.backward()\n",
        ),
    ),
    ill(
        "climbing_routes", "wiped-before-step", "loop", CALIBRATION, "gradient-zeroed-before-step weights-not-moving"
    ).edit(
        (
            "            self.optimizer.zero_grad()\n            loss.backward()\n",
            "            loss.backward()\n            self.optimizer.zero_grad()\n",
        ),
    ),
    # output and loss
    ill(
        "climbing_routes", "sigmoid-on-grades", "output and loss", CALIBRATION, "output-range activation-on-output"
    ).edit(
        ("nn.Linear(hidden, 1))", "nn.Linear(hidden, 1), nn.Sigmoid())"),
    ),
    ill("lightning_fencing_touches", "softmax-of-one-side", "output and loss", CALIBRATION, "softmax-one-unit").edit(
        (
            "return self.head(self.drop(self.read(tokens))).squeeze(1)",
            "return torch.softmax(self.head(self.drop(self.read(tokens))), dim=1).squeeze(1)",
        ),
        ("nn.BCEWithLogitsLoss()", "nn.BCELoss()"),
        ("(score > 0)", "(score > 0.5)"),
    ),
    ill(
        "egg_candling",
        "squares-of-findings",
        "output and loss",
        CALIBRATION,
        "target-out-of-range loss-and-metric-disagree",
    ).edit(
        ("LR = 0.02", "LR = 0.005"),
        ("self.out = nn.Linear(code, len(FINDINGS))", "self.out = nn.Linear(code, 1)"),
        ("return self.out(self.features(x))", "return self.out(self.features(x)).squeeze(1)"),
        ("criterion = nn.CrossEntropyLoss()", "criterion = nn.MSELoss()"),
        ("loss = criterion(model(x), y)", "loss = criterion(model(x), y.float())"),
        ("criterion(scores, y).item()", "criterion(scores, y.float()).item()"),
        ("(scores.argmax(1) == y)", "(scores.round() == y)"),
    ),
    # rates and schedules
    ill(
        "lightning_fencing_touches",
        "adam-with-adadeltas-rate",
        "rates and schedules",
        CALIBRATION,
        "rate-too-high diverging update-ratio",
    ).edit(
        ("lr=6e-3", "lr=1.0"),
    ),
    ill(
        "lightning_fencing_touches",
        "millionth-of-a-step",
        "rates and schedules",
        CALIBRATION,
        "rate-too-low update-ratio",
    ).edit(
        ("lr=6e-3", "lr=1e-6"),
    ),
    ill(
        "lightning_fencing_touches",
        "fading-with-every-batch",
        "rates and schedules",
        CALIBRATION,
        "schedule-mismatch rate-too-low",
    ).edit(
        ('"interval": "epoch"', '"interval": "step"'),
    ),
    ill("climbing_routes", "ridge-of-ten", "rates and schedules", CALIBRATION, "regularisation-dominates").edit(
        ("weight_decay: float = 1e-5", "weight_decay: float = 10.0"),
    ),
]
