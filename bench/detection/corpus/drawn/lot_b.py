"""Faults drawn by lot and a few chosen freely: signs, taxi trips, mains currents, hotel searches and older programs."""

from bench.detection.program import CALIBRATION, Program, ill

OUTPUT, RATES, LOOP = "output and loss", "rates and schedules", "loop"
SHAPE, DATA = "initialisation and shape", "data"
TOO_HIGH = "rate-too-high update-ratio diverging oscillating loss-spike exploding-gradient dead-relu"
LARGE = "init-scale initial-loss exploding-gradient diverging rate-too-high non-finite dead-relu"
TRAINED_ON = "overlap evaluated-on-training validation-identical validation-better near-overlap duplicate-sample"

PROGRAMS: list[Program] = [
    ill("traffic_signs", "bytes-as-they-are", DATA, CALIBRATION, f"pixel-range unscaled-feature {LARGE}").edit(
        (".permute(2, 0, 1).float().div(255)", ".permute(2, 0, 1).float()"),
        ("        return (img - 0.4) / 0.25, label\n", "        return img, label\n"),
    ),
    ill(
        "traffic_signs",
        "scaled-when-drawn-and-when-read",
        DATA,
        CALIBRATION,
        "pixel-range unscaled-feature init-scale ignores-input constant-feature",
    ).edit(
        (
            "    return picture.clip(0, 255).astype(np.uint8)\n",
            "    return (picture.clip(0, 255) / 255).astype(np.float32)\n",
        ),
    ),
    ill("traffic_signs", "mirrored-at-random", DATA, CALIBRATION, "augmentation-breaks-labels conflicting-label").edit(
        (
            "            img = img[:, top : top + SIZE, left : left + SIZE]\n",
            "            img = img[:, top : top + SIZE, left : left + SIZE]\n"
            "            if random.random() < 0.5:\n                img = img.flip(-1)\n",
        ),
    ),
    ill("traffic_signs", "never-eval", LOOP, CALIBRATION, "validated-in-train-mode").edit(
        ("        self.model.eval()\n", ""),
        ('"dropout": 0.4', '"dropout": 0.5'),
    ),
    ill("traffic_signs", "channels-first-by-reshape", SHAPE, CALIBRATION, "swapped-axis").edit(
        (".permute(2, 0, 1).float()", ".reshape(3, SIZE, SIZE).float()"),
    ),
    ill(
        "keras_trips",
        "sigmoid-minutes",
        OUTPUT,
        CALIBRATION,
        "activation-on-output output-range saturated-unit vanishing-gradient initial-loss",
    ).edit(
        ('layers.Dense(1, name="minutes")', 'layers.Dense(1, activation="sigmoid", name="minutes")'),
    ),
    ill("keras_trips", "adam-1", RATES, CALIBRATION, TOO_HIGH).edit(
        ("learning_rate=4e-3", "learning_rate=1.0"),
    ),
    ill("keras_trips", "dense-without-activation", SHAPE, CALIBRATION, "no-nonlinearity").edit(
        (
            '    x = layers.Dense(96, activation="relu")(x)\n    x = layers.Dense(96, activation="relu")(x)\n'
            '    x = layers.Dense(32, activation="relu")(x)\n',
            "    x = layers.Dense(96)(x)\n    x = layers.Dense(96)(x)\n    x = layers.Dense(32)(x)\n",
        ),
    ),
    ill(
        "appliance_probe",
        "wider-head-after-optimizer",
        LOOP,
        CALIBRATION,
        "stale-optimizer not-in-optimizer weights-not-moving",
    ).edit(
        (
            "def fit_probe(model, train_loader, val_loader, epochs):",
            "def fit_probe(model, optimizer, train_loader, val_loader, epochs):",
        ),
        ("    optimizer = torch.optim.Adam(model.head.parameters(), lr=3e-3)\n", ""),
        (
            "    model = Probe(encoder, code, len(APPLIANCES))\n",
            "    model = Probe(encoder, code, len(APPLIANCES))\n"
            "    optimizer = torch.optim.Adam(model.head.parameters(), lr=3e-3)\n"
            "    model.head = nn.Sequential(nn.Linear(code, 96), nn.ReLU(), nn.Linear(96, len(APPLIANCES)))\n",
        ),
        ("    fit_probe(model, train_loader,", "    fit_probe(model, optimizer, train_loader,"),
    ),
    ill("appliance_probe", "validated-on-some-it-learns", DATA, CALIBRATION, TRAINED_ON).edit(
        ("    waves, labels = record(900, rng)\n", "    waves, labels = record(90, rng)\n"),
        (
            "    x_train, x_val, y_train, y_val = train_test_split(\n"
            "        torch.from_numpy(waves), torch.from_numpy(labels), "
            "test_size=0.5, random_state=SEED, stratify=labels\n"
            "    )\n",
            "    x_train, y_train = torch.from_numpy(waves), torch.from_numpy(labels)\n"
            "    _, x_val, _, y_val = train_test_split(x_train, y_train, test_size=0.5, random_state=SEED)\n",
        ),
        ("    for p in encoder.parameters():\n        p.requires_grad = False\n", ""),
        ("torch.optim.Adam(model.head.parameters(), lr=3e-3)", "torch.optim.Adam(model.parameters(), lr=3e-3)"),
        ("val_loader, epochs=20)", "val_loader, epochs=80)"),
    ),
    ill("appliance_probe", "channel-kept", OUTPUT, CALIBRATION, "loss-broadcast").edit(
        ("        return x.squeeze(1)\n", "        return x\n"),
    ),
    ill(
        "hotel_ranking",
        "likelihood-without-minus",
        OUTPUT,
        CALIBRATION,
        "negated-loss diverging exploding-gradient non-finite",
    ).edit(
        ("    return -(wanted * given).sum()\n", "    return (wanted * given).sum()\n"),
    ),
    ill(
        "hotel_ranking",
        "sum-over-searches",
        LOOP,
        CALIBRATION,
        "accumulation-not-divided summed-loss rate-too-high diverging oscillating update-ratio "
        "exploding-gradient non-finite",
    ).edit(
        ("            (loss / args.searches_per_step).backward()\n", "            loss.backward()\n"),
    ),
    ill("appliance_probe", "best-weights-aliased", LOOP, CALIBRATION, "aliased-checkpoint").edit(
        ("    waves, labels = record(900, rng)\n", "    waves, labels = record(160, rng)\n"),
        ("    for p in encoder.parameters():\n        p.requires_grad = False\n", ""),
        ("torch.optim.Adam(model.head.parameters(), lr=3e-3)", "torch.optim.Adam(model.parameters(), lr=3e-3)"),
        (
            "    for epoch in range(1, epochs + 1):\n",
            "    best_loss, best = np.inf, None\n    for epoch in range(1, epochs + 1):\n",
        ),
        (
            "        train_loss = total / len(train_loader.dataset)\n",
            "        train_loss = total / len(train_loader.dataset)\n"
            "        if val_loss < best_loss:\n            best_loss, best = val_loss, model.state_dict()\n",
        ),
        (
            "    print(matrix)\n",
            "    model.load_state_dict(best)\n    val_loss, accuracy, matrix = evaluate(model, val_loader, criterion)\n"
            '    print(f"best val loss {best_loss:.4f}; restored: val loss {val_loss:.4f}, accuracy {accuracy:.4f}")\n'
            "    print(matrix)\n",
        ),
        ("val_loader, epochs=20)", "val_loader, epochs=120)"),
    ),
    ill(
        "hotel_ranking",
        "softmax-over-last-axis",
        OUTPUT,
        CALIBRATION,
        "softmax-axis softmax-one-unit no-gradient loss-broadcast weights-not-moving",
    ).edit(
        ("torch.log_softmax(scores.squeeze(-1), dim=0)", "torch.log_softmax(scores, dim=-1)"),
    ),
    ill(
        "bike_counts",
        "loss-never-negative",
        OUTPUT,
        CALIBRATION,
        "clipped-loss no-gradient weights-not-moving",
    ).edit(
        (
            "            loss = loss_fn(out, count)\n",
            "            loss = torch.clamp(loss_fn(out, count), min=0)\n",
        ),
    ),
    ill("keras_motion", "one-unit-left-over", SHAPE, CALIBRATION, "bottleneck").edit(
        (
            "h = layers.Dropout(0.3)(h)\n",
            'h = layers.Dropout(0.3)(h)\nh = layers.Dense(1, activation="relu", name="dense_b")(h)\n',
        ),
    ),
    ill("texture_trainer", "one-folder-after-another", DATA, CALIBRATION, "sorted-order not-shuffled").edit(
        (
            "    labels = np.arange(count) % len(TEXTURES)\n    rng.shuffle(labels)\n",
            "    labels = np.repeat(np.arange(len(TEXTURES)), count // len(TEXTURES))\n",
        ),
        ("batch_size=args.batch_size, shuffle=True)", "batch_size=args.batch_size)"),
    ),
    ill("engine_life", "functional-dropout", SHAPE, CALIBRATION, "random-in-eval").edit(
        ("from torch import nn, optim\n", "import torch.nn.functional as F\nfrom torch import nn, optim\n"),
        ("        x = x.mean(dim=1)\n", "        x = F.dropout(x.mean(dim=1), 0.3)\n"),
    ),
    ill(
        "order_tagger",
        "step-once-an-epoch",
        LOOP,
        CALIBRATION,
        "gradient-zeroed-before-step weights-not-moving rate-too-low update-ratio",
    ).edit(
        (
            "        optimizer.step()\n        epoch_loss += loss.item()\n",
            "        epoch_loss += loss.item()\n    optimizer.step()\n",
        ),
    ),
]
