"""Healthy programs, as written and in odd forms: solar cells, lorries weighed in motion, drones in conflict."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("keras_solar_cells", "as-written", CALIBRATION),
    well("truck_weights", "as-written", CALIBRATION),
    well("drone_conflicts", "as-written", CALIBRATION),
    well("keras_solar_cells", "label-smoothing", CALIBRATION).edit(
        ("keras.losses.BinaryCrossentropy()", "keras.losses.BinaryCrossentropy(label_smoothing=0.1)"),
    ),
    well("keras_solar_cells", "dropout-half", CALIBRATION).edit(
        (
            '            layers.Dense(32, activation="relu"),\n            layers.Dropout(0.2),\n',
            (
                "            layers.Dropout(0.5),\n"
                '            layers.Dense(64, activation="relu"),\n'
                "            layers.Dropout(0.5),\n"
            ),
        ),
    ),
    well("truck_weights", "log-density", CALIBRATION).edit(
        ("nn.Linear(48, 1))", "nn.Linear(48, 2))"),
        ("output = model(signal).squeeze(1)", "mean, log_sd = model(signal).unbind(1)"),
        ("    criterion = nn.MSELoss()\n", ""),
        (
            "loss = criterion(output, target)",
            "loss = (log_sd + 0.5 * ((target - mean) * torch.exp(-log_sd)) ** 2).mean()",
        ),
        ("torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9,", "torch.optim.AdamW(model.parameters(),"),
        ('"--lr", type=float, default=0.05', '"--lr", type=float, default=0.003'),
        ("train mse", "train -log p"),
    ),
    well("truck_weights", "bfloat16", CALIBRATION).edit(
        (
            "            output = model(signal).squeeze(1)\n            loss = criterion(output, target)\n",
            (
                '            with torch.autocast("cpu", dtype=torch.bfloat16):\n'
                "                output = model(signal).squeeze(1)\n"
                "                loss = criterion(output, target)\n"
            ),
        ),
    ),
    well("truck_weights", "summed-loss", CALIBRATION).edit(
        ("criterion = nn.MSELoss()", 'criterion = nn.MSELoss(reduction="sum")'),
        ('"--lr", type=float, default=0.05', '"--lr", type=float, default=0.0015'),
        ("loss.item() * len(target)", "loss.item()"),
    ),
    well("drone_conflicts", "label-noise", CALIBRATION).edit(
        (
            "Xtr, ytr, Xva, yva =",
            (
                "guessed = g.random(N_TRAIN) < 0.3  # the first months were labelled by a crowd; the check was not\n"
                "yt[:N_TRAIN][guessed] = torch.tensor(g.integers(0, 3, guessed.sum()))\n"
                "Xtr, ytr, Xva, yva ="
            ),
        ),
    ),
    well("drone_conflicts", "weighted-classes", CALIBRATION).edit(
        (
            "return F.cross_entropy(logits, target)",
            "return F.cross_entropy(logits, target, weight=N_TRAIN / (3 * torch.bincount(ytr).float()))",
        ),
    ),
    well("drone_conflicts", "zero-head", CALIBRATION).edit(
        (
            "self.head = nn.Linear(d, classes)\n",
            (
                "self.head = nn.Linear(d, classes)\n"
                "        nn.init.zeros_(self.head.weight)\n"
                "        nn.init.zeros_(self.head.bias)\n"
            ),
        ),
    ),
]
