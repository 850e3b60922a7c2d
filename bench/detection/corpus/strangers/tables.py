"""Faults put on the programs that learn from tables."""

from bench.detection.program import CALIBRATION, Program, ill

OUTPUT, RATES, LOOP = "output and loss", "rates and schedules", "loop"
SHAPE, DATA = "initialisation and shape", "data"
TOO_LOW = "rate-too-low update-ratio weights-not-moving"
LARGE = "init-scale initial-loss exploding-gradient saturated-at-init"
OVERLAP = "overlap near-overlap duplicate-sample"

PROGRAMS: list[Program] = [
    ill("concrete_strength", "relu-at-the-end", OUTPUT, CALIBRATION, "activation-on-output output-range").edit(
        ("return self.head(self.layers(x)).squeeze(-1)", "return torch.relu(self.head(self.layers(x))).squeeze(-1)"),
    ),
    ill("concrete_strength", "column-against-row", OUTPUT, CALIBRATION, "loss-broadcast").edit(
        ("return self.head(self.layers(x)).squeeze(-1)", "return self.head(self.layers(x))"),
    ),
    ill("machine_failures", "two-sigmoids", OUTPUT, CALIBRATION, "sigmoid-before-bce-with-logits").edit(
        ("return self.head(h).flatten()", "return torch.sigmoid(self.head(h)).flatten()"),
    ),
    ill(
        "machine_failures",
        "softmax-without-axis",
        OUTPUT,
        CALIBRATION,
        "softmax-axis batch-leak softmax-one-unit",
    ).edit(
        (
            "        self.head = nn.Linear(cfg.hidden, 1)\n",
            "        self.head = nn.Linear(cfg.hidden, 1)\n        self.softmax = nn.Softmax()\n",
        ),
        ("return self.head(h).flatten()", "return self.softmax(self.head(h).flatten())"),
        ("nn.BCEWithLogitsLoss(pos_weight=torch.tensor((1 - share) / share).sqrt())", "nn.BCELoss()"),
        ("proba = torch.sigmoid(torch.cat(outputs)).numpy()", "proba = torch.cat(outputs).numpy()"),
    ),
    ill("skorch_crops", "default-criterion-on-logits", OUTPUT, CALIBRATION, "nll-on-logits non-finite").edit(
        ("    criterion=nn.CrossEntropyLoss,\n", ""),
    ),
    ill("lightning_wine", "nll-of-logits", OUTPUT, CALIBRATION, "nll-on-logits").edit(
        ("loss = F.cross_entropy(self(x), y)", "loss = F.nll_loss(self(x), y)"),
        ('self.log("val_loss", F.cross_entropy(logits, y))', 'self.log("val_loss", F.nll_loss(logits, y))'),
    ),
    ill("digits_autoencoder", "sigmoid-of-standardised", OUTPUT, CALIBRATION, "activation-on-output output-range").edit(
        (
            "/ 16\n",
            "/ 16\npixels = (pixels - pixels.mean()) / pixels.std()\n",
        ),
    ),
    ill("concrete_strength", "plateau-upside-down", RATES, CALIBRATION, f"schedule-mismatch {TOO_LOW}").edit(
        ('mode="min", factor=0.5, patience=3', 'mode="max", factor=0.1, patience=1'),
    ),
    ill("skorch_crops", "sgd-1e-4", RATES, CALIBRATION, TOO_LOW).edit(
        ("    optimizer=torch.optim.Adam,\n    lr=4e-3,\n", "    lr=1e-4,\n"),
    ),
    ill("machine_failures", "best-weights-aliased", LOOP, CALIBRATION, "aliased-checkpoint").edit(
        (
            "        self.history = defaultdict(list)\n",
            '        self.history = defaultdict(list)\n        self.best_loss, self.best_state = float("inf"), None\n',
        ),
        (
            '            self.history["train_loss"].append(train_loss)\n',
            '            self.history["train_loss"].append(train_loss)\n            if scores["val_loss"] < self.best_loss:\n'
            '                self.best_loss, self.best_state = scores["val_loss"], self.model.state_dict()\n',
        ),
        (
            "        return self.history\n",
            "        self.model.load_state_dict(self.best_state)\n"
            '        print(f"best epoch: {self.best_loss:.4f}, restored:", self._validate())\n        return self.history\n',
        ),
        ("dropout: float = 0.2", "dropout: float = 0.0"),
        ("hidden: int = 64", "hidden: int = 128"),
        ("rows: int = 6000", "rows: int = 3000"),
        ("epochs: int = 10", "epochs: int = 20"),
    ),
    ill("machine_failures", "never-eval", LOOP, CALIBRATION, "validated-in-train-mode").edit(
        ("        self.model.eval()\n", ""),
        ("dropout: float = 0.2", "dropout: float = 0.5"),
        ("batch_size=250", "batch_size=cfg.batch_size // 4"),
    ),
    ill(
        "machine_failures",
        "trainer-copies-model",
        LOOP,
        CALIBRATION,
        "not-in-optimizer stale-optimizer weights-not-moving",
    ).edit(
        ("import os\nimport random\n", "import copy\nimport os\nimport random\n"),
        ("        self.model = model\n", "        self.model = copy.deepcopy(model)\n"),
    ),
    ill("skorch_crops", "layers-in-list", LOOP, CALIBRATION, "layers-not-registered not-in-optimizer").edit(
        (
            "        self.fc1 = nn.Linear(7, hidden)\n        self.fc2 = nn.Linear(hidden, hidden)\n",
            "        sizes = [7, 8, hidden]\n        self.hidden = [nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:])]\n",
        ),
        (
            "        x = torch.tanh(self.fc1(x))\n        x = self.dropout(x)\n        x = torch.tanh(self.fc2(x))\n        return",
            "        for layer in self.hidden:\n            x = self.dropout(torch.tanh(layer(x)))\n        return",
        ),
    ),
    ill("house_prices", "no-zero-grad", LOOP, CALIBRATION, "gradient-accumulates").edit(
        ("        optimizer.zero_grad()\n", ""),
    ),
    ill("concrete_strength", "uniform-weights", SHAPE, CALIBRATION, LARGE).edit(
        ("nn.init.kaiming_normal_(m.weight, a=0.1)", "nn.init.uniform_(m.weight)"),
    ),
    ill(
        "skorch_crops",
        "normal-weights",
        SHAPE,
        CALIBRATION,
        f"{LARGE} saturated-unit",
    ).edit(
        (
            "        self.dropout = nn.Dropout(dropout)\n",
            "        self.dropout = nn.Dropout(dropout)\n        for p in self.parameters():\n            nn.init.normal_(p, 0, 2)\n",
        ),
    ),
    ill(
        "concrete_strength",
        "kilograms-as-they-are",
        DATA,
        CALIBRATION,
        "unscaled-feature mixed-scales initial-loss init-scale rate-too-high exploding-gradient",
    ).edit(
        (
            "    x_train = (x_train - x_mean) / x_std\n    x_val = (x_val - x_mean) / x_std\n    x_test = (x_test - x_mean) / x_std\n",
            "",
        ),
        ("    x_mean, x_std = x_train.mean(axis=0), x_train.std(axis=0)\n", ""),
    ),
    ill(
        "concrete_strength",
        "validation-not-scaled",
        DATA,
        CALIBRATION,
        "unscaled-split feature-drift train-eval-gap",
    ).edit(
        ("    x_val = (x_val - x_mean) / x_std\n", ""),
    ),
    ill("machine_failures", "repair-hours", DATA, CALIBRATION, "leaking-feature").edit(
        (
            "    numeric = np.stack([air, process, speed, torque, wear], axis=1)",
            "    repair_hours = failed * np.random.gamma(4, 2, n) + np.random.exponential(0.3, n)\n"
            "    numeric = np.stack([air, process, speed, torque, wear, repair_hours], axis=1)",
        ),
        ("n_numeric=5", "n_numeric=6"),
    ),
    ill("machine_failures", "oversampled-before-split", DATA, CALIBRATION, f"{OVERLAP} evaluated-on-training").edit(
        (
            "    n_train = int(0.75 * cfg.rows)\n",
            "    index = np.concatenate([np.flatnonzero(failed == 0), np.repeat(np.flatnonzero(failed == 1), 10)])\n"
            "    np.random.shuffle(index)\n"
            "    numeric, categories, failed = numeric[index], categories[index], failed[index]\n"
            "    n_train = int(0.75 * len(failed))\n",
        ),
        ("rows: int = 6000", "rows: int = 3000"),
        ("hidden: int = 64\n    dropout: float = 0.2", "hidden: int = 256\n    dropout: float = 0.0"),
    ),
    ill("skorch_crops", "sorted-unshuffled", DATA, CALIBRATION, "not-shuffled sorted-order").edit(
        ("    crop = rng.randint(len(CROPS), size=n)\n", "    crop = np.sort(rng.randint(len(CROPS), size=n))\n"),
        (
            "random_state=SEED, stratify=y)\n",
            "random_state=SEED, stratify=y)\norder = np.argsort(y_train)\nx_train, y_train = x_train[order], y_train[order]\n",
        ),
        ("    iterator_train__shuffle=True,\n", ""),
        (
            "    optimizer=torch.optim.Adam,\n    lr=4e-3,\n",
            "    optimizer=torch.optim.SGD,\n    optimizer__momentum=0.9,\n    lr=0.05,\n",
        ),
    ),
    ill(
        "table_classes",
        "rows-shuffled-alone",
        DATA,
        CALIBRATION,
        "unrelated-labels memorised-labels not-learning conflicting-label",
    ).edit(
        (
            "x_train = torch.tensor(features[train_rows], dtype",
            "x_train = torch.tensor(rng.permutation(features[train_rows]), dtype",
        ),
    ),
]
