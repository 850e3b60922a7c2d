"""Healthy programs on corners of cards, diffusion, engines, wrist motion and dialled tones, as written and oddly done."""

from bench.detection.program import CALIBRATION, Program, well

AS_WRITTEN = ("card_corners", "moons_diffusion", "engine_life", "keras_motion", "dialled_tones")

PROGRAMS: list[Program] = [
    *(well(base, "as-written", CALIBRATION) for base in AS_WRITTEN),
    well("dialled_tones", "summed-and-clipped", CALIBRATION).edit(
        ("nn.CTCLoss(blank=BLANK)", 'nn.CTCLoss(blank=BLANK, reduction="sum", zero_infinity=True)'),
        ("nn.utils.clip_grad_norm_(model.parameters(), 5.0)", "nn.utils.clip_grad_norm_(model.parameters(), 1.0)"),
    ),
    well("moons_diffusion", "branches-and-output-from-zero", CALIBRATION).edit(
        (
            "        self.fc2 = nn.Linear(width, width)\n",
            "        self.fc2 = nn.Linear(width, width)\n        nn.init.zeros_(self.fc2.weight)\n",
        ),
        (
            "        self.out = nn.Linear(width, 2)\n",
            "        self.out = nn.Linear(width, 2)\n        nn.init.zeros_(self.out.weight)\n"
            "        nn.init.zeros_(self.out.bias)\n",
        ),
    ),
    well("moons_diffusion", "predicts-the-velocity", CALIBRATION).edit(
        (
            "        predicted = self.net(self.q_sample(x0, t, noise), t)\n        return F.mse_loss(predicted, noise)\n",
            "        predicted = self.net(self.q_sample(x0, t, noise), t)\n"
            "        velocity = extract(self.sqrt_ab, t) * noise - extract(self.sqrt_one_minus_ab, t) * x0\n"
            "        return F.mse_loss(predicted, velocity)\n",
        ),
        (
            "            predicted = self.net(x, t)\n            x = extract(",
            "            velocity = self.net(x, t)\n"
            "            predicted = extract(self.sqrt_ab, t) * velocity + extract(self.sqrt_one_minus_ab, t) * x\n"
            "            x = extract(",
        ),
    ),
    well("card_corners", "plain-sgd-03", CALIBRATION).edit(
        ("torch.optim.Adam(model.parameters(), lr=args.lr)", "torch.optim.SGD(model.parameters(), lr=args.lr)"),
        ('"--lr", type=float, default=4e-3', '"--lr", type=float, default=0.3'),
    ),
    well("engine_life", "too-late-costs-more", CALIBRATION).edit(
        (
            "            loss = self.criterion(output, self.to_scaled(left))\n",
            "            late = output - self.to_scaled(left)\n"
            "            loss = torch.where(late > 0, torch.expm1(2.0 * late), torch.expm1(-1.3 * late)).mean()\n",
        ),
    ),
    well("keras_motion", "fixed-filter-bank", CALIBRATION).edit(
        (
            'layers.Conv1D(16, 7, padding="same", activation="relu", name="conv_a")(inputs)',
            'layers.Conv1D(32, 9, padding="same", activation="relu", trainable=False, name="bank")(inputs)',
        ),
        ('loss="categorical_crossentropy"', "loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.1)"),
    ),
    well("digits_autoencoder", "decoder-is-encoder-transposed", CALIBRATION).edit(
        (
            "        self.decoder = nn.Sequential(nn.Linear(code, 48), nn.ReLU(), nn.Linear(48, 96), nn.ReLU(), nn.Linear(96, 64))\n",
            "        self.biases = nn.ParameterList([nn.Parameter(torch.zeros(n)) for n in (48, 96, 64)])\n",
        ),
        (
            "        return torch.sigmoid(self.decoder(code))\n",
            "        h = torch.relu(code @ self.encoder[4].weight + self.biases[0])\n"
            "        h = torch.relu(h @ self.encoder[2].weight + self.biases[1])\n"
            "        return torch.sigmoid(h @ self.encoder[0].weight + self.biases[2])\n",
        ),
    ),
    well("ring_gan", "smoothed-ones-two-rates", CALIBRATION).edit(
        (
            "torch.optim.Adam(discriminator.parameters(), lr=1e-3",
            "torch.optim.Adam(discriminator.parameters(), lr=2e-3",
        ),
        ("loss_d = bce(discriminator(real), ones)", "loss_d = bce(discriminator(real), 0.9 * ones)"),
    ),
    well("heartbeat_conv1d", "starts-with-two-warm-epochs", CALIBRATION).edit(
        (
            "    for epoch in range(opt.epochs):\n        net.train()\n",
            "    for epoch in range(opt.epochs):\n        if epoch < 2:\n"
            '            optimizer.param_groups[0]["lr"] = opt.lr * (0.1, 0.4)[epoch]\n'
            '        elif epoch == 2:\n            optimizer.param_groups[0]["lr"] = 2 * opt.lr\n        net.train()\n',
        ),
    ),
]
