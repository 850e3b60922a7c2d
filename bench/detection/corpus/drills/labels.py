"""A blind drill: labels off by one, augmentation that changes what the label should be, squared error for classes."""

from bench.detection.program import CALIBRATION, Program, ill

OFF = "target-out-of-range renumbered-classes"
AUG = "augmentation-breaks-labels"
SQ = "target-out-of-range initial-loss loss-and-metric-disagree cannot-overfit-batch"

PROGRAMS: list[Program] = [
    # ---------------------------------------------------------------- labels off by one
    ill("heartbeat_conv1d", "codes-by-first-appearance", "data", CALIBRATION, OFF).edit(
        (
            "        self.targets = targets\n",
            "        codes = {k: i for i, k in enumerate(dict.fromkeys(targets))}\n"
            "        self.targets = [codes[k] for k in targets]\n",
        ),
    ),
    ill("tram_stops", "zero-is-the-depot", "data", CALIBRATION, OFF).edit(
        ("model = NextStop(N_STOPS)", "model = NextStop(N_STOPS + 1)  # 0: the tram goes to the depot"),
        (
            "loss = F.cross_entropy(out.flatten(0, 1), train[idx, 1:].flatten())",
            "loss = F.cross_entropy(out.flatten(0, 1), train[idx, 1:].flatten() + 1)",
        ),
    ),
    ill("review_bag", "validation-encoded-anew", "data", CALIBRATION, OFF).edit(
        (
            "import torch.nn.functional as F\n",
            "import torch.nn.functional as F\nfrom sklearn.preprocessing import LabelEncoder\n",
        ),
        (
            "train_reviews, val_reviews = reviews[:2000], reviews[2000:]",
            "train_reviews = reviews[:2000]\n"
            "val_codes = LabelEncoder().fit_transform(labels[2000:]).tolist()\n"
            "val_reviews = [(review, code) for (review, _), code in zip(reviews[2000:], val_codes, strict=True)]",
        ),
    ),
    ill("gas_nose", "no-clean-air-in-the-field-test", "data", CALIBRATION, OFF + " class-missing-from-split").edit(
        (
            "    val_set = TensorDataset(torch.from_numpy(x[:n_val]), torch.from_numpy(y[:n_val]))\n",
            '    smelly = y[:n_val] != GASES.index("air")  # nobody took samples of clean air out there\n'
            "    x_val, y_val = x[:n_val][smelly], np.unique(y[:n_val][smelly], return_inverse=True)[1]\n"
            "    val_set = TensorDataset(torch.from_numpy(x_val), torch.from_numpy(y_val))\n",
        ),
    ),
    ill("digits_cnn", "ten-stands-for-zero", "data", CALIBRATION, OFF).edit(
        (
            "x_train, y_train, x_val, y_val = images[train], labels[train], images[val], labels[val]",
            "octave = torch.where(labels == 0, 10, labels)  # as in the exercise: classes 1 to 10\n"
            "x_train, y_train, x_val, y_val = images[train], octave[train] - 1, images[val], labels[val]",
        ),
    ),
    ill("digits_vit", "row-before-of-the-identity", "data", CALIBRATION, OFF).edit(
        (
            "    for epoch in range(cfg.epochs):\n",
            "    one_hot = torch.eye(cfg.num_classes)\n    for epoch in range(cfg.epochs):\n",
        ),
        ("loss = F.cross_entropy(logits, y_train[idx])", "loss = F.cross_entropy(logits, one_hot[y_train[idx] - 1])"),
    ),
    ill("keras_motion", "first-dummy-dropped", "data", CALIBRATION, OFF).edit(
        (
            "y_train_onehot = keras.utils.to_categorical(y_train, len(ACTIVITIES))",
            "y_train_onehot = keras.utils.to_categorical(y_train, len(ACTIVITIES))[:, 1:]",
        ),
        (
            "y_test_onehot = keras.utils.to_categorical(y_test, len(ACTIVITIES))",
            "y_test_onehot = keras.utils.to_categorical(y_test, len(ACTIVITIES))[:, 1:]",
        ),
        (
            'layers.Dense(len(ACTIVITIES), activation="softmax"',
            'layers.Dense(y_train_onehot.shape[1], activation="softmax"',
        ),
    ),
    ill("hf_protein_homes", "older-table-for-the-test", "data", CALIBRATION, OFF + " class-missing-from-split").edit(
        (
            "    eval_set = ProteinSet([r for i, r in enumerate(records) if i in held_out])\n",
            '    release_1 = [home for home in HOMES if home != "mitochondrion"]  # that of the test\n'
            "    test = [(s, HOMES[k]) for s, k in (records[i] for i in sorted(held_out))]\n"
            "    eval_set = ProteinSet([(s, release_1.index(home)) for s, home in test if home in release_1])\n",
        ),
    ),
    ill("pen_strokes", "hidden-folder-comes-first", "data", CALIBRATION, OFF).edit(
        (
            "test_set = Strokes(test_strokes, test_labels)",
            'on_disk = [".thumbnails", *SIGNS]  # the folders of the second session, one per sign\n'
            "test_labels = np.array([on_disk.index(list(SIGNS)[k]) for k in test_labels])\n"
            "test_set = Strokes(test_strokes, test_labels)",
        ),
    ),
    ill("citation_graph", "zero-taken-for-unlabelled", "data", CALIBRATION, OFF).edit(
        (
            "loss_train = F.nll_loss(output[idx_train], labels[idx_train])",
            "loss_train = F.nll_loss(output[idx_train], labels[idx_train] - 1, ignore_index=-1)  # 0: no field known",
        ),
    ),
    ill("traffic_signs", "background-column-skipped", "data", CALIBRATION, OFF).edit(
        (
            "y_pred.extend(out.argmax(1).tolist())",
            "y_pred.extend(out[:, 1:].argmax(1).tolist())  # column 0: background",
        ),
    ),
    ill("lightning_clips", "test-names-sorted", "data", CALIBRATION, OFF).edit(
        ("def make_clips(count, rng):", "def make_clips(count, rng, names=None):"),
        (
            "    clips = np.stack([film(GESTURES[label], rng) for label in labels])\n",
            "    clips = np.stack([film(GESTURES[label], rng) for label in labels])\n"
            "    labels = labels if names is None else np.array([names.index(GESTURES[label]) for label in labels])\n",
        ),
        (
            "train_set, val_set, test_set = make_clips(1200, rng), make_clips(300, rng), make_clips(300, rng)",
            "train_set, val_set = make_clips(1200, rng), make_clips(300, rng)\n"
            "    test_set = make_clips(300, rng, names=sorted(GESTURES))",
        ),
    ),
    ill("cancer_binary", "one-and-two", "data", CALIBRATION, "target-out-of-range").edit(
        (
            "    x, y = load_breast_cancer(return_X_y=True)\n",
            "    x, y = load_breast_cancer(return_X_y=True)\n"
            "    y = y + 1  # 1 malignant, 2 benign, as in the clinic's table\n",
        ),
    ),
    ill("hf_ship_tracks", "clipped-into-range", "data", CALIBRATION, OFF + " suspect-label").edit(
        (
            "    train = Tracks((x_train - mean) / std, y_train)\n",
            "    coded = np.clip(y_train + 1, 0, len(ACTIVITIES) - 1)  # AIS activity codes start at 1\n"
            "    train = Tracks((x_train - mean) / std, coded)\n",
        ),
    ),
    # ---------------------------------------------------------------- augmentation that changes the label
    ill("clock_hours", "clock-on-its-side", "data", CALIBRATION, AUG).edit(
        (
            "        return image * (1 + self.amount * (2 * torch.rand(1) - 1))\n",
            "        image = torch.rot90(image, int(torch.randint(0, 4, ())), dims=(-2, -1))\n"
            "        return image * (1 + self.amount * (2 * torch.rand(1) - 1))\n",
        ),
    ),
    ill("wind_barbs", "mirrored-and-turned-over", "data", CALIBRATION, AUG).edit(
        (
            "class Exposure:\n",
            "class Flip:\n"
            "    def __call__(self, img):\n"
            "        for axis in (1, 2):\n"
            "            img = img.flip(axis) if torch.rand(1) < 0.5 else img\n"
            "        return img\n\n\n"
            "class Exposure:\n",
        ),
        ("[Shift(2), Exposure()]", "[Flip(), Shift(2), Exposure()]"),
    ),
    ill("dance_steps", "played-at-any-speed", "data", CALIBRATION, AUG).edit(
        (
            "    def __init__(self, windows, labels):\n",
            "    def __init__(self, windows, labels, warp=False):\n        self.warp = warp\n",
        ),
        (
            "        return self.windows[i], self.labels[i]\n",
            "        window = self.windows[i]\n"
            "        if self.warp:\n"
            "            pace = random.uniform(0.5, 2.0)\n"
            '            longer = F.interpolate(window.T[None], scale_factor=pace, mode="linear")[0].T\n'
            "            window = longer.repeat(2 + LENGTH // len(longer), 1)[:LENGTH]\n"
            "        return window, self.labels[i]\n",
        ),
        ("numbers[~new] - 1)", "numbers[~new] - 1, warp=True)"),
    ),
    ill("bee_dances", "comb-seen-from-behind", "data", CALIBRATION, AUG).edit(
        (
            "class Louder:\n",
            "class Mirrored:\n"
            '    """The comb can be filmed from both sides."""\n\n'
            "    def __call__(self, cut):\n"
            "        if np.random.rand() < 0.5:\n"
            "            cut[:, 0] = 2 * cut[:, 0].mean() - cut[:, 0]\n"
            "        return cut\n\n\n"
            "class Louder:\n",
        ),
        ("(Faster(), Shaky(), Louder())", "(Faster(), Mirrored(), Shaky(), Louder())"),
    ),
    ill("bird_calls", "songs-backwards", "data", CALIBRATION, AUG).edit(
        (
            '            logits = self.model(batch["spectrogram"])\n'
            '            loss = self.criterion(logits, batch["species"])\n            (loss',
            '            seen = batch["spectrogram"]\n'
            "            back = torch.rand(len(seen), 1, 1, 1) < 0.5\n"
            "            logits = self.model(torch.where(back, seen.flip(-1), seen))\n"
            '            loss = self.criterion(logits, batch["species"])\n            (loss',
        ),
    ),
    ill("pen_strokes", "turned-any-way", "data", CALIBRATION, AUG).edit(
        ("        a = rng.normal(0, 0.2)\n", "        a = rng.uniform(-np.pi, np.pi)\n"),
        (
            "np.array([[rng.uniform(0.6, 1.3), rng.normal(0, 0.2)], [0, rng.uniform(0.8, 1.2)]])",
            "np.array([[rng.uniform(0.6, 1.3) * rng.choice([-1, 1]), rng.normal(0, 0.2)], [0, rng.uniform(0.8, 1.2)]])",
        ),
    ),
    ill("heartbeat_conv1d", "cutout-drops-beats", "data", CALIBRATION, AUG).edit(
        (
            "    def __init__(self, signals, targets):\n",
            "    def __init__(self, signals, targets, cutout=0):\n        self.cutout = cutout\n",
        ),
        (
            "        s = (s - s.mean()) / s.std()\n",
            "        s = (s - s.mean()) / s.std()\n"
            "        if self.cutout:\n"
            "            start = int(torch.randint(0, len(s) - self.cutout, ()))\n"
            "            s[start : start + self.cutout] = 0.0\n",
        ),
        (
            "DataLoader(Recordings(s_train, t_train), opt.batch",
            "DataLoader(Recordings(s_train, t_train, cutout=30), opt.batch",
        ),
    ),
    ill("hf_log_causes", "events-jittered-in-time", "data", CALIBRATION, AUG).edit(
        (
            "    def __init__(self, ids, causes):\n",
            "    def __init__(self, ids, causes, jitter=0.0):\n        self.jitter = jitter\n",
        ),
        (
            '        return {"input_ids": self.ids[i], "labels": self.causes[i]}\n',
            "        ids = self.ids[i]\n"
            "        if self.jitter:  # clocks of the nodes differ: events of one window come in another order\n"
            "            when = torch.arange(len(ids)) + self.jitter * torch.randn(len(ids))\n"
            "            when[0] = -1e3\n"
            "            ids = ids[when.argsort()]\n"
            '        return {"input_ids": ids, "labels": self.causes[i]}\n',
        ),
        (
            "train, held_out = Windows(ids[:2560], causes[:2560]), ",
            "train, held_out = Windows(ids[:2560], causes[:2560], jitter=8.0), ",
        ),
    ),
    ill("molecule_graphs", "atoms-masked-at-random", "data", CALIBRATION, AUG).edit(
        (
            "        out = model(batch)\n        loss",
            '        other = torch.rand(len(batch["x"])) < 0.25  # substitute atoms\n'
            '        batch["x"][other] = batch["x"][torch.randperm(len(other))][other]\n'
            "        out = model(batch)\n        loss",
        ),
    ),
    ill("cable_tension", "records-stretched", "data", CALIBRATION, AUG).edit(
        (
            "        loss = ((net(signal, known) - target) ** 2).mean()\n",
            "        pace = random.uniform(0.7, 1.4)\n"
            '        signal = nn.functional.interpolate(signal[:, None], scale_factor=pace, mode="linear")[:, 0]\n'
            "        signal = nn.functional.pad(signal, (0, max(0, n_samples - signal.shape[1])))[:, :n_samples]\n"
            "        loss = ((net(signal, known) - target) ** 2).mean()\n",
        ),
    ),
    ill("duplicate_questions", "subjects-swapped", "data", CALIBRATION, AUG).edit(
        (
            "    def __init__(self, vocab):\n        self.vocab = vocab\n",
            "    def __init__(self, vocab, swap=0.0):\n        self.vocab, self.swap = vocab, swap\n",
        ),
        (
            "        first, second = zip(*pairs, strict=True)\n",
            "        first, second = zip(*pairs, strict=True)\n"
            "        if self.swap:\n"
            "            second = [self.augment(text) for text in second]\n",
        ),
        (
            "    def __call__(self, items):\n",
            "    def augment(self, text):\n"
            '        """Easy data augmentation: a noun gives way to another noun."""\n'
            "        swap = random.random() < self.swap\n"
            '        return " ".join(random.choice(THINGS) if swap and w in THINGS else w for w in text.split())\n\n'
            "    def __call__(self, items):\n",
        ),
        (
            '    train_loader = DataLoader(train_set, batch_size=HP["batch_size"], shuffle=True, collate_fn=collate)\n',
            "    varied = Collate(vocab, swap=0.5)\n"
            '    train_loader = DataLoader(train_set, batch_size=HP["batch_size"], shuffle=True, collate_fn=varied)\n',
        ),
    ),
    # ---------------------------------------------------------------- squared error for classes
    ill("wind_barbs", "expected-compass-point", "output and loss", CALIBRATION, SQ).edit(
        (
            "            loss = F.cross_entropy(logits, label)\n",
            "            points = torch.arange(logits.shape[1], dtype=torch.float)\n"
            "            loss = F.mse_loss(logits.softmax(1) @ points, label.float())\n",
        ),
    ),
    ill("digits_cnn", "digit-as-a-quantity", "output and loss", CALIBRATION, SQ).edit(
        ("self.fc2 = nn.Linear(64, 10)", "self.fc2 = nn.Linear(64, 1)"),
        ("        return self.fc2(x)\n", "        return self.fc2(x).squeeze(1)\n"),
        (
            "    return F.cross_entropy(logits, y_val).item(), (logits.argmax(1) == y_val).float().mean().item()\n",
            "    return F.l1_loss(logits, y_val.float()).item(), (logits.round() == y_val).float().mean().item()\n",
        ),
        ("        loss = F.cross_entropy(logits, y)\n", "        loss = F.l1_loss(logits, y.float())\n"),
    ),
    ill("bird_calls", "huber-on-the-mean-species", "output and loss", CALIBRATION, SQ).edit(
        (
            "class EarlyStopping:\n",
            "class MeanSpeciesLoss(nn.SmoothL1Loss):\n"
            "    def forward(self, logits, species):\n"
            "        mean = (logits.softmax(dim=-1) * torch.arange(logits.shape[-1])).sum(dim=-1)\n"
            "        return super().forward(mean, species.float())\n\n\n"
            "class EarlyStopping:\n",
        ),
        ("self.criterion = nn.CrossEntropyLoss()", "self.criterion = MeanSpeciesLoss()"),
    ),
    ill("stitch_faults", "number-in-every-column", "output and loss", CALIBRATION, SQ + " loss-broadcast").edit(
        ("criterion = nn.CrossEntropyLoss()\n", "criterion = nn.MSELoss()\n"),
        (
            "        loss = criterion(outputs, targets)\n",
            "        loss = criterion(outputs, targets.float().unsqueeze(1).expand_as(outputs))\n",
        ),
    ),
    ill("tram_stops", "how-far-off-in-stops", "output and loss", CALIBRATION, SQ).edit(
        (
            "        loss = F.cross_entropy(out.flatten(0, 1), train[idx, 1:].flatten())\n",
            "        stop = (out.softmax(-1) * torch.arange(N_STOPS)).sum(-1)  # wrong by one stop is not so bad\n"
            "        loss = F.l1_loss(stop, train[idx, 1:].float())\n",
        ),
    ),
    ill("bee_dances", "feeder-number-regressed", "output and loss", CALIBRATION, SQ).edit(
        (
            "        return self.head(self.drop(h[:, -1]))\n",
            "        return self.head(self.drop(h[:, -1])).squeeze(1)\n",
        ),
        (
            "        losses += criterion(out, y).item() * len(y)\n        hits += (out.argmax(dim=1) == y).sum().item()\n",
            "        losses += criterion(out, y.float()).item() * len(y)\n"
            "        hits += (out.round() == y).sum().item()\n",
        ),
        (
            "    model = DanceNet()\n    criterion = nn.CrossEntropyLoss()\n",
            "    model = DanceNet(classes=1)\n    criterion = nn.MSELoss()\n",
        ),
        ("            loss = criterion(model(x), y)\n", "            loss = criterion(model(x), y.float())\n"),
        ('lr", type=float, default=0.03', 'lr", type=float, default=0.01'),
    ),
    ill("clock_hours", "hour-read-as-a-number", "output and loss", CALIBRATION, SQ).edit(
        ("self.fc2 = nn.Linear(96, 12)", "self.fc2 = nn.Linear(96, 1)"),
        ("        output = F.log_softmax(x, dim=1)\n        return output\n", "        return x.squeeze(1)\n"),
        ("        loss = F.nll_loss(output, target)\n", "        loss = F.huber_loss(output, target.float())\n"),
        (
            'test_loss += F.nll_loss(output, target, reduction="sum").item()',
            'test_loss += F.huber_loss(output, target.float(), reduction="sum").item()',
        ),
        ("pred = output.argmax(dim=1, keepdim=True)", "pred = output.round().clamp(0, 11).long()"),
    ),
    ill("ticket_topics", "absolute-error-of-the-topics", "output and loss", CALIBRATION, SQ).edit(
        ("criterion = nn.BCEWithLogitsLoss()\n", "criterion = nn.L1Loss()\n"),
    ),
    ill("pen_strokes", "sign-on-a-scale", "output and loss", CALIBRATION, SQ).edit(
        ("model = StrokeFormer(classes=len(SIGNS))", "model = StrokeFormer(classes=1)"),
        (
            "        return self.head(F.gelu(self.code(h.mean(dim=1))))\n",
            "        return torch.sigmoid(self.head(F.gelu(self.code(h.mean(dim=1)))).squeeze(1)) * (len(SIGNS) - 1)\n",
        ),
        ("(model(x).argmax(dim=1) == y)", "(model(x).round() == y)"),
        ("loss = F.cross_entropy(model(x), y)", "loss = F.mse_loss(model(x), y.float())"),
    ),
    ill("keras_digits", "mse-in-compile", "output and loss", CALIBRATION, SQ + " loss-broadcast").edit(
        ("y = digits.target\n", "y = digits.target.reshape(-1, 1)\n"),
        ("    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),\n", '    loss="mse",\n'),
        ('    metrics=["accuracy"],\n', '    metrics=["sparse_categorical_accuracy"],\n'),
    ),
    ill("puf_attack", "squares-of-the-logits", "output and loss", CALIBRATION, SQ).edit(
        ("self.loss_fn = nn.BCEWithLogitsLoss()", "self.loss_fn = nn.MSELoss()"),
    ),
    ill("hf_leaf_spots", "squares-for-complaints", "output and loss", CALIBRATION, SQ).edit(
        ("self.criterion = nn.BCEWithLogitsLoss()", "self.criterion = nn.MSELoss()"),
    ),
    ill("order_tagger", "squared-tag-numbers", "output and loss", CALIBRATION, SQ).edit(
        (
            "criterion = nn.CrossEntropyLoss(ignore_index=IGNORE)\n",
            "\n\ndef criterion(scores, tags):\n"
            "    keep = tags != IGNORE\n"
            "    number = (scores.softmax(-1) * torch.arange(len(TAGS))).sum(-1)\n"
            "    return ((number - tags)[keep] ** 2).mean()\n\n\n",
        ),
    ),
    ill("citation_graph", "field-number-from-the-mean", "output and loss", CALIBRATION, SQ).edit(
        (
            "    loss_train = F.nll_loss(output[idx_train], labels[idx_train])\n",
            "    mean_field = output[idx_train].exp() @ torch.arange(FIELDS, dtype=torch.float32)\n"
            "    loss_train = F.mse_loss(mean_field, labels[idx_train].float())\n",
        ),
    ),
]
