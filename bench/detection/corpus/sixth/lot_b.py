"""Faulty programs of the sixth evaluation, lot b: shop visitors (Trainer), telescope showers, blood sugar."""

from bench.detection.program import CALIBRATION, Program, ill

OUTPUT, RATES, LOOP = "output and loss", "rates and schedules", "loop"
SHAPE, DATA = "initialisation and shape", "data"

PROGRAMS: list[Program] = [
    # output and loss
    ill(
        "shower_images",
        "relu-on-logit",
        OUTPUT,
        CALIBRATION,
        "activation-on-output output-range",
    ).edit(
        ("        nn.Linear(64, 1),\n", "        nn.Linear(64, 1),\n        nn.ReLU(),\n"),
    ),
    ill(
        "shower_images",
        "softmax-over-one-unit",
        OUTPUT,
        CALIBRATION,
        "softmax-one-unit no-gradient ignores-input",
    ).edit(
        ("        nn.Linear(64, 1),\n", "        nn.Linear(64, 1),\n        nn.Softmax(dim=1),\n"),
        ("criterion = nn.BCEWithLogitsLoss()", "criterion = nn.BCELoss()"),
        ("accuracy = ((scores > 0) ==", "accuracy = ((scores > 0.5) =="),
    ),
    ill(
        "hf_visitors",
        "softmax-over-batch",
        OUTPUT,
        CALIBRATION,
        "softmax-axis batch-leak",
    ).edit(
        ("logits = self.head(self.norm(pooled))", "probabilities = F.softmax(self.head(self.norm(pooled)), dim=0)"),
        (
            "loss = F.cross_entropy(logits, labels) if labels is not None else None",
            "loss = F.nll_loss(torch.log(probabilities + 1e-9), labels) if labels is not None else None",
        ),
        ('"logits": logits}', '"logits": probabilities}'),
        ("        per_device_eval_batch_size=128,\n", ""),
    ),
    ill(
        "hf_visitors",
        "squared-error-of-class-number",
        OUTPUT,
        CALIBRATION,
        "loss-and-metric-disagree target-out-of-range initial-loss output-range worse-than-simple-baseline",
    ).edit(
        ("self.head = nn.Linear(width, len(KINDS))", "self.head = nn.Linear(width, 1)"),
        ("logits = self.head(self.norm(pooled))", "logits = self.head(self.norm(pooled)).squeeze(-1)"),
        ("F.cross_entropy(logits, labels) if", "F.mse_loss(logits, labels.float()) if"),
        (
            "guess = prediction.predictions.argmax(-1)",
            "guess = prediction.predictions.round().clip(0, len(KINDS) - 1).astype(int)",
        ),
    ),
    # rates and schedules
    ill(
        "glucose_ahead",
        "momentum-099",
        RATES,
        CALIBRATION,
        "rate-too-high diverging oscillating not-learning loss-spike",
    ).edit(
        (
            "optimizer = optim.Adam(model.parameters(), lr=args.lr)",
            "optimizer = optim.SGD(model.parameters(), lr=args.lr, momentum=0.99)",
        ),
        ('"--lr", type=float, default=3e-3', '"--lr", type=float, default=0.1'),
    ),
    ill(
        "glucose_ahead",
        "sgd-on-raw-targets",
        RATES,
        CALIBRATION,
        "rate-too-high diverging unscaled-feature output-range initial-loss exploding-gradient non-finite",
    ).edit(
        (
            "optimizer = optim.Adam(model.parameters(), lr=args.lr)",
            "optimizer = optim.SGD(model.parameters(), lr=args.lr)",
        ),
        ('"--lr", type=float, default=3e-3', '"--lr", type=float, default=0.1'),
        ("loss = loss_fn(model(past, who), (later - centre) / spread)", "loss = loss_fn(model(past, who), later)"),
        ("guess = model(past, who) * spread + centre", "guess = model(past, who)"),
    ),
    # loop
    ill(
        "shower_images",
        "best-weights-not-copied",
        LOOP,
        CALIBRATION,
        "aliased-checkpoint",
    ).edit(
        ("LEARNING_RATE = 1e-3", "LEARNING_RATE = 3e-3"),
        (
            "best_loss, best_weights = val_loss, copy.deepcopy(network.state_dict())",
            "best_loss, best_weights = val_loss, network.state_dict()",
        ),
        ("import copy\n", ""),
    ),
    ill(
        "shower_images",
        "train-mode-once",
        LOOP,
        CALIBRATION,
        "stuck-in-eval",
    ).edit(
        (
            "for epoch in range(1, EPOCHS + 1):\n    network.train()\n",
            "network.train()\nfor epoch in range(1, EPOCHS + 1):\n",
        ),
    ),
    ill(
        "glucose_ahead",
        "never-eval",
        LOOP,
        CALIBRATION,
        "validated-in-train-mode",
    ).edit(
        ("    model.eval()\n", ""),
        (
            "nn.Linear(hidden + 6, 48), nn.ReLU(), nn.Linear(48, 1)",
            "nn.Linear(hidden + 6, 48), nn.ReLU(), nn.Dropout(0.3), nn.Linear(48, 1)",
        ),
    ),
    ill(
        "glucose_ahead",
        "rmse-in-half",
        LOOP,
        CALIBRATION,
        "non-finite scaler-always-skips weights-not-moving not-learning no-gradient",
    ).edit(
        ('"--epochs", type=int, default=10', '"--epochs", type=int, default=4'),
        ("    loss_fn = nn.MSELoss()\n", '    scaler = torch.amp.GradScaler("cpu")\n'),
        (
            "            loss = loss_fn(model(past, who), (later - centre) / spread)\n"
            "            loss.backward()\n"
            "            optimizer.step()\n",
            '            with torch.autocast("cpu", dtype=torch.float16):\n'
            "                wrong = model(past, who) * spread + centre - later.half()\n"
            "                loss = ((wrong * wrong).sum() / len(later)).sqrt()  # RMSE in mg/dl\n"
            "            scaler.scale(loss).backward()\n"
            "            scaler.step(optimizer)\n"
            "            scaler.update()\n",
        ),
    ),
    # initialisation and shape
    ill(
        "hf_visitors",
        "all-zero",
        SHAPE,
        CALIBRATION,
        "zero-init symmetric-init dead-at-init no-gradient ignores-input",
    ).edit(
        (
            "model = VisitorNet()\n",
            "model = VisitorNet()\nfor parameter in model.parameters():  # the same start every time\n"
            "    nn.init.zeros_(parameter)\n",
        ),
    ),
    ill(
        "hf_visitors",
        "dropout-097",
        SHAPE,
        CALIBRATION,
        "dropout-rate train-eval-gap",
    ).edit(
        ("dropout: float = 0.1", "dropout: float = 0.97"),
    ),
    ill(
        "glucose_ahead",
        "batch-first-forgotten",
        SHAPE,
        CALIBRATION,
        "batch-leak swapped-axis",
    ).edit(
        ("self.gru = nn.GRU(mean.numel(), hidden, batch_first=True)", "self.gru = nn.GRU(mean.numel(), hidden)"),
    ),
    ill(
        "glucose_ahead",
        "softmax-hidden",
        SHAPE,
        CALIBRATION,
        "softmax-axis init-scale vanishing-gradient bottleneck activation-on-output saturated-unit",
    ).edit(
        (
            "nn.Linear(hidden + 6, 48), nn.ReLU(), nn.Linear(48, 1)",
            "nn.Linear(hidden + 6, 48), nn.Softmax(dim=1), nn.Linear(48, 1)",
        ),
    ),
    # data
    ill(
        "hf_visitors",
        "labels-left-behind",
        DATA,
        CALIBRATION,
        "unrelated-labels not-learning worse-than-simple-baseline",
    ).edit(
        (
            "from sklearn.model_selection import train_test_split\n",
            "from sklearn.model_selection import train_test_split\nfrom sklearn.utils import shuffle\n",
        ),
        (
            "requests, pauses, labels = make_sessions(2200, rng)\n",
            "requests, pauses, labels = make_sessions(2200, rng)\n"
            "requests, pauses = shuffle(requests, pauses, random_state=SEED)\n",
        ),
    ),
    ill(
        "hf_visitors",
        "tested-on-training-sessions",
        DATA,
        CALIBRATION,
        "overlap near-overlap validation-identical evaluated-on-training",
    ).edit(
        (
            "train_rows, test_rows = train_test_split"
            "(np.arange(len(labels)), test_size=0.25, stratify=labels, random_state=SEED)\n",
            "train_rows = rng.permutation(len(labels))\ntest_rows = train_rows[: len(labels) // 4]\n",
        ),
        ("make_sessions(2200, rng)", "make_sessions(800, rng)"),
        ("num_train_epochs=5", "num_train_epochs=14"),
    ),
    ill(
        "hf_visitors",
        "sorted-by-kind",
        DATA,
        CALIBRATION,
        "sorted-order not-shuffled",
    ).edit(
        (
            "train_set = Sessions(requests[train_rows]",
            'train_rows = train_rows[np.argsort(labels[train_rows], kind="stable")]\n'
            "train_set = Sessions(requests[train_rows]",
        ),
        ('        report_to="none",\n', '        report_to="none",\n        train_sampling_strategy="sequential",\n'),
    ),
    ill(
        "glucose_ahead",
        "lost-reading",
        DATA,
        CALIBRATION,
        "non-finite-value missing-value non-finite",
    ).edit(
        (
            "    train_set, val_set = Windows",
            "    records[3][500] = np.nan  # the phone was off\n    train_set, val_set = Windows",
        ),
        (
            "    known = torch.tensor(np.concatenate([r[: int(0.75 * len(r))] for r in records]), dtype=torch.float32)\n",
            "    known = np.concatenate([r[: int(0.75 * len(r))] for r in records])\n",
        ),
        (
            "    mean, std = known.mean(0), known.std(0)\n",
            "    mean, std = (torch.tensor(f(known, axis=0), dtype=torch.float32) for f in (np.nanmean, np.nanstd))\n",
        ),
    ),
]
