"""Lot b of the thirteenth corpus: faulty chord charts (Trainer), rack power and panel lamps."""

from bench.detection.program import CALIBRATION, Program, ill

OUTPUT, RATES, LOOP = "output and loss", "rates and schedules", "loop"
SHAPE, DATA = "initialisation and shape", "data"

PROGRAMS: list[Program] = [
    ill("hf_chord_charts", "loss-capped-at-one", OUTPUT, CALIBRATION, "clipped-loss").edit(
        (
            "        loss = F.cross_entropy(logits, labels)\n",
            "        # slips of the pen must not dominate a batch\n"
            '        loss = F.cross_entropy(logits, labels, reduction="none").clamp(max=1.0).mean()\n',
        ),
    ),
    ill("hf_chord_charts", "log-likelihood-as-loss", OUTPUT, CALIBRATION, "negated-loss").edit(
        (
            "        loss = F.cross_entropy(logits, labels)\n",
            "        log_p = F.log_softmax(logits, dim=-1)\n"
            "        loss = log_p.gather(1, labels.unsqueeze(1)).mean()\n",
        ),
    ),
    ill("hf_chord_charts", "decay-counted-in-epochs", RATES, CALIBRATION, "schedule-mismatch").edit(
        ("    steps_per_epoch = len(train_charts) // BATCH\n", ""),
        ("step_size=2 * steps_per_epoch, gamma=0.4", "step_size=2, gamma=0.4"),
    ),
    ill("hf_chord_charts", "head-replaced-late", LOOP, CALIBRATION, "not-in-optimizer stale-optimizer").edit(
        (
            "    steps_per_epoch = len(train_charts) // BATCH\n",
            "    model.head = nn.Linear(WIDTH, len(STYLES))\n"
            "    nn.init.zeros_(model.head.weight)  # a new head has no opinion yet\n"
            "    nn.init.zeros_(model.head.bias)\n"
            "    steps_per_epoch = len(train_charts) // BATCH\n",
        ),
    ),
    ill("hf_chord_charts", "pooled-from-data", LOOP, CALIBRATION, "detached-loss no-gradient").edit(
        (
            "        pooled = (self.norm(x) * keep).sum(1) / keep.sum(1)\n",
            "        pooled = (self.norm(x).data * keep).sum(1) / keep.sum(1)\n",
        ),
    ),
    ill("hf_chord_charts", "blocks-output-unused", SHAPE, CALIBRATION, "unused-layer no-gradient").edit(
        (
            "            x = block(x, src_key_padding_mask=empty)\n",
            "            hidden = block(x, src_key_padding_mask=empty)\n",
        ),
        (
            "        keep = (~empty).unsqueeze(-1)\n",
            "        assert hidden.shape == x.shape\n        keep = (~empty).unsqueeze(-1)\n",
        ),
    ),
    ill("rack_power", "sgd-on-raw-watts", RATES, CALIBRATION, "rate-too-high diverging unscaled-feature").edit(
        ("torch.tensor((x - mu) / sd, dtype=torch.float32)", "torch.tensor(x, dtype=torch.float32)"),
        ("torch.tensor((y - y_mu) / y_sd, dtype=torch.float32)", "torch.tensor(y, dtype=torch.float32)"),
        ("torch.optim.Adam(net.parameters(), lr=opt.lr)", "torch.optim.SGD(net.parameters(), lr=opt.lr)"),
        ("type=float, default=1e-3", "type=float, default=0.1"),
        (".numpy() * y_sd + y_mu", ".numpy()"),
    ),
    ill("rack_power", "unit-normal-weights", SHAPE, CALIBRATION, "init-scale initial-loss exploding-gradient").edit(
        ('nn.init.kaiming_normal_(m.weight, nonlinearity="relu")', "nn.init.normal_(m.weight)"),
    ),
    ill("rack_power", "relu-bias-minus-ten", SHAPE, CALIBRATION, "dead-at-init dead-relu").edit(
        ("                nn.init.zeros_(m.bias)\n", "                nn.init.constant_(m.bias, -10.0)\n"),
    ),
    ill("rack_power", "every-weight-zero", SHAPE, CALIBRATION, "zero-init symmetric-init dead-at-init").edit(
        (
            "        for m in self.trunk:\n"
            "            if isinstance(m, nn.Linear):\n"
            '                nn.init.kaiming_normal_(m.weight, nonlinearity="relu")\n'
            "                nn.init.zeros_(m.bias)\n",
            "        for p in self.parameters():\n            nn.init.zeros_(p)\n",
        ),
    ),
    ill("rack_power", "best-not-copied", LOOP, CALIBRATION, "aliased-checkpoint").edit(
        ("= val, ep, copy.deepcopy(net.state_dict())", "= val, ep, net.state_dict()"),
        ('"--epochs", type=int, default=28', '"--epochs", type=int, default=80'),
        ("type=float, default=1e-3", "type=float, default=3e-3"),
    ),
    ill("rack_power", "sixty-racks", DATA, CALIBRATION, "too-little-data overfitting").edit(
        ('type=int, default=2400, help="rows for training"', 'type=int, default=60, help="rows for training"'),
        ('"--width", type=int, default=64', '"--width", type=int, default=512'),
        ('"--epochs", type=int, default=28', '"--epochs", type=int, default=150'),
        ("def telemetry(n, rng, noise=0.06):", "def telemetry(n, rng, noise=0.25):"),
    ),
    ill("panel_lamps", "sigmoid-before-logits-loss", OUTPUT, CALIBRATION, "sigmoid-before-bce-with-logits").edit(
        ("        nn.Linear(32, 1),\n", "        nn.Linear(32, 1),\n        nn.Sigmoid(),\n"),
    ),
    ill("panel_lamps", "softmax-over-one", OUTPUT, CALIBRATION, "softmax-one-unit").edit(
        ("        nn.Linear(32, 1),\n", "        nn.Linear(32, 1),\n        nn.Softmax(dim=1),\n"),
        ("nn.BCEWithLogitsLoss()", "nn.BCELoss()"),
        ("torch.sigmoid(model(x).squeeze(1))", "model(x).squeeze(1)"),
    ),
    ill("panel_lamps", "micro-batches-not-divided", LOOP, CALIBRATION, "accumulation-not-divided").edit(
        ("BATCH: int = 50\n", "BATCH: int = 5\nACCUMULATE: int = 10\n"),
        ("for x, y in loader:\n        logits", "for step, (x, y) in enumerate(loader, start=1):\n        logits"),
        (
            "        optimizer.zero_grad()\n        loss.backward()\n        optimizer.step()\n",
            "        loss.backward()\n"
            "        if step % ACCUMULATE == 0:\n"
            "            optimizer.step()\n"
            "            optimizer.zero_grad()\n",
        ),
    ),
    ill("panel_lamps", "bytes-as-they-are", DATA, CALIBRATION, "pixel-range unscaled-feature").edit(
        ("        picture = (picture / 255 - PIXEL_MEAN) / PIXEL_STD\n", ""),
    ),
    ill("panel_lamps", "divided-twice", DATA, CALIBRATION, "pixel-range constant-feature").edit(
        (
            "picture = torch.from_numpy(self.picture[i]).float()\n",
            "picture = torch.from_numpy(self.picture[i]).float() / 255\n",
        ),
    ),
    ill("panel_lamps", "sorted-never-shuffled", DATA, CALIBRATION, "not-shuffled sorted-order").edit(
        (
            "        self.picture = np.stack([photograph(panel, rng) for panel in lit])\n",
            "        self.picture = np.stack([photograph(panel, rng) for panel in lit])\n"
            '        by_folder = np.argsort(self.label, kind="stable")  # quiet/ first, then trip/\n'
            "        self.label, self.picture = self.label[by_folder], self.picture[by_folder]\n",
        ),
        ("batch_size=BATCH, shuffle=True)", "batch_size=BATCH)"),
    ),
]
