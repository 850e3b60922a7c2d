"""Faults planted in the air of dives, scour holes around bridge piers and sets of optical elements."""

from bench.detection.program import CALIBRATION, Program, ill

PROGRAMS: list[Program] = [
    # output and loss
    ill("pier_scour", "likelihood-of-raw-scores", "output and loss", CALIBRATION, "nll-on-logits").edit(
        ("criterion = nn.CrossEntropyLoss()", "criterion = nn.NLLLoss()"),
    ),
    ill("pier_scour", "no-flow-below-zero", "output and loss", CALIBRATION, "activation-on-output").edit(
        ("        return self.out(x)\n", "        return F.relu(self.out(x))\n"),
    ),
    ill("pier_scour", "piers-compete-for-a-flow", "output and loss", CALIBRATION, "softmax-axis batch-leak").edit(
        ("        return self.out(x)\n", "        return F.log_softmax(self.out(x), dim=0)\n"),
        ("criterion = nn.CrossEntropyLoss()", "criterion = nn.NLLLoss()"),
        ("DataLoader(val_set, batch_size=200)", "DataLoader(val_set, batch_size=8)"),
    ),
    ill("keras_dive_air", "thirsty-dives-forgiven", "output and loss", CALIBRATION, "clipped-loss").edit(
        (
            "steps = EPOCHS * int",
            "\n"
            "def robust(y_true, y_pred):\n"
            '    """A free-flowing regulator must not rule the fit: no error counts for more than 0.3."""\n'
            "    return keras.ops.mean(keras.ops.square(keras.ops.clip(y_true - y_pred, -0.3, 0.3)), axis=-1)\n"
            "\n"
            "\n"
            "steps = EPOCHS * int",
        ),
        ('loss="mse"', "loss=robust"),
    ),
    ill("keras_dive_air", "every-dive-against-every-tank", "output and loss", CALIBRATION, "loss-broadcast").edit(
        (
            "steps = EPOCHS * int",
            "\n"
            "class AirLoss(keras.losses.Loss):\n"
            '    """Running out of air is worse than carrying a cylinder too many."""\n'
            "\n"
            "    def call(self, y_true, y_pred):\n"
            "        short = y_true - y_pred\n"
            "        return keras.ops.square(short) * keras.ops.where(short > 0, 1.2, 1.0)\n"
            "\n"
            "\n"
            "steps = EPOCHS * int",
        ),
        ('loss="mse"', "loss=AirLoss()"),
    ),
    ill(
        "optical_benches",
        "squashed-before-the-loss",
        "output and loss",
        CALIBRATION,
        "sigmoid-before-bce-with-logits activation-on-output",
    ).edit(
        (
            "        return self.out(torch.relu(self.hidden(pooled)))\n",
            "        return torch.sigmoid(self.out(torch.relu(self.hidden(pooled))))\n",
        ),
    ),
    # rates and schedules
    ill(
        "keras_dive_air",
        "plain-descent-on-raw-logbook",
        "rates and schedules",
        CALIBRATION,
        "rate-too-high unscaled-feature mixed-scales diverging",
    ).edit(
        ("scale = layers.Normalization()\nscale.adapt(x_train)\n\n", ""),
        ("h = scale(inputs)\n", "h = inputs\n"),
        ("CosineDecay(5e-3,", "CosineDecay(0.1,"),
        ("keras.optimizers.Adam(rate)", "keras.optimizers.SGD(rate)"),
        ('path, monitor="val_loss", save_best_only=True, save_weights_only=True', "path, save_weights_only=True"),
    ),
    ill(
        "pier_scour",
        "steps-of-a-longer-survey",
        "rates and schedules",
        CALIBRATION,
        "schedule-mismatch rate-too-low",
    ).edit(
        (
            "MultiStepLR(optimizer, milestones=[5, 7], gamma=0.3)",
            "StepLR(optimizer, step_size=30, gamma=0.1)",
        ),
        (
            "def train_one_epoch(model, loader, criterion, optimizer):",
            "def train_one_epoch(model, loader, criterion, optimizer, scheduler):",
        ),
        ("        optimizer.step()\n", "        optimizer.step()\n        scheduler.step()\n"),
        (
            "train_one_epoch(model, train_loader, criterion, optimizer)",
            "train_one_epoch(model, train_loader, criterion, optimizer, scheduler)",
        ),
        ("criterion)\n        scheduler.step()\n", "criterion)\n"),
    ),
    # loop
    ill("pier_scour", "best-survey-keeps-changing", "loop", CALIBRATION, "aliased-checkpoint").edit(
        ("import copy\n", ""),
        ("copy.deepcopy(model.state_dict())", "model.state_dict()"),
        ("    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[5, 7], gamma=0.3)\n", ""),
        ("        scheduler.step()\n", ""),
        ("epochs=8, batch", "epochs=13, batch"),
    ),
    ill("pier_scour", "surveyed-with-dropout", "loop", CALIBRATION, "validated-in-train-mode").edit(
        ("    model.eval()\n", ""),
        ("drop=0.2", "drop=0.4"),
    ),
    # initialisation and shape
    ill("optical_benches", "shutters-closed", "initialisation and shape", CALIBRATION, "dead-at-init dead-relu").edit(
        (
            "        self.out = nn.Linear(hidden, len(LABELS))\n",
            "        self.out = nn.Linear(hidden, len(LABELS))\n"
            "        for layer in (self.element[0], self.refine[0], self.hidden):\n"
            "            nn.init.kaiming_normal_(layer.weight)\n"
            "            nn.init.constant_(layer.bias, -10.0)\n",
        ),
    ),
    ill(
        "optical_benches",
        "neighbours-looked-at-in-vain",
        "initialisation and shape",
        CALIBRATION,
        "unused-layer no-gradient",
    ).edit(
        ("        h = h + self.refine(h)\n", "        h = x + self.refine(x)\n"),
    ),
    ill(
        "keras_dive_air", "same-small-number-everywhere", "initialisation and shape", CALIBRATION, "symmetric-init"
    ).edit(
        (
            'kernel_initializer="he_normal", name="first"',
            'kernel_initializer=keras.initializers.Constant(0.01), name="first"',
        ),
        (
            'kernel_initializer="he_normal", name="second"',
            'kernel_initializer=keras.initializers.Constant(0.01), name="second"',
        ),
        (
            'layers.Dense(1, name="air")',
            'layers.Dense(1, kernel_initializer=keras.initializers.Constant(0.01), name="air")',
        ),
    ),
    ill(
        "keras_dive_air", "straight-line-to-the-surface", "initialisation and shape", CALIBRATION, "no-nonlinearity"
    ).edit(
        (
            'layers.Dense(WIDTH, activation="relu", kernel_initializer="he_normal", name="first")',
            'layers.Dense(WIDTH, kernel_initializer="he_normal", name="first")',
        ),
        (
            'layers.Dense(WIDTH, activation="relu", kernel_initializer="he_normal", name="second")',
            'layers.Dense(WIDTH, kernel_initializer="he_normal", name="second")',
        ),
    ),
    ill(
        "optical_benches",
        "hidden-units-share-one-light",
        "initialisation and shape",
        CALIBRATION,
        "init-scale vanishing-gradient",
    ).edit(
        (
            "self.element = nn.Sequential(nn.Linear(dim, dim), nn.ReLU())",
            "self.element = nn.Sequential(nn.Linear(dim, dim), nn.Softmax(dim=-1))",
        ),
        (
            "self.refine = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))",
            "self.refine = nn.Sequential(nn.Linear(dim, dim), nn.Softmax(dim=-1), nn.Linear(dim, dim))",
        ),
        ("torch.relu(self.hidden(pooled))", "torch.softmax(self.hidden(pooled), dim=-1)"),
    ),
    # data
    ill(
        "keras_dive_air",
        "sixty-dives-in-a-wide-net",
        "data",
        CALIBRATION,
        "too-little-data overfitting memorised-labels",
    ).edit(
        ("N_TRAIN, N_VAL = 2000, 800", "N_TRAIN, N_VAL = 60, 800"),
        ("WIDTH = 48", "WIDTH = 512"),
        ("EPOCHS = 10", "EPOCHS = 30"),
        ("BATCH = 50", "BATCH = 10"),
        ("CosineDecay(5e-3,", "CosineDecay(5e-4,"),
        ("rng.lognormal(0, 0.07, n)", "rng.lognormal(0, 0.4, n)"),
    ),
    ill("pier_scour", "river-in-the-mirror", "data", CALIBRATION, "augmentation-breaks-labels").edit(
        (
            "            dy, dx = torch.randint",
            "            if torch.rand(1) < 0.5:\n"
            "                picture = picture.flip(2)\n"
            "            dy, dx = torch.randint",
        ),
    ),
    ill("optical_benches", "labels-of-another-bench", "data", CALIBRATION, "unrelated-labels").edit(
        (
            "    cut = 4700\n",
            "    order = torch.randperm(len(kind))  # benches of one day stand together\n"
            "    kind, numbers = kind[order], numbers[order]\n"
            "    cut = 4700\n",
        ),
    ),
]
