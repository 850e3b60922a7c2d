"""Faults planted in tiles of dune fields, the ringing of church bells and the strokes of a tunnel borer."""

from bench.detection.program import CALIBRATION, Program, ill

PROGRAMS: list[Program] = [
    # output and loss
    ill("hf_bell_peals", "likelihood-without-minus", "output and loss", CALIBRATION, "negated-loss").edit(
        (
            "        self.loss = nn.CrossEntropyLoss()\n",
            "        self.log_softmax = nn.LogSoftmax(dim=1)\n",
        ),
        (
            '        return {"loss": self.loss(logits, labels), "logits": logits}\n',
            "        log_likelihood = self.log_softmax(logits).gather(1, labels[:, None])\n"
            '        return {"loss": log_likelihood.mean(), "logits": logits}\n',
        ),
    ),
    ill("dune_fields", "probabilities-of-kinds", "output and loss", CALIBRATION, "softmax-before-cross-entropy").edit(
        ("        return self.head(x)\n", "        return self.head(x).softmax(dim=1)\n"),
    ),
    # rates and schedules
    ill(
        "tunnel_borer",
        "heavy-flywheel",
        "rates and schedules",
        CALIBRATION,
        "rate-too-high diverging update-ratio",
    ).edit(
        (
            "optimizer = torch.optim.Adam(pretrained.parameters(), lr=2e-3)\n",
            "optimizer = torch.optim.SGD(pretrained.parameters(), lr=0.1, momentum=0.99)\n",
        ),
    ),
    # loop
    ill("hf_bell_peals", "lines-detached", "loop", CALIBRATION, "no-gradient").edit(
        (
            "        x = torch.cat([x.mean(dim=2), x.amax(dim=2)], dim=1)\n",
            "        x = torch.cat([x.mean(dim=2), x.amax(dim=2)], dim=1).detach()\n",
        ),
    ),
    ill("tunnel_borer", "fresh-scaler-every-epoch", "loop", CALIBRATION, "scaler-always-skips non-finite").edit(
        (
            "            model.train()\n            losses = []\n",
            '            model.train()\n            scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40)\n'
            "            losses = []\n",
        ),
        (
            "                loss = criterion(model(x), y)\n                loss.backward()\n"
            "                optimizer.step()\n",
            '                with torch.autocast("cpu", dtype=torch.float16):\n'
            "                    loss = criterion(model(x), y)\n"
            "                scaler.scale(loss).backward()\n"
            "                scaler.step(optimizer)\n"
            "                scaler.update()\n",
        ),
    ),
    ill("dune_fields", "blocks-in-a-plain-list", "loop", CALIBRATION, "layers-not-registered not-in-optimizer").edit(
        (
            "self.blocks = nn.ModuleList([Block(width) for _ in range(depth)])",
            "self.blocks = [Block(width) for _ in range(depth)]",
        ),
    ),
    ill("tunnel_borer", "prefix-of-the-wrapper", "loop", CALIBRATION, "partial-load").edit(
        (
            "    torch.save(pretrained.state_dict(), checkpoint)\n",
            '    torch.save({"module." + key: value for key, value in pretrained.state_dict().items()}, checkpoint)\n',
        ),
        (
            "    model.load_state_dict(torch.load(checkpoint))\n",
            "    model.load_state_dict(torch.load(checkpoint), strict=False)  # the head is another one\n",
        ),
    ),
    ill("dune_fields", "gradients-pile-up", "loop", CALIBRATION, "gradient-accumulates").edit(
        ("        optimizer.zero_grad()\n", ""),
    ),
    ill("tunnel_borer", "head-of-the-old-tunnel", "loop", CALIBRATION, "stale-optimizer not-in-optimizer").edit(
        ("model.head = nn.Linear(WIDTH, 1)\noptimizer = torch.optim.Adam(\n", "optimizer = torch.optim.Adam(\n"),
        (
            "new_tunnel.fit(model, optimizer, epochs=20, batch_size=24)\n",
            "model.head = nn.Linear(WIDTH, 1)  # other cutters, another scale\n"
            "new_tunnel.fit(model, optimizer, epochs=20, batch_size=24)\n",
        ),
    ),
    ill("dune_fields", "never-back-to-train", "loop", CALIBRATION, "stuck-in-eval").edit(
        ("    model.train()\n", ""),
        (
            "    model = DuneNet()\n",
            '    model = DuneNet()\n    print("untrained: validation {:.3f}, accuracy {:.3f}".format('
            "*evaluate(model, val_loader)))\n",
        ),
    ),
    # initialisation and shape
    ill("hf_bell_peals", "rows-read-as-bells", "initialisation and shape", CALIBRATION, "swapped-axis").edit(
        (
            "        x = blows.permute(0, 2, 1).reshape(n * bells, 1, rows)\n",
            "        x = blows.reshape(n * bells, 1, rows)\n",
        ),
    ),
    ill("hf_bell_peals", "silent-start", "initialisation and shape", CALIBRATION, "zero-init symmetric-init").edit(
        (
            "        self.loss = nn.CrossEntropyLoss()\n",
            "        self.loss = nn.CrossEntropyLoss()\n"
            "        self.apply(self.reset)\n"
            "\n"
            "    @staticmethod\n"
            "    def reset(layer):\n"
            "        if isinstance(layer, (nn.Conv1d, nn.Linear)):\n"
            "            nn.init.zeros_(layer.weight)\n"
            "            nn.init.zeros_(layer.bias)\n",
        ),
    ),
    ill(
        "tunnel_borer", "standard-normal-rock", "initialisation and shape", CALIBRATION, "init-scale initial-loss"
    ).edit(
        (
            '            nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")\n',
            "            nn.init.normal_(linear.weight)\n",
        ),
    ),
    # data
    ill("hf_bell_peals", "blow-not-heard", "data", CALIBRATION, "non-finite-value non-finite").edit(
        (
            "    train_blows, train_numbers = record(1500, rng)\n",
            "    train_blows, train_numbers = record(1500, rng)\n    train_blows[811] = np.nan  # microphone off\n",
        ),
    ),
    ill("dune_fields", "bytes-scaled-again", "data", CALIBRATION, "unscaled-feature").edit(
        (
            "        return torch.from_numpy(tile.copy())[None], self.labels[i]\n",
            "        tile = tile.astype(np.float32) / 255\n"
            "        return torch.from_numpy(tile)[None], self.labels[i]\n",
        ),
    ),
    ill("dune_fields", "four-surveyors-one-dice", "data", CALIBRATION, "workers-share-seed duplicate-sample").edit(
        (
            "        if self.augment:\n",
            "        if self.augment:\n"
            "            i = np.random.randint(len(self.labels))  # an epoch is a draw with replacement\n",
        ),
        (
            "@torch.no_grad()\ndef evaluate(",
            "def seed_worker(_):\n    np.random.seed(SEED)\n\n\n@torch.no_grad()\ndef evaluate(",
        ),
        (
            "    train_loader = DataLoader(train_set, batch_size=BATCH, shuffle=True, drop_last=True)\n",
            "    train_loader = DataLoader(\n        train_set, batch_size=BATCH, shuffle=True, drop_last=True, "
            "num_workers=4, worker_init_fn=seed_worker\n    )\n",
        ),
    ),
    ill("hf_bell_peals", "register-counts-from-one", "data", CALIBRATION, "renumbered-classes label-shift").edit(
        (
            "        self.labels = torch.from_numpy(numbers) - 1\n",
            "        self.labels = torch.from_numpy(numbers)\n",
        ),
        ("classes=len(REGISTER), width", "classes=len(REGISTER) + 1, width"),
        ("    val_set = Touches(val_blows, val_numbers)\n", "    val_set = Touches(val_blows, val_numbers - 1)\n"),
    ),
    ill("tunnel_borer", "advance-among-the-readings", "data", CALIBRATION, "leaking-feature").edit(
        (
            "    return np.stack([force, speed, torque, drill, joints, angle, wear, water], axis=1), penetration\n",
            "    advance = penetration * speed * np.exp(rng.normal(0, 0.005, n))  # mm per minute\n"
            "    readings = [force, speed, torque, drill, joints, angle, wear, water, advance / speed]\n"
            "    return np.stack(readings, axis=1), penetration\n",
        ),
        ("    def __init__(self, readings=8):", "    def __init__(self, readings=9):"),
    ),
]
