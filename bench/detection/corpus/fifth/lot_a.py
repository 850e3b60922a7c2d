"""Faults drawn by lot and a few chosen freely, in programs on clocks, questions and sonar echoes, and on older bases."""

from bench.detection.program import CALIBRATION, Program, ill

OUTPUT, LOOP, SHAPE = "output and loss", "loop", "initialisation and shape"
DATA, RATES = "data", "rates and schedules"
DEAD = "dead-at-init dead-relu no-gradient ignores-input init-scale"
SMALL = "overfitting memorised-labels too-little-data trained-too-long"
TOO_LOW = "rate-too-low update-ratio weights-not-moving"
PERMUTED = "unrelated-labels memorised-labels not-learning conflicting-label"
OVERLAP = "overlap near-overlap duplicate-sample near-duplicate-sample group-leak evaluated-on-training"

CLOCKS: list[Program] = [
    ill("clock_hours", "softmax-over-the-batch", OUTPUT, CALIBRATION, "softmax-axis batch-leak").edit(
        ("F.log_softmax(x, dim=1)", "F.log_softmax(x, dim=0)"),
    ),
    ill("clock_hours", "every-bias-minus-10", SHAPE, CALIBRATION, DEAD).edit(
        (
            "def train(args, model,",
            "def init_weights(m):\n    if isinstance(m, (nn.Conv2d, nn.Linear)):\n"
            "        nn.init.xavier_uniform_(m.weight)\n        m.bias.data.fill_(-10)\n\n\ndef train(args, model,",
        ),
        (
            "    model = Net().to(device)\n",
            "    model = Net().to(device)\n    model.apply(init_weights)\n",
        ),
    ),
    ill("clock_hours", "hour-after-hour", DATA, CALIBRATION, "not-shuffled sorted-order").edit(
        ("batch_size=args.batch_size, shuffle=True)", "batch_size=args.batch_size)"),
    ),
    ill("clock_hours", "turned-and-mirrored", DATA, CALIBRATION, "augmentation-breaks-labels conflicting-label").edit(
        (
            "class Net(nn.Module):\n",
            "class RandomFlip:\n    def __init__(self, p=0.5):\n        self.p = p\n\n"
            "    def __call__(self, image):\n        if torch.rand(1) < self.p:\n            image = image.flip(-1)\n"
            "        if torch.rand(1) < self.p:\n            image = image.flip(-2)\n        return image\n\n\n"
            "class Net(nn.Module):\n",
        ),
        ("transform=RandomBrightness(0.15)", "transform=RandomFlip()"),
    ),
    ill("clock_hours", "schedule-inside-train", RATES, CALIBRATION, f"schedule-mismatch {TOO_LOW}").edit(
        (
            "def train(args, model, device, train_loader, optimizer, epoch):",
            "def train(args, model, device, train_loader, optimizer, scheduler, epoch):",
        ),
        ("        optimizer.step()\n", "        optimizer.step()\n        scheduler.step()\n"),
        (
            "        train(args, model, device, train_loader, optimizer, epoch)\n",
            "        train(args, model, device, train_loader, optimizer, scheduler, epoch)\n",
        ),
        (
            "        test(model, device, test_loader)\n        scheduler.step()\n",
            "        test(model, device, test_loader)\n",
        ),
    ),
]

QUESTIONS: list[Program] = [
    ill(
        "duplicate_questions",
        "sigmoid-at-the-end",
        OUTPUT,
        CALIBRATION,
        "sigmoid-before-bce-with-logits activation-on-output output-range",
    ).edit(
        ("        out = self.fc2(self.dropout(h))\n", "        out = torch.sigmoid(self.fc2(self.dropout(h)))\n"),
    ),
    ill("duplicate_questions", "pairs-shuffled-alone", DATA, CALIBRATION, PERMUTED).edit(
        ("    pairs, labels = make_pairs(2500)\n", "    pairs, labels = make_pairs(2500)\n    random.shuffle(pairs)\n"),
    ),
    ill("duplicate_questions", "dropout-097", SHAPE, CALIBRATION, "dropout-rate").edit(
        ('"dropout": 0.2', '"dropout": 0.97'),
    ),
    ill("duplicate_questions", "both-orders-before-split", DATA, CALIBRATION, OVERLAP).edit(
        (
            "    pairs, labels = make_pairs(2500)\n",
            "    pairs, labels = make_pairs(400)\n"
            "    pairs, labels = pairs + [(b, a) for a, b in pairs], labels * 2  # twice as much to learn from\n",
        ),
        ('"epochs": 6', '"epochs": 30'),
    ),
]

ECHOES: list[Program] = [
    ill("keras_echoes", "softmax-of-one", OUTPUT, CALIBRATION, "softmax-one-unit ignores-input no-gradient").edit(
        ('layers.Dense(1, activation="sigmoid")', 'layers.Dense(1, activation="softmax")'),
    ),
    ill("keras_echoes", "never-zeroed", LOOP, CALIBRATION, "gradient-accumulates").edit(
        ("        self.zero_grad()\n", ""),
    ),
    ill("keras_echoes", "sixty-echoes", DATA, CALIBRATION, SMALL).edit(
        (
            "x_train, y_train = load_survey(1400, rng)\n",
            "x_train, y_train = load_survey(60, rng)\n"
            'y_train = np.where(rng.random(60) < 0.2, 1 - y_train, y_train).astype("float32")  # two divers, two views\n',
        ),
        ("model = build_model()", "model = build_model(filters=32, units=512, dropout=0.0)"),
        ("EPOCHS = 8", "EPOCHS = 40"),
    ),
]

OLDER: list[Program] = [
    ill("engine_life", "half-precision", LOOP, CALIBRATION, "scaler-always-skips weights-not-moving non-finite").edit(
        (
            "            output = self.model(windows)\n            loss = self.criterion(output, self.to_scaled(left))\n"
            "            loss.backward()\n            self.optimizer.step()\n",
            '            scaler = torch.amp.GradScaler("cpu")\n'
            '            with torch.autocast("cpu", dtype=torch.float16):\n'
            "                output = self.to_flights(self.model(windows))\n"
            "                loss = self.criterion(output, left)\n"
            "            scaler.scale(loss).backward()\n            scaler.step(self.optimizer)\n"
            "            scaler.update()\n",
        ),
    ),
    ill("lightning_clips", "one-number-per-frame", SHAPE, CALIBRATION, "bottleneck").edit(
        ("n_classes, features=24, hidden=48", "n_classes, features=1, hidden=48"),
    ),
    ill("hf_spectra", "rate-of-fine-tuning", RATES, CALIBRATION, TOO_LOW).edit(
        ("            learning_rate=2e-3,\n", "            learning_rate=2e-5,\n"),
    ),
    ill("traffic_signs", "softmax-in-forward", OUTPUT, CALIBRATION, "softmax-before-cross-entropy output-range").edit(
        ("        return self.fc2(x)\n", "        return F.softmax(self.fc2(x), dim=1)\n"),
    ),
]

PROGRAMS: list[Program] = [*CLOCKS, *QUESTIONS, *ECHOES, *OLDER]
