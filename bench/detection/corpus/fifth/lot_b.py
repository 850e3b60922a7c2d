"""Faults drawn by lot and a few chosen freely: fuel of ships, calls of birds, survival of patients, older programs."""

from bench.detection.program import CALIBRATION, Program, ill

OUTPUT, RATES, LOOP = "output and loss", "rates and schedules", "loop"
SHAPE, DATA = "initialisation and shape", "data"
CUT = "detached-loss no-gradient weights-not-moving"

SHIPS: list[Program] = [
    ill("ship_fuel", "targets-in-a-row", OUTPUT, CALIBRATION, "loss-broadcast").edit(
        (
            "    target = y_scaler.transform(fuel.reshape(-1, 1))\n",
            "    target = y_scaler.transform(fuel[:, None])[:, 0]\n",
        ),
    ),
    ill(
        "ship_fuel",
        "as-reported-with-sgd",
        RATES,
        CALIBRATION,
        "rate-too-high diverging exploding-gradient non-finite unscaled-feature mixed-scales init-scale initial-loss "
        "update-ratio dead-relu loss-spike",
    ).edit(
        ("np.hstack([x_scaler.transform(numbers), onehot])", "np.hstack([numbers, onehot])"),
        ("    x_scaler = StandardScaler().fit(numbers[idx_train])\n", ""),
        ("    y_scaler = StandardScaler().fit(fuel[idx_train].reshape(-1, 1))\n", ""),
        ("    target = y_scaler.transform(fuel.reshape(-1, 1))\n", "    target = fuel.reshape(-1, 1)\n"),
        ("OneHotEncoder, StandardScaler\n", "OneHotEncoder\n"),
        ("torch.optim.Adam(net.parameters(), lr=LR)", "torch.optim.SGD(net.parameters(), lr=LR)"),
        ("LR = 2e-3\n", "LR = 0.1\n"),
        (
            "y_scaler.inverse_transform(predict(net, x_test).numpy().reshape(-1, 1)).ravel()",
            "predict(net, x_test).numpy().ravel()",
        ),
    ),
    ill("ship_fuel", "carbon-dioxide-reported-too", DATA, CALIBRATION, "leaking-feature").edit(
        (
            "    numbers = np.stack([speed, draught, trim, wind, angle, wave, docked, sea], axis=1)\n",
            "    co2 = 3.114 * fuel * rng.normal(1, 0.01, n)\n"
            "    numbers = np.stack([speed, draught, trim, wind, angle, wave, docked, sea, co2], axis=1)\n",
        ),
    ),
]

BIRDS: list[Program] = [
    ill(
        "bird_calls",
        "four-not-divided",
        LOOP,
        CALIBRATION,
        "accumulation-not-divided summed-loss rate-too-high diverging oscillating loss-spike update-ratio "
        "exploding-gradient dead-relu",
    ).edit(
        ('            (loss / self.cfg["accumulate"]).backward()\n', "            loss.backward()\n"),
    ),
    ill(
        "bird_calls",
        "milestones-of-a-large-archive",
        RATES,
        CALIBRATION,
        "schedule-mismatch rate-too-low weights-not-moving update-ratio",
    ).edit(
        (
            'PolynomialLR(self.optimizer, total_iters=cfg["epochs"], power=1.0)\n',
            "MultiStepLR(self.optimizer, milestones=[1, 2, 3])\n",
        ),
    ),
    ill("bird_calls", "frames-as-data", LOOP, CALIBRATION, CUT).edit(
        (
            "        h = torch.relu(self.frame(h))\n",
            "        h = torch.relu(self.frame(h)).data\n",
        ),
    ),
    ill(
        "bird_calls",
        "probabilities-returned",
        OUTPUT,
        CALIBRATION,
        "softmax-before-cross-entropy activation-on-output output-range",
    ).edit(
        (
            "        return self.classifier((weights * h).sum(dim=1))\n",
            "        return torch.softmax(self.classifier((weights * h).sum(dim=1)), dim=1)\n",
        ),
    ),
]

HEARTS: list[Program] = [
    ill("heart_survival", "likelihood-as-loss", OUTPUT, CALIBRATION, "negated-loss diverging").edit(
        (
            "    return -((log_hazard - at_risk) * died).sum() / died.sum()\n",
            "    return ((log_hazard - at_risk) * died).sum() / died.sum()\n",
        ),
    ),
    ill("heart_survival", "no-echo-was-made", DATA, CALIBRATION, "non-finite non-finite-value missing-value").edit(
        (
            "    columns = [age, bmi,",
            "    ejection[rng.choice(n, 4, replace=False)] = np.nan\n    columns = [age, bmi,",
        ),
    ),
    ill("heart_survival", "no-tanh", SHAPE, CALIBRATION, "no-nonlinearity").edit(
        ("        x = torch.tanh(self.stem(x))\n", "        x = self.stem(x)\n"),
        ("            x = self.drop(torch.tanh(layer(x)))\n", "            x = self.drop(layer(x))\n"),
    ),
    ill("heart_survival", "rate-1e-6", RATES, CALIBRATION, "rate-too-low update-ratio weights-not-moving").edit(
        ('"--lr", type=float, default=3e-3', '"--lr", type=float, default=1e-6'),
    ),
    ill("heart_survival", "times-sorted-before", DATA, CALIBRATION, "unrelated-labels memorised-labels").edit(
        (
            "    scaler = StandardScaler().fit(x_train)\n",
            "    order = np.argsort(-m_train)  # longest first, for the sets at risk\n"
            "    m_train, d_train = m_train[order], d_train[order]\n    scaler = StandardScaler().fit(x_train)\n",
        ),
        (
            "    order = months.argsort(descending=True)  # whoever comes before is still at risk\n",
            "    order = months.argsort(descending=True)\n",
        ),
    ),
]

OLDER: list[Program] = [
    ill(
        "texture_trainer",
        "other-textures-same-optimizer",
        LOOP,
        CALIBRATION,
        "stale-optimizer not-in-optimizer weights-not-moving",
    ).edit(
        (
            "    model = TextureNet(len(TEXTURES))\n    Trainer(model, train_loader, val_loader, args).fit()\n",
            "    model = TextureNet(n_classes=47)  # describable textures\n"
            "    trainer = Trainer(model, train_loader, val_loader, args)\n"
            "    trainer.model.fc = nn.Linear(model.fc.in_features, len(TEXTURES))\n    trainer.fit()\n",
        ),
    ),
    ill("store_forecast", "seven-losses-in-a-tensor", LOOP, CALIBRATION, CUT).edit(
        (
            "            loss = F.smooth_l1_loss(forecast, y)\n",
            "            losses = [F.smooth_l1_loss(forecast[:, day], y[:, day]) for day in range(y.size(1))]\n"
            "            loss = torch.tensor(losses, requires_grad=True).mean()\n",
        ),
    ),
    ill(
        "traffic_signs",
        "normalised-while-training",
        DATA,
        CALIBRATION,
        "unscaled-split feature-drift train-eval-gap",
    ).edit(
        (
            "            img = img[:, top : top + SIZE, left : left + SIZE]\n"
            "        return (img - 0.4) / 0.25, label\n",
            "            img = img[:, top : top + SIZE, left : left + SIZE]\n            img = (img - 0.4) / 0.25\n"
            "        return img, label\n",
        ),
    ),
    ill(
        "dna_binding",
        "sigmoid-in-forward",
        OUTPUT,
        CALIBRATION,
        "sigmoid-before-bce-with-logits activation-on-output output-range",
    ).edit(
        ("        return self.fc2(x).squeeze(1)\n", "        return torch.sigmoid(self.fc2(x)).squeeze(1)\n"),
    ),
]

PROGRAMS: list[Program] = [*SHIPS, *BIRDS, *HEARTS, *OLDER]
