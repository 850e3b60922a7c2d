"""Three healthy programs as written, and eight twists of them that only look odd."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("keras_robot_arm", "as-written", CALIBRATION),
    well("fingerprint_types", "as-written", CALIBRATION),
    well("click_sessions", "as-written", CALIBRATION),
    well("keras_robot_arm", "gradients-clipped-every-step", CALIBRATION).edit(
        ("optimizer=keras.optimizers.Adam(schedule),", "optimizer=keras.optimizers.Adam(schedule, clipnorm=0.5),"),
    ),
    well("fingerprint_types", "four-steps-gathered", CALIBRATION).edit(
        ('"--batch-size", type=int, default=32', '"--batch-size", type=int, default=8'),
        (
            "    for images, labels in loader:\n        logits",
            "    for i, (images, labels) in enumerate(loader):\n        logits",
        ),
        (
            "        optimizer.zero_grad()\n        loss.backward()\n        optimizer.step()\n",
            "        (loss / 4).backward()\n"
            "        if (i + 1) % 4 == 0 or i + 1 == len(loader):\n"
            "            optimizer.step()\n"
            "            optimizer.zero_grad()\n",
        ),
    ),
    well("click_sessions", "sgd-with-momentum", CALIBRATION).edit(
        (
            "opt = torch.optim.Adam(net.parameters(), lr=2e-3)",
            "opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)",
        ),
        (
            "opt = torch.optim.Adam(net.head.parameters(), lr=1e-2)",
            "opt = torch.optim.SGD(net.head.parameters(), lr=0.1, momentum=0.9)",
        ),
    ),
    well("click_sessions", "bf16-autocast", CALIBRATION).edit(
        (
            "            out = net(x[b])\n"
            "            loss = F.cross_entropy(out.reshape(-1, out.shape[-1]), y[b].reshape(-1), weight=weight)\n",
            '            with torch.autocast("cpu", dtype=torch.bfloat16):\n'
            "                out = net(x[b])\n"
            "            out = out.float()\n"
            "            loss = F.cross_entropy(out.reshape(-1, out.shape[-1]), y[b].reshape(-1), weight=weight)\n",
        ),
    ),
    well("click_sessions", "weighted-classes", CALIBRATION).edit(
        (
            "fit(x_tr, y_tr, x_va, y_va, opt, epochs=12, bs=32)",
            "w = len(y_tr) / (K * torch.bincount(y_tr).float())\n"
            "fit(x_tr, y_tr, x_va, y_va, opt, epochs=12, bs=32, weight=w)",
        ),
    ),
    well("fingerprint_types", "smoothed-labels", CALIBRATION).edit(
        (
            "        loss = F.cross_entropy(logits, labels)\n",
            "        loss = F.cross_entropy(logits, labels, label_smoothing=0.1)\n",
        ),
    ),
    well("click_sessions", "tied-weights", CALIBRATION).edit(
        (
            "        self.head = nn.Linear(D, V)\n",
            "        self.head = nn.Linear(D, V)\n        self.head.weight = self.emb.weight  # tied\n",
        ),
    ),
    well("fingerprint_types", "training-loss-to-zero", CALIBRATION).edit(
        ("seed=1000 + args.seed, train=True)", "seed=1000 + args.seed, train=False)"),
        ('"--epochs", type=int, default=9', '"--epochs", type=int, default=14'),
        ("milestones=[6, 8]", "milestones=[12]"),
        ("weight_decay=1e-4", "weight_decay=0.0"),
    ),
]
