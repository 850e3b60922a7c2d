"""Faults in keystroke (Hugging Face), electronic nose and well log programs, written without sight of the tool."""

from bench.detection.program import CALIBRATION, Program, ill

PROGRAMS: list[Program] = [
    # ------------------------------------------------------------------ hf_typists
    ill("hf_typists", "softmax-in-forward", "output and loss", CALIBRATION, "softmax-before-cross-entropy").edit(
        (
            "logits = self.head(states.mean(dim=1))",
            "logits = torch.softmax(self.head(states.mean(dim=1)), dim=-1)",
        ),
    ),
    ill("hf_typists", "states-detached", "loop", CALIBRATION, "no-gradient detached-loss weights-not-moving").edit(
        (
            "states = self.encoder(inputs_embeds=pressed).last_hidden_state\n"
            "        logits = self.head(states.mean(dim=1))",
            "states = self.encoder(inputs_embeds=pressed).last_hidden_state.detach()\n"
            "        logits = self.head(states.mean(dim=1))",
        ),
    ),
    ill("hf_typists", "head-after-optimizer", "loop", CALIBRATION, "stale-optimizer not-in-optimizer").edit(
        ('"lr": 5e-4}', '"lr": 5e-5}'),
        ("        model.head = nn.Linear(config.hidden_size, OFFICE)\n", ""),
        (
            "        optimizer = torch.optim.AdamW(groups, weight_decay=0.01)\n",
            "        optimizer = torch.optim.AdamW(groups, weight_decay=0.01)\n"
            "        model.head = nn.Linear(config.hidden_size, OFFICE)  # other people than in the archive\n",
        ),
    ),
    ill("hf_typists", "labels-shuffled-alone", "data", CALIBRATION, "unrelated-labels memorised-labels").edit(
        (
            "    who = rng.permutation(np.repeat(np.arange(len(typists)), per_typist))\n",
            "    who = np.repeat(np.arange(len(typists)), per_typist)\n",
        ),
        (
            "    return np.array(keys), np.array(timing), who\n",
            "    order = rng.permutation(len(who))\n"
            "    keys, timing = np.array(keys), np.array(timing)\n"
            "    return keys[order], timing[order], rng.permutation(who)\n",
        ),
    ),
    ill("hf_typists", "weight-decay-ten", "rates and schedules", CALIBRATION, "regularisation-dominates").edit(
        ("torch.optim.AdamW(groups, weight_decay=0.01)", "torch.optim.AdamW(groups, weight_decay=10)"),
        (
            "torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)",
            "torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=10)",
        ),
    ),
    ill("hf_typists", "timing-reshaped", "initialisation and shape", CALIBRATION, "swapped-axis").edit(
        ("        timing = []\n", "        holds, gaps = [], []\n"),
        ("            timing.append((hold, gap))\n", "            holds.append(hold)\n            gaps.append(gap)\n"),
        ("[KEYS.index(key) for key in text], timing\n", "[KEYS.index(key) for key in text], (holds, gaps)\n"),
        (
            "    return np.array(keys), np.array(timing), who\n",
            "    return np.array(keys), np.array(timing).reshape(-1, LENGTH, 2), who\n",
        ),
    ),
    ill("hf_typists", "schedule-of-another-set", "rates and schedules", CALIBRATION, "schedule-mismatch").edit(
        ("    steps = epochs * -(-len(train) // 32)\n", "    steps = 60\n"),
    ),
    # ------------------------------------------------------------------ gas_nose
    ill("gas_nose", "nll-without-log-softmax", "output and loss", CALIBRATION, "nll-on-logits").edit(
        ("criterion = nn.CrossEntropyLoss()", "criterion = nn.NLLLoss()"),
    ),
    ill("gas_nose", "log-likelihood-minimised", "output and loss", CALIBRATION, "negated-loss").edit(
        (
            "def train_one_epoch(",
            "def log_likelihood(out, y):\n"
            "    return torch.log_softmax(out, dim=1).gather(1, y[:, None]).mean()\n\n\n"
            "def train_one_epoch(",
        ),
        ("criterion = nn.CrossEntropyLoss()", "criterion = log_likelihood"),
    ),
    ill("gas_nose", "never-back-to-train", "loop", CALIBRATION, "stuck-in-eval").edit(
        ("    model.train()\n    total, seen = 0.0, 0\n", "    total, seen = 0.0, 0\n"),
    ),
    ill("gas_nose", "one-channel-left", "initialisation and shape", CALIBRATION, "bottleneck").edit(
        ("            Block(channels, channels, 4, dropout),\n", "            Block(channels, 1, 4, dropout),\n"),
        ("self.classify = nn.Linear(channels, len(GASES))", "self.classify = nn.Linear(1, len(GASES))"),
    ),
    # ------------------------------------------------------------------ well_porosity
    ill("well_porosity", "accumulated-undivided", "loop", CALIBRATION, "accumulation-not-divided rate-too-high").edit(
        ("batch_size = 64\n", "batch_size = 8\naccumulate = 8  # to the 64 of the paper\n"),
        ("learning_rate = 1e-3\n", "learning_rate = 0.02\n"),
        ("epochs = 24\n", "epochs = 12\n"),
        (
            "opt = torch.optim.Adam(model.parameters(), lr=learning_rate)\n",
            "opt = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=0.9)\n",
        ),
        ("T_max=epochs * len(train_loader))", "T_max=epochs * -(-len(train_loader) // accumulate))"),
        (
            "    for xb, yb in train_loader:\n        opt.zero_grad()\n",
            "    for i, (xb, yb) in enumerate(train_loader):\n",
        ),
        (
            "        opt.step()\n        sched.step()\n",
            "        if (i + 1) % accumulate == 0 or i + 1 == len(train_loader):\n"
            "            opt.step()\n"
            "            opt.zero_grad()\n"
            "            sched.step()\n",
        ),
    ),
    ill("well_porosity", "column-against-row", "output and loss", CALIBRATION, "loss-broadcast").edit(
        ("        pred = model(xb).squeeze(-1)\n", "        pred = model(xb)\n"),
    ),
    ill("well_porosity", "relu-bias-minus-ten", "initialisation and shape", CALIBRATION, "dead-at-init dead-relu").edit(
        ("    nn.init.zeros_(layer.bias)\n", "    nn.init.constant_(layer.bias, -10.0)\n"),
    ),
    ill(
        "well_porosity",
        "unit-normal-weights",
        "initialisation and shape",
        CALIBRATION,
        "init-scale initial-loss exploding-gradient",
    ).edit(
        (
            '    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")\n',
            "    nn.init.normal_(layer.weight, 0.0, 1.0)\n",
        ),
    ),
    ill("well_porosity", "test-wells-raw", "data", CALIBRATION, "unscaled-split feature-drift").edit(
        ("X_test = (X_test - mean) / std\n", ""),
    ),
    ill("well_porosity", "tested-on-trained-plugs", "data", CALIBRATION, "overlap evaluated-on-training").edit(
        (
            "X_test, y_test = sample_plugs(n_test_wells, rng)\n",
            "held = rng.choice(len(y_train), n_test_wells * plugs_per_well, replace=False)\n"
            "X_test, y_test = X_train[held], y_train[held]\n",
        ),
    ),
    ill(
        "well_porosity", "sixty-plugs-wide-net", "data", CALIBRATION, "too-little-data overfitting memorised-labels"
    ).edit(
        ("width = 64\n", "width = 512\n"),
        ("latent = 32\n", "latent = 128\n"),
        ("epochs = 24\n", "epochs = 100\n"),
        ("batch_size = 64\n", "batch_size = 20\n"),
        ("core_noise = 0.9\n", "core_noise = 5.0  # sidewall cores\n"),
        (
            "X_test, y_test = sample_plugs(n_test_wells, rng)\n",
            "X_test, y_test = sample_plugs(n_test_wells, rng)\n"
            "cored = rng.choice(len(y_train), 60, replace=False)  # so far only these came back from the laboratory\n"
            "X_train, y_train = X_train[cored], y_train[cored]\n",
        ),
    ),
]
