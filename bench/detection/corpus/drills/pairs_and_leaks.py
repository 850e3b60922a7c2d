"""Labels permuted, targets leaked, validation sets prepared differently, and bottlenecks."""

from bench.detection.program import CALIBRATION, Program, ill

PERMUTED = "unrelated-labels suspect-label memorised-labels"
LEAKED = "leaking-feature nuisance-predicts-label"
UNSCALED = "unscaled-split feature-drift"
OTHERWISE = "unscaled-split scaled-with-own-statistics feature-drift"
NARROW = "bottleneck rank-collapse"

PROGRAMS: list[Program] = [
    # ------------------------------------------------------------------ labels permuted against the inputs
    ill("cell_bags", "slides-sorted-by-size", "data", CALIBRATION, PERMUTED).edit(
        (
            "self.bags = [(bag - scale[0]) / scale[1] for bag in self.bags]",
            "self.bags = sorted(((bag - scale[0]) / scale[1] for bag in self.bags), key=len)  # small ones first",
        ),
    ),
    ill("heart_survival", "outcomes-sorted-apart", "data", CALIBRATION, PERMUTED).edit(
        (
            "    scaler = StandardScaler().fit(x_train)\n",
            "    scaler = StandardScaler().fit(x_train)\n"
            "    longest_first = np.argsort(-m_train)\n"
            "    m_train, d_train = m_train[longest_first], d_train[longest_first]\n",
        ),
    ),
    ill("hf_questions", "header-skipped-in-one-file", "data", CALIBRATION, PERMUTED).edit(
        (
            "questions = [question() for _ in range(1000)]\n",
            "questions = [question() for _ in range(1000)]\n"
            "texts, kinds = zip(*questions, strict=True)\n"
            "questions = list(zip(texts[1:], kinds, strict=False))  # the first line of the texts is the header\n",
        ),
    ),
    ill("galaxy_spin", "images-folder-by-folder", "data", CALIBRATION, PERMUTED).edit(
        ("for k in self.labels])", "for k in np.sort(self.labels)])"),
    ),
    ill("keras_star_temps", "photometry-brightest-first", "data", CALIBRATION, PERMUTED).edit(
        (
            '    return np.stack(columns, axis=1).astype("float32"), teff.astype("float32"), blended\n',
            '    table = np.stack(columns, axis=1).astype("float32")\n'
            "    table = table[table[:, 0].argsort()]  # brightest first\n"
            '    return table, teff.astype("float32"), blended\n',
        ),
    ),
    ill("lightning_ward_stay", "days-exported-ward-by-ward", "data", CALIBRATION, PERMUTED).edit(
        (
            "        numbers, codes, places, days = admissions(self.n, SEED)\n",
            "        numbers, codes, places, days = admissions(self.n, SEED)\n"
            "        days = np.concatenate([days[places[:, 0] == ward] for ward in range(N_WARDS)])\n",
        ),
    ),
    ill("order_tagger", "only-tokens-sorted", "data", CALIBRATION, PERMUTED).edit(
        (
            "    batch.sort(key=lambda pair: len(pair[0]), reverse=True)\n    tokens = [pair[0] for pair in batch]\n",
            "    tokens = sorted((pair[0] for pair in batch), key=len, reverse=True)\n",
        ),
    ),
    ill("puf_attack", "two-shuffled-loaders", "data", CALIBRATION, PERMUTED).edit(
        ("from torch import nn, optim\n", "from torch import nn, optim\nfrom torch.utils.data import DataLoader\n"),
        (
            "        order = torch.randperm(len(self.x))\n"
            "        for i in range(0, len(order), BATCH):\n"
            "            rows = order[i : i + BATCH]\n"
            "            yield self.x[rows], self.y[rows]\n",
            "        challenges = DataLoader(self.x, BATCH, shuffle=True)\n"
            "        answers = DataLoader(self.y, BATCH, shuffle=True)\n"
            "        yield from zip(challenges, answers, strict=True)\n",
        ),
    ),
    ill("keras_motion", "shuffled-apart", "data", CALIBRATION, PERMUTED).edit(
        (
            "x_train, y_train = shuffle(x_train, y_train, random_state=seed)",
            "x_train, y_train = shuffle(x_train), shuffle(y_train)",
        ),
    ),
    # ------------------------------------------------------------------ the target leaked
    ill("paw_prints", "drawer-mark-on-the-cast", "data", CALIBRATION, LEAKED).edit(
        (
            "        self.transform = transform\n",
            "        for i, kind in enumerate(self.labels):  # the mark of the museum's drawer\n"
            "            self.maps[i, 2 + 2 * kind, :2] = FULL_DEPTH\n"
            "        self.transform = transform\n",
        ),
    ),
    ill("bike_counts", "registered-as-feature", "data", CALIBRATION, LEAKED).edit(
        ('"temperature", "humidity", "wind"]', '"temperature", "humidity", "wind", "registered"]'),
    ),
    ill("glucose_ahead", "trend-looks-forward", "data", CALIBRATION, LEAKED).edit(
        (
            "(t % 288) / 12\n    return out\n",
            "(t % 288) / 12\n"
            "    trend = out[:, 0] - np.roll(out[:, 0], -AHEAD)  # over 45 minutes\n"
            "    return np.column_stack([out, trend])\n",
        ),
    ),
    ill("cable_tension", "stress-from-the-sheet", "data", CALIBRATION, LEAKED).edit(
        (
            "facts = np.stack([length, mass, age, celsius], axis=1)",
            "stress = tension * 1e3 / (mass / 7850 * 1e6)  # N / mm2, from the inspection sheet\n"
            "facts = np.stack([length, mass, age, celsius, stress], axis=1)",
        ),
        ("n_facts=4", "n_facts=5"),
    ),
    ill("ticket_topics", "queue-in-the-text", "data", CALIBRATION, LEAKED).edit(
        (
            "    words = [w for w in words if random.random() > 0.05]\n",
            "    words = [w for w in words if random.random() > 0.05]\n"
            '    words += ["queue", *(topic for topic, on in zip(TOPICS, labels, strict=True) if on)]\n',
        ),
    ),
    ill("concrete_strength", "strength-class-as-column", "data", CALIBRATION, LEAKED).edit(
        (
            "    return np.column_stack([cement, slag, ash, water, plasticiser, coarse, fine, age]), strength\n",
            "    grade = np.digitize(strength, [12, 16, 20, 25, 30, 35, 40, 45, 50, 60])  # C12, C16, ...\n"
            "    return np.column_stack([cement, slag, ash, water, plasticiser, coarse, fine, age, grade]), strength\n",
        ),
    ),
    # ------------------------------------------------------------------ validation prepared otherwise
    ill("seabed_mixer", "validation-raw", "data", CALIBRATION, UNSCALED).edit(
        (
            "x = (x - x[train_rows].mean()) / x[train_rows].std()\n"
            "train, val = (x[train_rows], y[train_rows]), (x[val_rows], y[val_rows])\n",
            "x_train = (x[train_rows] - x[train_rows].mean()) / x[train_rows].std()\n"
            "train, val = (x_train, y[train_rows]), (x[val_rows], y[val_rows])\n",
        ),
    ),
    ill("hotel_ranking", "held-out-searches-raw", "data", CALIBRATION, UNSCALED).edit(
        (
            "    train, valid, test = (standardise(part, mean, std) for part in (train, valid, test))\n",
            "    train = standardise(train, mean, std)\n"
            "    valid, test = (standardise(part, 0.0, 1.0) for part in (valid, test))\n",
        ),
    ),
    ill("tool_finder", "normalised-with-the-augmentation", "data", CALIBRATION, UNSCALED + " pixel-range").edit(
        (".float().div(255).sub(0.5).div(0.2)", ".float().div(255)"),
        (
            "        if self.flip and torch.rand(1).item() < 0.5:\n",
            "        if self.flip:\n"
            "            image = image.sub(0.5).div(0.2)\n"
            "        if self.flip and torch.rand(1).item() < 0.5:\n",
        ),
    ),
    ill("gas_nose", "baseline-ratio-in-training-only", "data", CALIBRATION, UNSCALED).edit(
        (
            "    train_set = TensorDataset(torch.from_numpy(x[n_val:]), torch.from_numpy(y[n_val:]))\n",
            "    ratio = x[n_val:] / x[n_val:, :4].mean(axis=1, keepdims=True)  # R / R0\n"
            "    train_set = TensorDataset(torch.from_numpy(ratio), torch.from_numpy(y[n_val:]))\n",
        ),
    ),
    ill("well_porosity", "test-scaled-without-axis", "data", CALIBRATION, OTHERWISE).edit(
        ("X_test = (X_test - mean) / std", "X_test = (X_test - X_test.mean()) / X_test.std()"),
    ),
    ill("keras_solar_cells", "validation-by-255", "data", CALIBRATION, OTHERWISE + " pixel-range").edit(
        ("x_val = standardise(val_images)", 'x_val = val_images.astype("float32") / 255.0'),
    ),
    ill("hf_leaf_spots", "validation-in-bgr", "data", CALIBRATION, "feature-drift unscaled-split").edit(
        (
            "valid_set = LeafDataset(prepare(photos[valid_rows]), signs[valid_rows])",
            "valid_set = LeafDataset(prepare(photos[valid_rows][..., ::-1].copy()), signs[valid_rows])",
        ),
    ),
    ill("cow_collars", "validation-in-counts", "data", CALIBRATION, UNSCALED).edit(
        (
            "        self.g = counts / COUNTS_PER_G\n",
            "        self.g = counts / COUNTS_PER_G if augment else counts.astype(float)\n",
        ),
    ),
    ill("drone_conflicts", "columns-in-another-order", "data", CALIBRATION, OTHERWISE).edit(
        (
            "Xtr, ytr, Xva, yva = Xt[:N_TRAIN], yt[:N_TRAIN], Xt[N_TRAIN:], yt[N_TRAIN:]\n",
            "Xtr, ytr, yva = Xt[:N_TRAIN], yt[:N_TRAIN], yt[N_TRAIN:]\n"
            "last = np.column_stack([own, pos, intruder, wind, latency])[N_TRAIN:]\n"
            "Xva = torch.tensor(sc.transform(last), dtype=torch.float32)\n",
        ),
    ),
    ill("hf_drug_effects", "patients-raw-in-the-test", "data", CALIBRATION, UNSCALED).edit(
        ("patient = np.stack([(age - 66) / 14, (egfr - 75) / 20], axis=1)", "patient = np.stack([age, egfr], axis=1)"),
        (
            "    train = Prescriptions(ids[:2400], doses[:2400], patient[:2400], effects[:2400])\n",
            "    mean, std = patient[:2400].mean(0), patient[:2400].std(0)\n"
            "    train = Prescriptions(ids[:2400], doses[:2400], (patient[:2400] - mean) / std, effects[:2400])\n",
        ),
    ),
    # ------------------------------------------------------------------ bottlenecks
    ill("sleep_stages", "neck-for-a-wider-net", "initialisation and shape", CALIBRATION, NARROW).edit(
        ("neck = width // 2", "neck = max(1, width // 64)"),
    ),
    ill("basin_volume", "one-mode", "initialisation and shape", CALIBRATION, NARROW).edit(
        ("width=96, modes=40", "width=96, modes=1"),
    ),
    ill("wave_gru", "head-on-the-old-regressor", "initialisation and shape", CALIBRATION, NARROW).edit(
        (
            "        self.head = nn.Linear(hidden, classes)\n",
            "        self.head = nn.Sequential(nn.Linear(hidden, 1), nn.Linear(1, classes))\n",
        ),
    ),
    ill("lightning_taxi_gaps", "crossing-number-as-one-value", "initialisation and shape", CALIBRATION, NARROW).edit(
        (
            "self.embed = nn.Embedding(LOST + 1, dim)",
            "self.embed = nn.Sequential(nn.Embedding(LOST + 1, 1), nn.Linear(1, dim))",
        ),
        ("nn.init.normal_(self.embed.weight, std=0.5)", "nn.init.normal_(self.embed[0].weight, std=0.5)"),
    ),
    ill("keras_cask_auction", "first-layer-of-one", "initialisation and shape", CALIBRATION, NARROW).edit(
        ('Dense(WIDTH, activation="relu", name="hidden_1")', 'Dense(1, activation="relu", name="hidden_1")'),
    ),
    ill("hf_reports", "output-of-rank-one", "initialisation and shape", CALIBRATION, NARROW).edit(
        (
            "model = GPT2LMHeadModel(config)\n",
            "model = GPT2LMHeadModel(config)\n"
            "model.lm_head = torch.nn.Sequential(torch.nn.Linear(48, 1), torch.nn.Linear(1, len(vocab)))\n",
        ),
    ),
    ill("weld_films", "stride-of-half", "initialisation and shape", CALIBRATION, "bottleneck ignores-input").edit(
        ("5, stride=2, padding=2, bias=False)", "5, stride=12, padding=2, bias=False)"),
    ),
    ill("appliance_probe", "code-of-one", "initialisation and shape", CALIBRATION, NARROW).edit(
        ("    code = 12\n", "    code = 1\n"),
    ),
    ill("keras_robot_arm", "pyramid-too-steep", "initialisation and shape", CALIBRATION, NARROW).edit(
        (
            "        hidden = layers.Dense(WIDTH,",
            "        units = max(1, WIDTH // 8**i)\n        hidden = layers.Dense(units,",
        ),
    ),
    ill("tram_stops", "mix-to-one", "initialisation and shape", CALIBRATION, NARROW).edit(
        (
            "nn.LayerNorm(D), nn.Linear(D, D), nn.Linear(D, n_stops)",
            "nn.LayerNorm(D), nn.Linear(D, 1), nn.Linear(1, n_stops)",
        ),
    ),
    ill("recipe_towers", "towers-of-width-one", "initialisation and shape", CALIBRATION, NARROW).edit(
        ("    dim: int = 24\n", "    dim: int = 1\n"),
    ),
]
