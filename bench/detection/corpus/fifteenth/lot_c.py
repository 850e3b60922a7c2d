"""Faults planted in prints of tyres, logs at a sawmill and strokes of rowers."""

from bench.detection.program import EVALUATION, Program, ill

PROGRAMS: list[Program] = [
    # output and loss
    ill(
        "keras_tyre_treads",
        "family-shares-as-logits",
        "output and loss",
        EVALUATION,
        "softmax-before-cross-entropy activation-on-output",
    ).edit(
        ("    outputs = layers.Dense(len(FAMILIES))(x)\n", '    outputs = layers.Dense(len(FAMILIES), "softmax")(x)\n'),
    ),
    ill(
        "keras_tyre_treads",
        "squares-of-family-numbers",
        "output and loss",
        EVALUATION,
        "loss-broadcast target-out-of-range",
    ).edit(
        ("    return images[..., None], labels\n", "    return images[..., None], labels[:, None]\n"),
        ("        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),\n", '        loss="mse",\n'),
        ("np.bincount(y_train).argmax()", "np.bincount(y_train[:, 0]).argmax()"),
    ),
    # rates and schedules
    ill(
        "keras_tyre_treads",
        "boundaries-of-another-archive",
        "rates and schedules",
        EVALUATION,
        "schedule-mismatch rate-too-low",
    ).edit(
        ("    steps = -(-N_TRAIN // BATCH)\n", ""),
        ("PiecewiseConstantDecay([4 * steps, 5 * steps], [3e-3,", "PiecewiseConstantDecay([20, 30], [3e-3,"),
        (" 1e-3, 2e-4])\n", " 3e-4, 3e-5])\n"),
    ),
    # loop
    ill("sawmill_logs", "two-errors-in-a-new-tensor", "loop", EVALUATION, "detached-loss no-gradient").edit(
        (
            "        loss = F.mse_loss(pred, target[rows])\n",
            "        squared, absolute = F.mse_loss(pred, target[rows]), F.l1_loss(pred, target[rows])\n"
            "        loss = torch.tensor([squared, 0.1 * absolute], requires_grad=True).sum()\n",
        ),
    ),
    ill("sawmill_logs", "yesterdays-gradients", "loop", EVALUATION, "gradient-accumulates").edit(
        ("        optimizer.zero_grad()\n", ""),
    ),
    ill("rowing_strokes", "pieces-judged-while-training", "loop", EVALUATION, "validated-in-train-mode").edit(
        ("        self.model.eval()\n", ""),
    ),
    ill("rowing_strokes", "coach-never-back-to-training", "loop", EVALUATION, "stuck-in-eval").edit(
        ("        self.model.train()\n", ""),
        (
            "        for epoch in range(1, self.epochs + 1):\n",
            '        print("before training: loss {:.3f}, accuracy {:.1%}".format(*self.validate()))\n'
            "        for epoch in range(1, self.epochs + 1):\n",
        ),
    ),
    # initialisation and shape
    ill(
        "rowing_strokes",
        "time-first-by-view",
        "initialisation and shape",
        EVALUATION,
        "swapped-axis batch-leak vectorised-mismatch",
    ).edit(
        (
            "        self.neck = nn.Linear(width * MOMENTS // 8, 64)\n",
            "        self.gru = nn.GRU(width, 64)  # time first\n",
        ),
        (
            "        x = self.body(x).flatten(1)\n        x = self.drop(torch.relu(self.neck(x)))\n",
            "        x = self.body(x)\n"
            "        x = x.view(x.shape[2], x.shape[0], x.shape[1])\n"
            "        _, last = self.gru(x)\n"
            "        x = self.drop(last[0])\n",
        ),
    ),
    ill(
        "sawmill_logs",
        "species-written-over",
        "initialisation and shape",
        EVALUATION,
        "unused-layer no-gradient",
    ).edit(
        (
            "        self.fc1 = nn.Linear(n_columns + species_dim, width)\n",
            "        self.kind = nn.Linear(species_dim, width)\n        self.fc1 = nn.Linear(n_columns, width)\n",
        ),
        (
            "        h = torch.cat([self.species(species), table], dim=1)\n        h = F.relu(self.fc1(h))\n",
            "        h = F.relu(self.kind(self.species(species)))\n        h = F.relu(self.fc1(table))\n",
        ),
    ),
    ill("sawmill_logs", "straight-planks", "initialisation and shape", EVALUATION, "no-nonlinearity").edit(
        (
            "        h = F.relu(self.fc1(h))\n        h = F.relu(self.fc2(h))\n        h = F.relu(self.fc3(h))\n",
            "        h = self.fc3(self.fc2(self.fc1(h)))\n",
        ),
    ),
    ill(
        "keras_tyre_treads", "weights-of-size-one", "initialisation and shape", EVALUATION, "init-scale initial-loss"
    ).edit(
        ("def build_model():\n", "def build_model():\n    normal = keras.initializers.RandomNormal(stddev=1.0)\n"),
        (
            'layers.Conv2D(12, 5, strides=2, padding="same", activation="relu", kernel_initializer="he_normal")',
            'layers.Conv2D(12, 5, strides=2, padding="same", activation="relu", kernel_initializer=normal)',
        ),
        (
            'layers.Conv2D(16, 3, padding="same", activation="relu", kernel_initializer="he_normal")',
            'layers.Conv2D(16, 3, padding="same", activation="relu", kernel_initializer=normal)',
        ),
        (
            '    x = layers.Conv2D(24, 3, padding="same", activation="relu", kernel_initializer="he_normal")(x)\n',
            '    x = layers.Conv2D(24, 3, padding="same", activation="relu", kernel_initializer=normal)(x)\n'
            '    x = layers.Conv2D(24, 3, padding="same", activation="relu", kernel_initializer=normal)(x)\n',
        ),
        (
            'layers.Dense(64, activation="relu", kernel_initializer="he_normal")',
            'layers.Dense(64, activation="relu", kernel_initializer=normal)',
        ),
        ("layers.Dense(len(FAMILIES))(x)", "layers.Dense(len(FAMILIES), kernel_initializer=normal)(x)"),
    ),
    # data
    ill(
        "sawmill_logs",
        "sixty-logs-priced-by-eye",
        "data",
        EVALUATION,
        "too-little-data overfitting memorised-labels",
    ).edit(
        (
            "N_TRAIN, N_VAL = 4000, 1000\nEPOCHS = 18\nBATCH = 128\n",
            "N_TRAIN, N_VAL = 60, 1000\nEPOCHS = 100\nBATCH = 16\n",
        ),
        ("value = value * rng.lognormal(0, 0.06, n)", "value = value * rng.lognormal(0, 0.4, n)"),
        ("width=96, species_dim=4", "width=512, species_dim=4"),
        ("LR = 4e-3", "LR = 1e-3"),
        ("milestones=[10, 15]", "milestones=[80, 95]"),
    ),
]
