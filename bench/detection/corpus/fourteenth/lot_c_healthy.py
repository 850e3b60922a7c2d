"""Right programs, some of them odd, on the air of dives, scour around bridge piers and sets of optical elements."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("keras_dive_air", "as-written", CALIBRATION),
    well("pier_scour", "as-written", CALIBRATION),
    well("optical_benches", "as-written", CALIBRATION),
    well("keras_dive_air", "litres-as-they-are", CALIBRATION).edit(
        (
            "# %% targets in standard deviations of the training dives\n",
            "# %% targets stay in litres; the last layer knows their size\n",
        ),
        ("y_train = (litres_train - mean) / std\n", "y_train = litres_train\n"),
        ("y_val = (litres_val - mean) / std\n", "y_val = litres_val\n"),
        ("loss {np.mean(y_val**2):.3f}", "loss {np.mean((y_val - mean) ** 2):.0f}"),
        (
            'outputs = layers.Dense(1, name="air")(h)\n',
            'outputs = layers.Rescaling(float(std), float(mean))(layers.Dense(1, name="air")(h))\n',
        ),
        (
            "train {logs['loss']:.4f}  val {logs['val_loss']:.4f}",
            "train {logs['loss']:.0f}  val {logs['val_loss']:.0f}",
        ),
        ("{logs['val_mae'] * std:.0f}", "{logs['val_mae']:.0f}"),
        ("best weights: loss {loss:.4f}", "best weights: loss {loss:.0f}"),
        ("y_val[dives]).mean() * std\n", "y_val[dives]).mean()\n"),
    ),
    well("keras_dive_air", "adapters-for-the-lake", CALIBRATION).edit(
        ("def read_log(n):\n", "def read_log(n, lake=False):\n"),
        (
            "    litres = rate * minutes * (1 + mean_depth / 10)",
            "    if lake:  # dark and high up: less pressure, more excitement, and a heavy camera for everybody\n"
            "        rate = rate * (1 + 0.4 * (depth > 18)) * (0.75 + 0.004 * minutes)\n"
            "    litres = rate * minutes * (1 + mean_depth / 10)",
        ),
        (
            "for name, column in zip(SUITS, x_val",
            "\n"
            "# %% the mountain club has few dives: low-rank adapters on the sea model\n"
            "x_lake, litres_lake = read_log(1200, lake=True)\n"
            "x_val, litres_val = read_log(N_VAL, lake=True)\n"
            "y_lake, y_val = (litres_lake - mean) / std, (litres_val - mean) / std\n"
            'model.get_layer("first").enable_lora(4)\n'
            'model.get_layer("second").enable_lora(4)\n'
            "rate = keras.optimizers.schedules.CosineDecay(5e-3, decay_steps=192)\n"
            'model.compile(optimizer=keras.optimizers.Adam(rate), loss="mse", metrics=["mae"])\n'
            'print(f"lake: mean alone {y_val.var():.4f}")\n'
            'print(f"lake before adapting: loss {model.evaluate(x_val, y_val, batch_size=256, verbose=0)[0]:.4f}")\n'
            "model.fit(\n"
            "    x_lake,\n"
            "    y_lake,\n"
            "    batch_size=50,\n"
            "    epochs=8,\n"
            "    validation_data=(x_val, y_val),\n"
            "    validation_batch_size=200,\n"
            "    callbacks=[Report()],\n"
            "    verbose=0,\n"
            ")\n"
            "predicted = model.predict(x_val, batch_size=256, verbose=0)[:, 0]\n"
            "for name, column in zip(SUITS, x_val",
        ),
    ),
    well("pier_scour", "short-leash", CALIBRATION).edit(
        (
            "        optimizer.step()\n",
            "        nn.utils.clip_grad_norm_(model.parameters(), 0.1)\n        optimizer.step()\n",
        ),
    ),
    well("pier_scour", "half-of-the-units-off", CALIBRATION).edit(
        ("drop=0.2", "drop=0.5"),
        ("self.hidden = nn.Linear(24 * 6 * 6, 64)", "self.hidden = nn.Linear(24 * 6 * 6, 128)"),
        ("self.out = nn.Linear(64, classes)", "self.out = nn.Linear(128, classes)"),
    ),
    well("optical_benches", "along-the-bench-with-a-gru", CALIBRATION).edit(
        (
            "class Attend(nn.Module):\n"
            '    """Every element looks at the others."""\n'
            "\n"
            "    def __init__(self, dim):\n"
            "        super().__init__()\n"
            "        self.query = nn.Linear(dim, dim)\n"
            "        self.key = nn.Linear(dim, dim)\n"
            "        self.value = nn.Linear(dim, dim)\n"
            "\n"
            "    def forward(self, x, empty):\n"
            "        scores = self.query(x) @ self.key(x).transpose(1, 2) / x.shape[-1] ** 0.5\n"
            "        scores = scores.masked_fill(empty.unsqueeze(1), -1e9)\n"
            "        return torch.softmax(scores, dim=2) @ self.value(x)\n"
            "\n"
            "\n",
            "",
        ),
        (
            "        self.attend = Attend(dim)\n"
            "        self.refine = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))\n"
            "        self.hidden = nn.Linear(dim, hidden)\n",
            "        self.gru = nn.GRU(dim, hidden, batch_first=True)\n"
            "        self.hidden = nn.Linear(hidden, hidden)\n",
        ),
        (
            "        h = x + self.attend(x, empty)\n"
            "        h = h + self.refine(h)\n"
            "        pooled = h.masked_fill(empty.unsqueeze(2), 0.0).sum(dim=1) / SLOTS**0.5\n"
            "        return self.out(torch.relu(self.hidden(pooled)))\n",
            "        # the light meets the elements from left to right\n"
            "        order = numbers[..., 0].masked_fill(empty, 9.0).argsort(dim=1)\n"
            "        x = x.gather(1, order.unsqueeze(2).expand(-1, -1, x.shape[2]))\n"
            "        lengths = (~empty).sum(dim=1)\n"
            "        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)\n"
            "        _, last = self.gru(packed)\n"
            "        return self.out(torch.relu(self.hidden(last[0])))\n",
        ),
    ),
    well("optical_benches", "odd-number-of-mirrors", CALIBRATION).edit(
        (
            "DENSITY = np.array([0.02, 0.04, 0.5, 0.3, 0.02, 0.2, 0.0, 0.3])  # of the last but one: its own\n"
            "SHARE = np.full(len(KINDS), 1 / len(KINDS))\n",
            "SHARE = np.array([0.09, 0.25, 0.09, 0.09, 0.21, 0.09, 0.09, 0.09])\n",
        ),
        (
            'LABELS = ["dim", "crossed", "spectrum", "converging", "ghost"]',
            'LABELS = ["mirrored"]  # by an odd number of mirrors and (Dove) prisms',
        ),
        (
            "    def pairs(first, second, condition):\n"
            "        both = (kind == first)[:, :, None] & (kind == second)[:, None, :]\n"
            "        return (both & condition).any(axis=(1, 2))\n"
            "\n"
            "    later = position[:, None, :] > position[:, :, None]\n"
            "    total = np.append(DENSITY, 0)[kind].sum(axis=1) + (density * (kind == GREY)).sum(axis=1)\n"
            "    apart = np.cos(2 * (angle[:, :, None] - angle[:, None, :])) < -0.3\n"
            "    spoilt = ((kind == PRISM)[:, :, None] & (kind == DIFFUSER)[:, None, :] & later).any(axis=2)\n"
            "    labels = [\n"
            "        total > 1.6,\n"
            "        pairs(POLARISER, POLARISER, apart),\n"
            "        ((kind == PRISM) & ~spoilt).any(axis=1),\n"
            "        (power * (kind == LENS)).sum(axis=1) > 0.1,\n"
            "        pairs(SPLITTER, MIRROR, later),\n"
            "    ]\n",
            "    labels = [np.isin(kind, (MIRROR, PRISM)).sum(axis=1) % 2 == 1]\n",
        ),
        ("and labels [n, 5].", "and labels [n, 1]."),
        ("SLOTS = 9\n", "SLOTS = 4\n"),
        ("rng.integers(4, SLOTS", "rng.integers(3, SLOTS"),
        ("epochs=9, batch_size=50, lr=4e-3", "epochs=12, batch_size=50, lr=5e-4"),
    ),
    well("optical_benches", "three-of-ten-slips-mixed-up", CALIBRATION).edit(
        (
            "    share = train[2].mean(dim=0)\n",
            "    # in the old notebooks three of ten slips lie with a wrong bench\n"
            "    wrong = (torch.rand(cut) < 0.3).nonzero().squeeze(1)\n"
            "    train[2][wrong] = train[2][wrong.roll(1)]\n"
            "    share = train[2].mean(dim=0)\n",
        ),
    ),
    well("optical_benches", "four-at-a-time", CALIBRATION).edit(
        ("epochs=9, batch_size=50, lr=4e-3", "epochs=3, batch_size=4, lr=2.5e-3"),
        ("make_benches(5500", "make_benches(4500"),
        ("cut = 4700", "cut = 3700"),
        ("torch.optim.Adam(model.parameters(), lr=lr)", "torch.optim.Adam(model.parameters(), lr=lr, fused=True)"),
        ("    warm = 30\n", "    warm = 200\n"),
    ),
]
