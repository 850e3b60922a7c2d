"""Eighteen faults planted in three bases: stays of a bridge, rides in a lift, leaves with complaints."""

from bench.detection.program import CALIBRATION, Program, ill

PROGRAMS: list[Program] = [
    # ---------------------------------------------------------------- output and loss
    ill(
        "hf_leaf_spots", "relu-on-logits", "output and loss", CALIBRATION, "activation-on-output output-range dead-relu"
    ).edit(
        (
            "        self.classifier = nn.Linear(hidden, len(COMPLAINTS))\n",
            "        self.classifier = nn.Sequential(nn.Linear(hidden, len(COMPLAINTS)), nn.ReLU())\n",
        ),
    ),
    ill("cable_tension", "column-against-row", "output and loss", CALIBRATION, "loss-broadcast").edit(
        ("        return self.out(h).squeeze(1)\n", "        return self.out(h)\n"),
    ),
    ill(
        "cable_tension", "sigmoid-on-tension", "output and loss", CALIBRATION, "activation-on-output output-range"
    ).edit(
        ("        return self.out(h).squeeze(1)\n", "        return torch.sigmoid(self.out(h)).squeeze(1)\n"),
    ),
    ill(
        "hf_leaf_spots",
        "sigmoid-twice",
        "output and loss",
        CALIBRATION,
        "sigmoid-before-bce-with-logits activation-on-output",
    ).edit(
        ("        logits = self.classifier(features)\n", "        logits = torch.sigmoid(self.classifier(features))\n"),
        ("f1_score(labels, logits > 0, ", "f1_score(labels, logits > 0.5, "),
    ),
    # ---------------------------------------------------------------- rates and schedules
    ill("lift_rides", "steplr-per-batch", "rates and schedules", CALIBRATION, "schedule-mismatch rate-too-low").edit(
        (
            "        losses.append(loss.item())\n    scheduler.step()\n",
            "        scheduler.step()\n        losses.append(loss.item())\n",
        ),
    ),
    ill(
        "lift_rides",
        "momentum-ninety-nine",
        "rates and schedules",
        CALIBRATION,
        "rate-too-high diverging oscillating",
    ).edit(
        ('"--lr", type=float, default=0.03', '"--lr", type=float, default=0.1'),
        ('"--momentum", type=float, default=0.9', '"--momentum", type=float, default=0.99'),
    ),
    # ---------------------------------------------------------------- loop
    ill(
        "cable_tension",
        "ten-batches-summed",
        "loop",
        CALIBRATION,
        "accumulation-not-divided rate-too-high diverging",
    ).edit(
        (
            "    for signal, known, target in train_loader:\n        optimizer.zero_grad()\n",
            "    for i, (signal, known, target) in enumerate(train_loader):\n",
        ),
        (
            "        optimizer.step()\n",
            "        if (i + 1) % accumulate == 0:\n            optimizer.step()\n            optimizer.zero_grad()\n",
        ),
        ("n_epochs, lr = 32, 30, 0.02", "n_epochs, lr = 8, 30, 0.02\naccumulate = 10"),
    ),
    ill(
        "lift_rides",
        "zero-grad-before-step",
        "loop",
        CALIBRATION,
        "gradient-zeroed-before-step weights-not-moving",
    ).edit(
        (
            "        optimizer.zero_grad()\n        loss.backward()\n"
            "        nn.utils.clip_grad_norm_(model.parameters(), 5.0)\n",
            "        loss.backward()\n        nn.utils.clip_grad_norm_(model.parameters(), 5.0)\n"
            "        optimizer.zero_grad()\n",
        ),
    ),
    ill(
        "cable_tension",
        "half-precision-filter-bank",
        "loop",
        CALIBRATION,
        "scaler-always-skips non-finite weights-not-moving",
    ).edit(
        ("net = StayNet()\n", 'net = StayNet()\nscaler = torch.amp.GradScaler("cpu")\n'),
        (
            "        loss = ((net(signal, known) - target) ** 2).mean()\n        loss.backward()\n",
            '        with torch.autocast("cpu", dtype=torch.float16):\n'
            "            loss = ((net(signal, known) - target) ** 2).mean()\n"
            "        scaler.scale(loss).backward()\n",
        ),
        ("        optimizer.step()\n", "        scaler.step(optimizer)\n        scaler.update()\n"),
    ),
    ill("cable_tension", "dropout-while-validating", "loop", CALIBRATION, "validated-in-train-mode").edit(
        ("    net.eval()\n    guesses = []\n", "    guesses = []\n"),
    ),
    # ---------------------------------------------------------------- initialisation and shape
    ill(
        "lift_rides",
        "normal-weights",
        "initialisation and shape",
        CALIBRATION,
        "init-scale initial-loss exploding-gradient",
    ).edit(
        ('nn.init.kaiming_normal_(m.weight, nonlinearity="relu")', "nn.init.normal_(m.weight)"),
    ),
    ill(
        "lift_rides",
        "only-the-last-layer",
        "initialisation and shape",
        CALIBRATION,
        "unused-layer no-gradient capacity-has-no-effect",
    ).edit(
        ("            h = f(h)\n", "            h = f(x)\n"),
    ),
    ill("hf_leaf_spots", "keep-rate-as-dropout", "initialisation and shape", CALIBRATION, "dropout-rate").edit(
        ("hidden=96, dropout=0.1)", "hidden=96, dropout=0.97)"),
    ),
    ill(
        "lift_rides",
        "ten-sigmoid-layers",
        "initialisation and shape",
        CALIBRATION,
        "vanishing-gradient init-scale",
    ).edit(
        ("dilation=dilation), nn.ReLU())", "dilation=dilation), nn.Sigmoid())"),
        ("nn.Conv1d(2, width, 3, padding=1), nn.ReLU())", "nn.Conv1d(2, width, 3, padding=1), nn.Sigmoid())"),
        (
            'nn.init.kaiming_normal_(m.weight, nonlinearity="relu")',
            'nn.init.xavier_normal_(m.weight, gain=nn.init.calculate_gain("sigmoid"))',
        ),
    ),
    # ---------------------------------------------------------------- data
    ill(
        "cable_tension",
        "validated-on-trained-records",
        "data",
        CALIBRATION,
        "overlap evaluated-on-training",
    ).edit(
        (
            "train_rows, val_rows = shuffled[:2400], shuffled[2400:]\n",
            "train_rows = shuffled[:2400]\nval_rows = rng.choice(train_rows, 1000, replace=False)\n",
        ),
    ),
    ill(
        "hf_leaf_spots",
        "divided-by-255-twice",
        "data",
        CALIBRATION,
        "pixel-range unscaled-feature ignores-input odd-image constant-feature",
    ).edit(
        ("    return np.clip(photo, 0, 255).astype(np.uint8)\n", "    return np.clip(photo, 0, 255) / 255.0\n"),
    ),
    ill("cable_tension", "raw-facts", "data", CALIBRATION, "unscaled-feature mixed-scales diverging").edit(
        ("facts = (facts - facts[train_rows].mean(0)) / facts[train_rows].std(0)\n", ""),
    ),
    ill(
        "hf_leaf_spots",
        "validation-photos-raw",
        "data",
        CALIBRATION,
        "unscaled-split feature-drift pixel-range",
    ).edit(
        ("LeafDataset(prepare(photos[valid_rows])", "LeafDataset(to_tensor(photos[valid_rows])"),
    ),
]
