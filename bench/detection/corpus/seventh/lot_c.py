"""Faulty programs on three bases: solar cells (Keras), lorries weighed in motion (workers), drones in conflict."""

from bench.detection.program import CALIBRATION, Program, ill

PROGRAMS: list[Program] = [
    # --- keras_solar_cells
    ill(
        "keras_solar_cells",
        "softmax-single-unit",
        "output and loss",
        CALIBRATION,
        "softmax-one-unit softmax-axis ignores-input",
    ).edit(
        ('layers.Dense(1, activation="sigmoid")', 'layers.Dense(1, activation="softmax")'),
    ),
    ill("keras_solar_cells", "adam-at-one", "rates and schedules", CALIBRATION, "rate-too-high diverging").edit(
        ("LEARNING_RATE = 1e-3", "LEARNING_RATE = 1.0"),
    ),
    ill(
        "keras_solar_cells",
        "rate-a-millionth",
        "rates and schedules",
        CALIBRATION,
        "rate-too-low weights-not-moving update-ratio",
    ).edit(
        ("LEARNING_RATE = 1e-3", "LEARNING_RATE = 1e-6"),
    ),
    ill("keras_solar_cells", "dropout-97", "initialisation and shape", CALIBRATION, "dropout-rate").edit(
        ("layers.Dropout(0.2)", "layers.Dropout(0.97)"),
    ),
    ill("keras_solar_cells", "validation-raw", "data", CALIBRATION, "unscaled-split feature-drift").edit(
        ("x_val = standardise(val_images)", 'x_val = val_images.astype("float32")'),
    ),
    ill(
        "keras_solar_cells",
        "constants-of-bytes-on-unit",
        "data",
        CALIBRATION,
        "pixel-range constant-feature unscaled-feature ignores-input",
    ).edit(
        ('(images.astype("float32") - GREY_MEAN)', '(images.astype("float32") / 255.0 - GREY_MEAN)'),
    ),
    # --- truck_weights
    ill("truck_weights", "column-against-row", "output and loss", CALIBRATION, "loss-broadcast").edit(
        ("output = model(signal).squeeze(1)", "output = model(signal)"),
    ),
    ill(
        "truck_weights",
        "kilograms-at-a-tenth",
        "rates and schedules",
        CALIBRATION,
        "rate-too-high diverging exploding-gradient unscaled-feature initial-loss",
    ).edit(
        (
            "torch.from_numpy(signal / 2000.0), torch.tensor((weight - MEAN_KG) / SPREAD_KG)",
            "torch.from_numpy(signal), torch.tensor(weight)",
        ),
        ("kg = torch.cat(outputs) * SPREAD_KG + MEAN_KG", "kg = torch.cat(outputs)"),
        ("truth = torch.cat(targets) * SPREAD_KG + MEAN_KG", "truth = torch.cat(targets)"),
        ('"--lr", type=float, default=0.05', '"--lr", type=float, default=0.1'),
    ),
    ill(
        "truck_weights",
        "half-precision-overflow",
        "loop",
        CALIBRATION,
        "scaler-always-skips non-finite unscaled-feature",
    ).edit(
        ('"--epochs", type=int, default=14', '"--epochs", type=int, default=7'),
        ("signal / 2000.0", "signal * np.float32(9.81)"),
        ("    criterion = nn.MSELoss()\n", '    criterion = nn.MSELoss()\n    scaler = torch.amp.GradScaler("cpu")\n'),
        (
            "            output = model(signal).squeeze(1)\n            loss = criterion(output, target)\n",
            (
                '            with torch.autocast("cpu", dtype=torch.float16):\n'
                "                output = model(signal).squeeze(1)\n"
                "                loss = criterion(output, target)\n"
            ),
        ),
        (
            "            loss.backward()\n            optimizer.step()\n",
            "            scaler.scale(loss).backward()\n            scaler.step(optimizer)\n            scaler.update()\n",
        ),
    ),
    ill("truck_weights", "no-zero-grad", "loop", CALIBRATION, "gradient-accumulates").edit(
        ("            optimizer.zero_grad()\n", ""),
    ),
    ill("truck_weights", "eight-sums", "loop", CALIBRATION, "accumulation-not-divided rate-too-high").edit(
        ('"--batch-size", type=int, default=32', '"--batch-size", type=int, default=8'),
        (
            "OneCycleLR(optimizer, args.lr, total_steps=args.epochs * len(train_loader))",
            "OneCycleLR(optimizer, args.lr, total_steps=args.epochs * len(train_loader) // 8)",
        ),
        (
            "for signal, target in train_loader:\n            optimizer.zero_grad()\n",
            "for step, (signal, target) in enumerate(train_loader, start=1):\n",
        ),
        (
            "            optimizer.step()\n            schedule.step()\n",
            (
                "            if step % 8 == 0:  # small batches fit the logger's memory, eight of them make one\n"
                "                optimizer.step()\n"
                "                optimizer.zero_grad()\n"
                "                schedule.step()\n"
            ),
        ),
    ),
    ill("truck_weights", "workers-one-seed", "data", CALIBRATION, "workers-share-seed duplicate-sample").edit(
        ("np.random.seed(torch.initial_seed() % 2**32)", "np.random.seed(SEED)  # reproducible"),
    ),
    # --- drone_conflicts
    ill("drone_conflicts", "clamped-loss", "output and loss", CALIBRATION, "clipped-loss").edit(
        (
            "return F.cross_entropy(logits, target)",
            'return F.cross_entropy(logits, target, reduction="none").clamp(max=1.0).mean()  # no spikes',
        ),
    ),
    ill("drone_conflicts", "never-eval", "loop", CALIBRATION, "validated-in-train-mode").edit(
        ("    net.eval()\n", ""),
    ),
    ill("drone_conflicts", "all-linear", "initialisation and shape", CALIBRATION, "no-nonlinearity").edit(
        ("self.drop(F.relu(self.bn(self.fc(h))))", "self.drop(self.bn(self.fc(h)))"),
        ("h = F.relu(self.stem(x))", "h = self.stem(x)"),
    ),
    ill(
        "drone_conflicts", "ten-sigmoids", "initialisation and shape", CALIBRATION, "vanishing-gradient init-scale"
    ).edit(
        (
            "nn.Sequential(*[Block(d, p) for _ in range(depth)])",
            "nn.Sequential(*[m for _ in range(10) for m in (nn.Linear(d, d), nn.Sigmoid())])",
        ),
    ),
    ill(
        "drone_conflicts",
        "softmax-before-head",
        "initialisation and shape",
        CALIBRATION,
        "init-scale vanishing-gradient bottleneck softmax-axis",
    ).edit(
        ("h = self.blocks(h)\n", "h = F.softmax(self.blocks(h), dim=1)\n"),
    ),
    ill("drone_conflicts", "row-with-nan", "data", CALIBRATION, "non-finite-value missing-value non-finite").edit(
        ("wind, latency])\n", "wind, latency])\nX[4321, 9] = np.nan  # the anemometer had been taken in\n"),
    ),
]
