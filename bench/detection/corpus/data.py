"""Faults of data: scaling, labels, order, splits, augmentation, loading."""

from bench.detection.program import CALIBRATION, Program, ill

GROUP = "data"
RAW = "pixel-range unscaled-feature initial-loss rate-too-high exploding-gradient diverging init-scale"
TINY = "pixel-range unscaled-feature ignores-input init-scale"
PERMUTED = "unrelated-labels memorised-labels not-learning conflicting-label"
NAN = "non-finite non-finite-value missing-value"
SORTED = "not-shuffled sorted-order"
RANGE = "target-out-of-range"
FLIPPED = "augmentation-breaks-labels"
RAW_VALIDATION = "unscaled-split feature-drift train-eval-gap"
SAME = "overlap evaluated-on-training validation-identical validation-better"
LEAK = "leaking-feature"
SMALL = "overfitting memorised-labels too-little-data trained-too-long"
UNKNOWN = "broken-text constant-feature ignores-input not-learning"
NOISE_PER_WORKER = (
    "        self.images = np.stack([draw(CLASSES[label], rng) for label in self.labels])\n",
    "        self.images = np.stack([draw(CLASSES[label], rng) for label in self.labels])\n"
    "        self.noise = np.random.default_rng(seed)\n",
)

PROGRAMS: list[Program] = [
    ill("digits_cnn", "raw-pixels", GROUP, CALIBRATION, RAW).edit(
        ("images = (images - mean) / std\n", "images = (images * 255 / 16).round()\n"),
    ),
    ill("shapes_unet", "raw-pixels", GROUP, CALIBRATION, RAW).edit(
        ("np.stack(images), dtype=torch.float32)", "(np.stack(images) + 1) * 85, dtype=torch.float32)"),
        ("torch.optim.Adam(model.parameters(), lr=3e-3)", "torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)"),
    ),
    ill("digits_mlp", "divided-twice", GROUP, CALIBRATION, TINY).edit(
        ("images = images / 16.0\n", "images = images / 16.0\nimages = images / 255.0\n"),
    ),
    ill("keras_digits", "divided-twice", GROUP, CALIBRATION, TINY).edit(
        ('astype("float32") / 16.0', 'astype("float32") / 255.0 / 255.0'),
    ),
    ill("digits_cnn", "labels-permuted", GROUP, CALIBRATION, PERMUTED).edit(
        ("images[train], labels[train], images", "images[train], labels[train[torch.randperm(len(train))]], images"),
    ),
    ill("hf_questions", "labels-permuted", GROUP, CALIBRATION, PERMUTED).edit(
        ("return words, KINDS.index(kind)", "return words, rng.randrange(len(KINDS))"),
    ),
    ill("wave_gru", "labels-permuted", GROUP, CALIBRATION, PERMUTED).edit(
        ("torch.tensor(kinds))", "torch.tensor(rng.permutation(kinds)))"),
    ),
    ill("house_prices", "nan-in-row", GROUP, CALIBRATION, NAN).edit(
        ("x, price = make_houses(3000)\n", "x, price = make_houses(3000)\nx[417, 2] = np.nan\n"),
        ("x_train.mean(0), x_train.std(0)", "np.nanmean(x_train, 0), np.nanstd(x_train, 0)"),
    ),
    ill("cancer_binary", "nan-in-row", GROUP, CALIBRATION, NAN).edit(
        ("    scaler = StandardScaler", '    x_train[100, 5] = float("nan")\n    scaler = StandardScaler'),
    ),
    ill("digits_mlp", "sorted-unshuffled", GROUP, CALIBRATION, SORTED).edit(
        (
            "\n\ndef dataset(x, y):",
            "\norder = y_train.argsort()\nx_train, y_train = x_train[order], y_train[order]\n\n\ndef dataset(x, y):",
        ),
        ("batch_size=32, shuffle=True", "batch_size=32, shuffle=False"),
    ),
    ill("review_bag", "sorted-unshuffled", GROUP, CALIBRATION, SORTED).edit(
        (
            "train_reviews, val_reviews = reviews[:2000], reviews[2000:]",
            "train_reviews, val_reviews = sorted(reviews[:2000], key=lambda r: r[1]), reviews[2000:]",
        ),
        ("batch_size=25, shuffle=True", "batch_size=25"),
    ),
    ill("digits_mlp", "labels-from-one", GROUP, CALIBRATION, RANGE).edit(
        ("images = images / 16.0\n", "images, labels = images / 16.0, labels + 1\n")
    ),
    ill("wave_gru", "labels-from-one", GROUP, CALIBRATION, RANGE).edit(
        ("torch.tensor(kinds))", "torch.tensor(kinds + 1))"),
    ),
    ill("digits_mlp", "flipped-labels-kept", GROUP, CALIBRATION, FLIPPED).edit(
        (
            "        optimizer.zero_grad()\n",
            "        square = x.view(-1, 8, 8)\n        square = square.flip(2) if torch.rand(()) < 0.5 else square\n"
            "        square = torch.rot90(square, int(torch.randint(4, ())), dims=(1, 2))\n"
            "        x = square.reshape(-1, 64)\n        optimizer.zero_grad()\n",
        ),
    ),
    ill("shapes_unet", "mask-not-flipped", GROUP, CALIBRATION, FLIPPED).edit(
        (
            "        optimizer.zero_grad()\n",
            "        if torch.rand(()) < 0.5:\n            images = images.flip(3)\n"
            "        if torch.rand(()) < 0.5:\n            images = images.flip(2)\n        optimizer.zero_grad()\n",
        ),
    ),
    ill("cancer_binary", "raw-validation", GROUP, CALIBRATION, RAW_VALIDATION).edit(
        ("x_train, x_val = scaler.transform(x_train), scaler.transform(x_val)", "x_train = scaler.transform(x_train)"),
    ),
    ill("lightning_wine", "raw-validation", GROUP, CALIBRATION, RAW_VALIDATION).edit(
        ("x_train, x_val = scaler.transform(x_train), scaler.transform(x_val)", "x_train = scaler.transform(x_train)"),
    ),
    ill("digits_cnn", "raw-validation", GROUP, CALIBRATION, RAW_VALIDATION).edit(
        ("images = (images - mean) / std\n", "images[train] = (images[train] - mean) / std\n"),
    ),
    ill("digits_mlp", "validated-on-training", GROUP, CALIBRATION, SAME).edit(
        ("stratify=labels)\n", "stratify=labels)\nx_val, y_val = x_train[:400], y_train[:400]\n"),
    ),
    ill("review_bag", "validated-on-training", GROUP, CALIBRATION, SAME).edit(
        ("reviews[:2000], reviews[2000:]", "reviews[:2000], reviews[1500:2000]"),
    ),
    ill("keras_digits", "validated-on-training", GROUP, CALIBRATION, SAME).edit(
        ("x[1200:], y[1200:]", "x[:600], y[:600]"),
    ),
    ill("table_classes", "copied-before-split", GROUP, CALIBRATION, f"{SAME} near-overlap duplicate-sample").edit(
        (
            "order = rng.permutation",
            "features, classes = np.tile(features[:1300], (3, 1)), np.tile(classes[:1300], 3)\norder = rng.permutation",
        ),
    ),
    ill("house_prices", "price-among-inputs", GROUP, CALIBRATION, LEAK).edit(
        ("return np.stack([area, rooms, age, distance, garden, energy], 1), price *", "noisy = price *"),
        (
            " np.exp(rng.normal(0, 0.05, count))\n",
            " np.exp(rng.normal(0, 0.05, count))\n"
            "    return np.stack([area, rooms, age, distance, garden, energy, noisy], 1), noisy\n",
        ),
        ("nn.Linear(6, 64)", "nn.Linear(7, 64)"),
    ),
    ill("demand_lstm", "target-in-window", GROUP, CALIBRATION, f"{LEAK} future-leak").edit(
        ("x, y = windows[:, :-1]", "x, y = windows[:, 1:]"),
    ),
    ill("char_transformer", "target-not-shifted", GROUP, CALIBRATION, f"{LEAK} future-leak").edit(
        ("source[i + 1 : i + 1 + config.block_size]", "source[i : i + config.block_size]"),
    ),
    ill("shapes_resnet", "workers-share-noise", GROUP, CALIBRATION, "workers-share-seed").edit(
        NOISE_PER_WORKER,
        (
            "        return image, int",
            "        image = image + torch.from_numpy(self.noise.normal(0, 0.2, image.shape)).float()\n        return image, int",
        ),
        ("shuffle=True, drop_last=True)", "shuffle=True, drop_last=True, num_workers=2)"),
    ),
    ill("shapes_resnet", "workers-seeded-alike", GROUP, CALIBRATION, "workers-share-seed").edit(
        (
            "        return image, int",
            "        image = image + torch.from_numpy(np.random.normal(0, 0.2, image.shape)).float()\n        return image, int",
        ),
        (
            "shuffle=True, drop_last=True)",
            "shuffle=True, drop_last=True, num_workers=2, worker_init_fn=lambda worker: np.random.seed(SEED))",
        ),
    ),
    ill("cancer_binary", "sixty-noisy-rows", GROUP, CALIBRATION, SMALL).edit(
        (
            "    scaler = StandardScaler",
            "    x_train, y_train = x_train[:60], y_train[:60].copy()\n    y_train[::5] = 1 - y_train[::5]\n"
            "    scaler = StandardScaler",
        ),
        ("Classifier(features=30)", "Classifier(features=30, hidden=512)"),
        ("range(1, 11)", "range(1, 101)"),
    ),
    ill("house_prices", "sixty-noisy-rows", GROUP, CALIBRATION, SMALL).edit(
        ("x_train, x_val = x[:2400], x[2400:]", "x_train, x_val = x[:60], x[2400:]"),
        ("price[:2400], price[2400:]", "price[:60] * np.exp(rng.normal(0, 0.5, 60)), price[2400:]"),
        (
            "nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1)",
            "nn.Linear(6, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 1)",
        ),
        ("range(40)", "range(150)"),
        ("T_max=40", "T_max=150"),
    ),
    ill("hf_questions", "words-not-found", GROUP, CALIBRATION, UNKNOWN).edit(
        ("[vocabulary[word] for word in words]", "[vocabulary.get(word.capitalize(), 1) for word in words]"),
    ),
    ill("review_bag", "words-not-found", GROUP, CALIBRATION, UNKNOWN).edit(
        ("vocabulary.get(word, 0) for", "vocabulary.get(word.upper(), 0) for"),
    ),
]
