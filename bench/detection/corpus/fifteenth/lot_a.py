"""Faults planted in maps of the sea level, a bakery's log and the treadling of looms."""

from bench.detection.program import EVALUATION, Program, ill

PROGRAMS: list[Program] = [
    # output and loss
    ill("eddy_maps", "heights-above-nought", "output and loss", EVALUATION, "activation-on-output dead-at-init").edit(
        (
            "        self.head = nn.Linear(4 * width, classes)\n",
            "        layers, sizes = [], (4 * width, 64, 64, classes)\n"
            "        for a, b in zip(sizes, sizes[1:], strict=False):\n"
            "            layers += [nn.Linear(a, b), nn.ReLU()]\n"
            "        self.head = nn.Sequential(*layers)\n",
        ),
    ),
    ill(
        "eddy_maps",
        "maps-compete-in-the-batch",
        "output and loss",
        EVALUATION,
        "softmax-axis batch-leak vectorised-mismatch",
    ).edit(
        (
            "        return self.head(self.backbone(x))\n",
            "        return F.log_softmax(self.head(self.backbone(x)), dim=0)\n",
        ),
        ("F.cross_entropy(logits, y, reduction", "F.nll_loss(logits, y, reduction"),
        ("F.cross_entropy(model(flipped(x)), y)", "F.nll_loss(model(flipped(x)), y)"),
    ),
    ill("lightning_dough_rise", "every-loaf-against-every-loaf", "output and loss", EVALUATION, "loss-broadcast").edit(
        ("        return self.out(x).squeeze(1)\n", "        return self.out(x)\n"),
    ),
    # rates and schedules
    ill(
        "lightning_dough_rise", "slow-as-sourdough", "rates and schedules", EVALUATION, "rate-too-low update-ratio"
    ).edit(
        ("lr=4e-3):", "lr=1e-6):"),
    ),
    # loop
    ill(
        "lightning_dough_rise",
        "layers-on-a-shopping-list",
        "loop",
        EVALUATION,
        "layers-not-registered not-in-optimizer",
    ).edit(
        (
            "self.hidden = nn.ModuleList([nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False)])",
            "self.hidden = [nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False)]",
        ),
    ),
    ill("loom_treadles", "new-reed-old-optimizer", "loop", EVALUATION, "stale-optimizer not-in-optimizer").edit(
        (
            "    weaver.fit(train, val, epochs, batch_size)\n",
            "    # the pedals of this loom, not those of the book\n"
            "    weaver.model.out = nn.Linear(weaver.model.out.in_features, VOCABULARY)\n"
            "    weaver.fit(train, val, epochs, batch_size)\n",
        ),
    ),
    ill(
        "loom_treadles",
        "gradient-swept-from-the-loom",
        "loop",
        EVALUATION,
        "gradient-zeroed-before-step weights-not-moving",
    ).edit(
        (
            "            self.optimizer.zero_grad()\n            loss.backward()\n",
            "            loss.backward()\n            self.optimizer.zero_grad()\n",
        ),
    ),
    # initialisation and shape
    ill(
        "loom_treadles", "all-threads-at-zero", "initialisation and shape", EVALUATION, "zero-init symmetric-init"
    ).edit(
        (
            "        self.out = nn.Linear(hidden, VOCABULARY)\n",
            "        self.out = nn.Linear(hidden, VOCABULARY)\n"
            "        for parameter in self.parameters():\n"
            "            nn.init.zeros_(parameter)\n",
        ),
    ),
    ill(
        "loom_treadles",
        "reads-across-the-cloths",
        "initialisation and shape",
        EVALUATION,
        "swapped-axis batch-leak vectorised-mismatch",
    ).edit(
        ("nn.LSTM(embedding, hidden, batch_first=True)", "nn.LSTM(embedding, hidden)"),
    ),
    ill(
        "lightning_dough_rise",
        "ten-sigmoid-layers",
        "initialisation and shape",
        EVALUATION,
        "vanishing-gradient init-scale",
    ).edit(
        ("widths=(64, 64, 32)", "widths=(64,) * 10"),
        ("            x = torch.relu(layer(x))\n", "            x = torch.sigmoid(layer(x))\n"),
    ),
    # data
    ill("lightning_dough_rise", "scale-unplugged", "data", EVALUATION, "non-finite-value").edit(
        (
            "    return np.stack(columns, axis=1), flour, volume\n",
            "    numbers = np.stack(columns, axis=1)\n"
            "    numbers[714] = np.nan  # the night the logger was unplugged\n"
            "    return numbers, flour, volume\n",
        ),
    ),
    ill("eddy_maps", "catalogue-counts-from-one", "data", EVALUATION, "renumbered-classes label-shift").edit(
        (
            "    train_loader = DataLoader(TensorDataset(*train), ",
            "    train = (train[0], train[1] + 1, train[2])  # as in the atlas: 1 cyclonic eddy ... 5 calm\n"
            "    train_loader = DataLoader(TensorDataset(*train), ",
        ),
        ("    model = EddyNet()\n", "    model = EddyNet(classes=len(KINDS) + 1)\n"),
    ),
]
