"""Faulty programs on beach flags (Keras), snow crystals (Dataset and workers) and syllable tones (a notebook)."""

from bench.detection.program import CALIBRATION, Program, ill

PROGRAMS: list[Program] = [
    # the output and the loss
    ill(
        "syllable_tones",
        "softmax-over-batch",
        "output and loss",
        CALIBRATION,
        "softmax-axis swapped-axis batch-leak",
    ).edit(
        ("self.drop(self.embed(x))), dim=1)", "self.drop(self.embed(x))), dim=0)"),
    ),
    ill(
        "snow_crystals",
        "relu-on-logits",
        "output and loss",
        CALIBRATION,
        "activation-on-output output-range dead-at-init dead-relu",
    ).edit(
        ("nn.Linear(40 * 36, len(HABITS)))", "nn.Linear(40 * 36, len(HABITS)), nn.ReLU())"),
    ),
    ill("syllable_tones", "nll-on-raw-logits", "output and loss", CALIBRATION, "nll-on-logits").edit(
        ("F.log_softmax(self.out(self.drop(self.embed(x))), dim=1)", "self.out(self.drop(self.embed(x)))"),
    ),
    # rates and schedules
    ill(
        "syllable_tones",
        "momentum-099-at-a-tenth",
        "rates and schedules",
        CALIBRATION,
        "rate-too-high diverging oscillating loss-spike update-ratio",
    ).edit(
        ("torch.optim.Adam(net.parameters(), lr=3e-3)", "torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.99)"),
    ),
    ill(
        "keras_beach_flags",
        "weight-decay-10",
        "rates and schedules",
        CALIBRATION,
        "regularisation-dominates",
    ).edit(
        ("keras.optimizers.Adam(RATE)", "keras.optimizers.AdamW(RATE, weight_decay=10)"),
    ),
    ill(
        "keras_beach_flags",
        "rate-1e-6",
        "rates and schedules",
        CALIBRATION,
        "rate-too-low update-ratio weights-not-moving",
    ).edit(
        ("RATE = 2e-3", "RATE = 1e-6"),
    ),
    # the loop
    ill(
        "syllable_tones",
        "zeroed-before-the-step",
        "loop",
        CALIBRATION,
        "gradient-zeroed-before-step weights-not-moving",
    ).edit(
        (
            "        opt.zero_grad()\n        loss.backward()\n        opt.step()\n",
            "        loss.backward()\n        opt.zero_grad()\n        opt.step()\n",
        ),
    ),
    ill(
        "snow_crystals",
        "validated-while-training",
        "loop",
        CALIBRATION,
        "validated-in-train-mode random-in-eval",
    ).edit(
        ("    net.eval()\n    hits", "    hits"),
    ),
    ill("snow_crystals", "stuck-in-eval", "loop", CALIBRATION, "stuck-in-eval").edit(
        ("    criterion = nn.CrossEntropyLoss()\n", "    criterion = nn.CrossEntropyLoss()\n    net.train()\n"),
        ("        net.train()\n        losses = []\n", "        losses = []\n"),
    ),
    ill("snow_crystals", "trunk-not-loaded", "loop", CALIBRATION, "partial-load").edit(
        (
            "net.trunk.load_state_dict(torch.load(weights))",
            "net.load_state_dict(torch.load(weights), strict=False)  # the head is new",
        ),
    ),
    # initialisation and shape
    ill(
        "keras_beach_flags",
        "ten-sigmoid-layers",
        "initialisation and shape",
        CALIBRATION,
        "vanishing-gradient init-scale",
    ).edit(
        ("    for width in (96, 64):\n", "    for width in [96] + [64] * 9:\n"),
        ('layers.Dense(width, activation="relu")', 'layers.Dense(width, activation="sigmoid")'),
    ),
    ill(
        "syllable_tones",
        "all-weights-001",
        "initialisation and shape",
        CALIBRATION,
        "symmetric-init",
    ).edit(
        (
            '    if "weight_hh" in name:\n        for gate in p.data.chunk(3):\n'
            "            nn.init.orthogonal_(gate)\n",
            "    nn.init.constant_(p, 0.01)\n",
        ),
    ),
    ill(
        "syllable_tones",
        "batch-first-forgotten",
        "initialisation and shape",
        CALIBRATION,
        "swapped-axis batch-leak",
    ).edit(
        ("nn.GRU(3, h, batch_first=True)", "nn.GRU(3, h)"),
    ),
    ill(
        "keras_beach_flags",
        "dropout-097",
        "initialisation and shape",
        CALIBRATION,
        "dropout-rate train-eval-gap underfitting",
    ).edit(
        ("DROP = 0.2", "DROP = 0.97"),
    ),
    # the data
    ill("keras_beach_flags", "flag-among-the-inputs", "data", CALIBRATION, "leaking-feature").edit(
        ('if name not in ("beach", "flag")', 'if name != "beach"'),
    ),
    ill(
        "snow_crystals",
        "validation-numbered-from-one",
        "data",
        CALIBRATION,
        "renumbered-classes target-out-of-range",
    ).edit(
        ("Crystals(photos[600:], kinds[600:])", "Crystals(photos[600:], kinds[600:] + 1)"),
    ),
    ill(
        "snow_crystals",
        "validated-on-training-photos",
        "data",
        CALIBRATION,
        "overlap near-overlap evaluated-on-training",
    ).edit(
        ("Crystals(photos[600:], kinds[600:])", "Crystals(photos[:400], kinds[:400])"),
    ),
    ill(
        "snow_crystals",
        "shuffled-apart",
        "data",
        CALIBRATION,
        "unrelated-labels suspect-label memorised-labels",
    ).edit(
        (
            "    order = rng.permutation(len(photos))\n    photos, kinds = photos[order], kinds[order]\n",
            "    rng.shuffle(photos)\n    rng.shuffle(kinds)\n",
        ),
    ),
]
