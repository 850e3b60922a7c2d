"""Author A: silent faults in a herd's collars, a geyser's log and a patrol boat's photographs."""

from bench.detection.program import CALIBRATION, Program, ill

SHAPE, RATES, LOSS, LOOP, DATA = (
    "initialisation and shape",
    "rates and schedules",
    "output and loss",
    "loop",
    "data",
)

PROGRAMS: list[Program] = [
    # The pooled window is softly assigned to "motifs": a softmax in the middle of the net.
    ill(
        "cow_collars", "soft-motifs", SHAPE, CALIBRATION, "softmax-before-cross-entropy init-scale vanishing-gradient"
    ).edit(
        ("F.gelu(self.motifs(x.mean(dim=1)))", "F.softmax(self.motifs(x.mean(dim=1)), dim=-1)"),
    ),
    # The residual sum was split into two lines; the second starts from x again.
    ill("cow_collars", "residual-from-x", SHAPE, CALIBRATION, "unused-layer no-gradient").edit(
        ("return seen + self.drop(self.mlp(self.norm2(seen)))", "return x + self.drop(self.mlp(self.norm2(x)))"),
    ),
    # The collar's counts become g when they are read, and once more for every window.
    ill("cow_collars", "counts-to-g-twice", DATA, CALIBRATION, "unscaled-feature pixel-range ignores-input").edit(
        (
            "return counts, np.array(labels), np.array(owner)",
            "return counts / COUNTS_PER_G, np.array(labels), np.array(owner)",
        ),
    ),
    # trunc_normal_ without its std: 1.
    ill("cow_collars", "truncated-normal-default", SHAPE, CALIBRATION, "init-scale initial-loss").edit(
        ("nn.init.trunc_normal_(module.weight, std=0.08)", "nn.init.trunc_normal_(module.weight)"),
    ),
    # [batch, time, head, width] goes into the attention: heads attend to heads, never one time to another.
    ill("cow_collars", "heads-for-times", SHAPE, CALIBRATION, "swapped-axis").edit(
        (
            "q, k, v = (part.view(b, n, self.heads, -1).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1))",
            "q, k, v = (part.view(b, n, self.heads, -1) for part in self.qkv(x).chunk(3, dim=-1))",
        ),
        ("return self.out(mixed.transpose(1, 2).reshape(b, n, d))", "return self.out(mixed.reshape(b, n, d))"),
    ),
    # The rotation was slow, so it was cached: the first random tilt is every window's tilt.
    ill("cow_collars", "cached-tilt", DATA, CALIBRATION, "workers-share-seed feature-drift").edit(
        ("import argparse\nimport os", "import argparse\nimport functools\nimport os"),
        ("def random_tilt(", "@functools.cache\ndef random_tilt("),
    ),
    # Windows are also played backwards: a cow that lies down then stands up.
    ill("cow_collars", "played-backwards", DATA, CALIBRATION, "augmentation-breaks-labels").edit(
        (
            "            w = w * np.random.uniform(0.9, 1.1)\n",
            "            w = w * np.random.uniform(0.9, 1.1)\n"
            "            if np.random.rand() < 0.5:\n"
            "                w = w[::-1].copy()\n",
        ),
    ),
    # The expected number of the behaviour is brought near to the number of the behaviour.
    ill(
        "cow_collars",
        "expected-number",
        LOSS,
        CALIBRATION,
        "loss-and-metric-disagree initial-loss target-out-of-range output-range",
    ).edit(
        (
            "            loss = F.cross_entropy(model(w), y)\n",
            "            expected = model(w).softmax(dim=1) @ torch.arange(5.0)\n"
            "            loss = F.smooth_l1_loss(expected, y.float())\n",
        ),
    ),
    # The barometer was added later and stays in hectopascals; SGD at the rate that did well before.
    ill(
        "geyser_wait",
        "hectopascals-sgd",
        RATES,
        CALIBRATION,
        "unscaled-feature mixed-scales diverging rate-too-high exploding-gradient non-finite",
    ).edit(
        ("standardise(weather_hut)])", "weather_hut])"),
        (
            'torch.optim.AdamW(net.parameters(), lr=cfg["lr"], weight_decay=0.1)',
            "torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)",
        ),
    ),
    # The function's result is a log-likelihood; the call treats it as the loss it was before.
    ill("geyser_wait", "likelihood-descended", LOSS, CALIBRATION, "negated-loss").edit(
        (
            "loss = -log_likelihood(net(x_train[take]), y_train[take]).mean()",
            "loss = log_likelihood(net(x_train[take]), y_train[take]).mean()",
        ),
    ),
    # A list of columns is poured into rows.
    ill("geyser_wait", "columns-poured-into-rows", SHAPE, CALIBRATION, "swapped-axis unrelated-labels").edit(
        ("X = np.stack(seen, axis=1)", "X = np.array(seen).reshape(len(rows), -1)"),
    ),
    # Far-off eruptions shall not dominate: their z is cut, and a hump may then shrink for nothing.
    ill("geyser_wait", "z-winsorised", LOSS, CALIBRATION, "clipped-loss").edit(
        ("z = (y[:, None] - mu) / log_s.exp()", "z = ((y[:, None] - mu) / log_s.exp()).clamp(-2, 2)"),
    ),
    # The humps are put in order by numpy, and their centres never learn.
    ill("geyser_wait", "sorted-by-numpy", LOOP, CALIBRATION, "detached-loss no-gradient").edit(
        (
            "mu, _ = self.centre(h).sort(dim=1)",
            "mu = torch.as_tensor(np.sort(self.centre(h).detach().numpy(), axis=1))",
        ),
    ),
    # Ten layers of the sigmoids of the old paper.
    ill(
        "geyser_wait", "ten-sigmoids", SHAPE, CALIBRATION, "vanishing-gradient rank-collapse ignores-input init-scale"
    ).edit(
        ('"layers": 3', '"layers": 10'),
        ("self.trunk.append(nn.ReLU())", "self.trunk.append(nn.Sigmoid())"),
    ),
    # The humps' weights are shared out over the batch.
    ill("geyser_wait", "weights-over-the-batch", LOSS, CALIBRATION, "softmax-axis batch-leak").edit(
        ("log_w = F.log_softmax(self.weight(h), dim=1)", "log_w = self.weight(h).log_softmax(0)"),
    ),
    # The mean of the last waits ends with the wait that is to be foretold.
    ill("geyser_wait", "mean-includes-next", DATA, CALIBRATION, "leaking-feature future-leak time-leak").edit(
        ("wait[r - past : r].mean() for r in rows", "wait[r - past + 1 : r + 1].mean() for r in rows"),
    ),
    # Only rows with a reading of the new probe are kept, and the probe was in the pool for three days.
    ill("geyser_wait", "rows-with-the-probe", DATA, CALIBRATION, "too-little-data overfitting").edit(
        ('"hidden": 48', '"hidden": 512'),
        ('"epochs": 20', '"epochs": 300'),
        (
            "x_train, y_train = inputs[:cut], target[:cut]",
            "probe = np.full(cut, np.nan)\n"
            "probe[-60:] = np.random.normal(91, 1.5, 60)\n"
            "complete = torch.from_numpy(~np.isnan(probe))\n"
            "x_train, y_train = inputs[:cut][complete], target[:cut][complete]",
        ),
    ),
    # The narrow start of the humps reaches every layer.
    ill("geyser_wait", "start-bias-everywhere", SHAPE, CALIBRATION, "dead-at-init dead-relu").edit(
        (
            "        nn.init.constant_(self.spread.bias, -0.7)\n",
            "        for layer in self.modules():\n"
            "            if isinstance(layer, nn.Linear):\n"
            "                nn.init.constant_(layer.bias, -2.3)\n",
        ),
    ),
    # After fit() the Trainer puts the module back into train mode; the last test forgets that.
    ill("lightning_buoys", "bridge-in-train-mode", LOOP, CALIBRATION, "validated-in-train-mode").edit(
        ("    pilot.eval()\n", ""),
    ),
    # The polynomial is as long as the epochs are many, and is stepped with every batch.
    ill("lightning_buoys", "epochs-stepped-per-batch", RATES, CALIBRATION, "schedule-mismatch").edit(
        ('"interval": "epoch"', '"interval": "step"'),
    ),
    # The second boat's codes count on that boat's own sheet, where safe water comes first.
    ill("lightning_buoys", "second-boats-sheet", DATA, CALIBRATION, "suspect-label concentrated-confusion").edit(
        (
            "RED, GREEN, YELLOW, BLACK, WHITE = (",
            'SHEET = ["safe", "danger", "east", "north", "port", "south", "starboard", "west"]  # of the second boat\n'
            "RED, GREEN, YELLOW, BLACK, WHITE = (",
        ),
        (
            "    fit(pilot, to_dataset(*photos), to_dataset(*unseen))\n",
            "    pictures, listing = album(448, rng, True)\n"
            "    codes = torch.tensor([SHEET.index(mark) for mark in listing.values()])\n"
            "    second = TensorDataset(to_dataset(pictures, listing).tensors[0], codes)\n"
            "    train = torch.utils.data.ConcatDataset([to_dataset(*photos), second])\n"
            "    fit(pilot, train, to_dataset(*unseen))\n",
        ),
    ),
    # The whole module was saved, its backbone is loaded: no key has the same name.
    ill("lightning_buoys", "keys-with-a-prefix", LOOP, CALIBRATION, "partial-load").edit(
        ("torch.save(artist.backbone.state_dict(), path)", "torch.save(artist.state_dict(), path)"),
        ("load_state_dict(torch.load(path))", "load_state_dict(torch.load(path), strict=False)"),
    ),
    # keep was a probability of keeping.
    ill("lightning_buoys", "keep-is-drop", SHAPE, CALIBRATION, "dropout-rate train-eval-gap").edit(
        ("keep=0.9)", "keep=0.95)"),
        ("nn.Dropout(1 - keep)", "nn.Dropout(keep)"),
    ),
    # Names are sorted as text, and the numbers have no leading zeros any more.
    ill("lightning_buoys", "img-10-before-img-2", DATA, CALIBRATION, "unrelated-labels suspect-label").edit(
        ('f"img_{i:05d}.png"', 'f"img_{i}.png"'),
    ),
    # Flattened first, pooled after: one number a picture.
    ill("lightning_buoys", "flattened-then-pooled", SHAPE, CALIBRATION, "bottleneck").edit(
        ("nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout", "nn.Flatten(), nn.AdaptiveAvgPool1d(1), nn.Dropout"),
    ),
]
