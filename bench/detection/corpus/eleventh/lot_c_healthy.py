"""Healthy programs of lot C of the eleventh corpus: its three bases, and eight twists that only look odd."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("keras_hut_hikes", "as-written", CALIBRATION),
    well("wind_barbs", "as-written", CALIBRATION),
    well("oil_gases", "as-written", CALIBRATION),
    well("wind_barbs", "dropout-half", CALIBRATION).edit(
        ("self.drop = nn.Dropout(0.3)", "self.drop = nn.Dropout(0.5)"),
    ),
    well("oil_gases", "supervised-contrast", CALIBRATION).edit(
        (
            "# %%\nepochs, bs = 24, 64\n",
            (
                "# %%\n"
                "def contrast(z, y, t=0.2):\n"
                "    z = F.normalize(z, dim=1)\n"
                "    me = torch.eye(len(z), dtype=torch.bool)\n"
                "    logp = F.log_softmax((z @ z.T / t).masked_fill(me, -1e9), 1)\n"
                "    same = ((y[:, None] == y) & ~me).float()\n"
                "    return -((logp * same).sum(1) / same.sum(1).clamp(min=1)).mean()\n\n"
                "def near(z):  # cosine to the mean embedding of every fault in the training set\n"
                "    ref = F.normalize(net(Xtr), dim=1)\n"
                "    mid = torch.stack([ref[ytr == k].mean(0) for k in range(n_cls)])\n"
                "    return F.normalize(z, dim=1) @ F.normalize(mid, dim=1).T / 0.2\n\n"
                "# %%\n"
                "epochs, bs = 20, 128\n"
            ),
        ),
        ("net = nn.Sequential(*lay, nn.Linear(width, n_cls))", "net = nn.Sequential(*lay, nn.Linear(width, 16))"),
        ("loss = F.cross_entropy(out, ytr[b])", "loss = contrast(out, ytr[b])"),
        ("        hit += (out.argmax(1) == ytr[b]).float().mean().item()\n", ""),
        (
            "score = net(Xte)",
            "hit, score = steps * (near(net(Xtr)).argmax(1) == ytr).float().mean().item(), near(net(Xte))",
        ),
    ),
    well("oil_gases", "bf16", CALIBRATION).edit(
        (
            "        out = net(Xtr[b])\n        loss = F.cross_entropy(out, ytr[b])\n",
            (
                '        with torch.autocast("cpu", dtype=torch.bfloat16):\n'
                "            out = net(Xtr[b])\n"
                "            loss = F.cross_entropy(out, ytr[b])\n"
            ),
        ),
    ),
    well("keras_hut_hikes", "log-density", CALIBRATION).edit(
        (
            "def build_model(n_who):",
            (
                "def minus_log_density(y, out):\n"
                "    mean, log_std = out[:, :1], keras.ops.clip(out[:, 1:], -5.0, 3.0)\n"
                "    miss = (y - mean) / keras.ops.exp(log_std)\n"
                "    return keras.ops.mean(0.5 * miss**2 + log_std + 0.919, axis=-1)\n"
                "\n\n"
                "def build_model(n_who):"
            ),
        ),
        ("energy = layers.Dense(1, ", "energy = layers.Dense(2, "),
        ('loss="mse"', "loss=minus_log_density"),
    ),
    well("wind_barbs", "zero-gamma", CALIBRATION).edit(
        (
            "        self.bn2 = nn.BatchNorm2d(c_out)\n",
            (
                "        self.bn2 = nn.BatchNorm2d(c_out)\n"
                "        nn.init.zeros_(self.bn2.weight)  # every block starts as its skip\n"
            ),
        ),
        ("torch.optim.Adam(net.parameters(), lr=1e-3)", "torch.optim.Adam(net.parameters(), lr=3e-3)"),
        ('"lr": 1e-4}', '"lr": 4e-4}'),
    ),
    well("oil_gases", "batch-of-four", CALIBRATION).edit(
        ("epochs, bs = 24, 64", "epochs, bs = 5, 4"),
        ("lr=1e-3", "lr=3e-4"),
        ("    if ep % 2 == 1:\n        print", "    print"),
    ),
    well("wind_barbs", "frozen-body", CALIBRATION).edit(
        (
            '    groups = [{"params": scan_net.body.parameters(), "lr": 1e-4}, {"params": scan_net.head.parameters(),'
            ' "lr": 1e-3}]\n',
            "    scan_net.body.requires_grad_(False)\n",
        ),
        ("torch.optim.Adam(groups)", "torch.optim.Adam(scan_net.head.parameters(), lr=2e-3)"),
    ),
    well("keras_hut_hikes", "plain-kcal", CALIBRATION).edit(
        ("kcal_mean, kcal_std = kcal[:N_TRAIN].mean(), kcal[:N_TRAIN].std()", "kcal_mean, kcal_std = 0.0, 1.0"),
        ("LEARNING_RATE = 2e-3", "LEARNING_RATE = 1e-2"),
    ),
]
