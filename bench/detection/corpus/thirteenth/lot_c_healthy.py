"""Healthy programs on beach flags (Keras), snow crystals (Dataset and workers) and syllable tones (a notebook)."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("keras_beach_flags", "as-written", CALIBRATION),
    well("snow_crystals", "as-written", CALIBRATION),
    well("syllable_tones", "as-written", CALIBRATION),
    well("syllable_tones", "batches-of-four", CALIBRATION).edit(
        ("B, EPOCHS = 40, 14", "B, EPOCHS = 4, 5"),
        ("torch.optim.Adam(net.parameters(), lr=3e-3)", "torch.optim.Adam(net.parameters(), lr=1e-3)"),
    ),
    well("syllable_tones", "cyclical-rate", CALIBRATION).edit(
        (
            "opt = torch.optim.Adam(net.parameters(), lr=3e-3)\n",
            "opt = torch.optim.Adam(net.parameters(), lr=5e-4)\n"
            "sched = torch.optim.lr_scheduler.CyclicLR(opt, 5e-4, 6e-3, step_size_up=112, cycle_momentum=False)\n",
        ),
        ("        opt.step()\n", "        opt.step()\n        sched.step()  # per batch, two epochs up and two down\n"),
    ),
    well("syllable_tones", "contrastive-term", CALIBRATION).edit(
        (
            "net = ToneNet()\n",
            "def supcon(z, y, temp=0.2):\n"
            '    """Supervised contrastive loss: syllables of one tone are to lie together among all of the batch."""\n'
            "    z = F.normalize(z, dim=1)\n"
            "    me = torch.eye(len(z), dtype=torch.bool)\n"
            "    sim = (z @ z.T / temp).masked_fill(me, -1e9)\n"
            "    pos = (y[:, None] == y[None]) & ~me\n"
            "    logq = sim - sim.logsumexp(1, keepdim=True)\n"
            "    has = pos.any(1)\n"
            "    return -((logq * pos).sum(1)[has] / pos.sum(1)[has]).mean()\n"
            "\n\n"
            "net = ToneNet()\n",
        ),
        (
            "        logp = net(Xa[i])\n        loss = F.nll_loss(logp, Ya[i])\n",
            "        z = net.embed(Xa[i])\n"
            "        logp = F.log_softmax(net.out(net.drop(z)), dim=1)\n"
            "        loss = F.nll_loss(logp, Ya[i]) + 0.5 * supcon(z, Ya[i])\n",
        ),
    ),
    well("snow_crystals", "zero-gamma", CALIBRATION).edit(
        (
            "        self.bn2 = nn.BatchNorm2d(cout)\n",
            "        self.bn2 = nn.BatchNorm2d(cout)\n"
            "        nn.init.zeros_(self.bn2.weight)  # every block starts as its shortcut\n",
        ),
    ),
    well("syllable_tones", "wide-sparse-relu", CALIBRATION).edit(
        (
            "self.mid = nn.Linear(h, 48)\n",
            "self.mid = nn.Linear(h, 1024)\n"
            "        nn.init.constant_(self.mid.bias, -0.4)  # each unit for a few syllables only\n",
        ),
        ("nn.Linear(48, 5)", "nn.Linear(1024, 5)"),
        ("torch.tanh(self.mid", "torch.relu(self.mid"),
    ),
    well("snow_crystals", "bf16-autocast", CALIBRATION).edit(
        (
            "            loss = criterion(net(x), y)\n",
            '            with torch.autocast("cpu", dtype=torch.bfloat16):\n'
            "                loss = criterion(net(x), y)\n",
        ),
    ),
    well("keras_beach_flags", "sgd-a-tenth-with-momentum", CALIBRATION).edit(
        ("keras.optimizers.Adam(RATE)", "keras.optimizers.SGD(0.1, momentum=0.9)"),
    ),
    well("keras_beach_flags", "label-smoothing", CALIBRATION).edit(
        (
            "keras.losses.SparseCategoricalCrossentropy(from_logits=True)",
            "keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)",
        ),
        ("    train_y,\n", "    keras.utils.to_categorical(train_y, len(FLAGS)),\n"),
        ("(test_x, test_y)", "(test_x, keras.utils.to_categorical(test_y, len(FLAGS)))"),
    ),
]
