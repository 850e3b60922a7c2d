"""Healthy programs on the newer bases, as written and with odd but right twists; a few on older bases."""

from bench.detection.program import CALIBRATION, Program, well

BASES = ("texture_trainer", "photo_denoise", "lightning_gauge", "heartbeat_conv1d", "ellipse_vae")

PROGRAMS: list[Program] = [
    *(well(base, "as-written", CALIBRATION) for base in BASES),
    well("texture_trainer", "sgd-01-nesterov", CALIBRATION).edit(
        (
            "torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=args.weight_decay)",
            "torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, nesterov=True)",
        ),
        ("default=3e-3", "default=0.1"),
    ),
    well("texture_trainer", "erased-patches-smoothed-labels", CALIBRATION).edit(
        (
            "            image = image[:, ::-1]\n",
            "            image = image[:, ::-1]\n        if self.train:  # cutout\n            image = image.copy()\n"
            "            row, column = random.randint(0, self.crop - 6), random.randint(0, self.crop - 6)\n"
            "            image[row : row + 6, column : column + 6] = 128\n",
        ),
        ("nn.CrossEntropyLoss()", "nn.CrossEntropyLoss(label_smoothing=0.1)"),
    ),
    well("texture_trainer", "one-cycle-per-batch", CALIBRATION).edit(
        (
            "torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=args.epochs)",
            "torch.optim.lr_scheduler.OneCycleLR(\n"
            "            self.optimizer, max_lr=1e-2, epochs=args.epochs, steps_per_epoch=len(train_loader)\n        )",
        ),
        (
            "            self.optimizer.step()\n",
            "            self.optimizer.step()\n            self.scheduler.step()\n",
        ),
        ("        self.scheduler.step()\n        return", "        return"),
    ),
    well("photo_denoise", "starts-as-identity", CALIBRATION).edit(
        (
            "        self.last = nn.Conv2d(channels, 1, 3, padding=1)\n",
            "        self.last = nn.Conv2d(channels, 1, 3, padding=1)\n"
            "        nn.init.zeros_(self.last.weight)\n        nn.init.zeros_(self.last.bias)\n",
        ),
    ),
    well("photo_denoise", "noise-to-noise", CALIBRATION).edit(
        (
            '    return {"noisy": noisy, "clean": clean}',
            "    # Noise2Noise, Lehtinen 2018\n"
            '    return {"noisy": noisy, "clean": clean, "second": clean + SIGMA * torch.randn_like(clean)}',
        ),
        (
            '        loss = F.mse_loss(restored, batch["clean"])\n',
            '        loss = F.mse_loss(restored, batch["second"])\n',
        ),
    ),
    well("photo_denoise", "summed-per-picture", CALIBRATION).edit(
        (
            '        loss = F.mse_loss(restored, batch["clean"])\n',
            '        loss = 0.5 * F.mse_loss(restored, batch["clean"], reduction="sum") / len(restored)\n',
        ),
        ("losses.append(loss.item())", "losses.append(2 * loss.item() / PATCH**2)"),
    ),
    well("lightning_gauge", "share-of-scale", CALIBRATION).edit(
        (
            "return self.regressor(self.features(x)).squeeze(-1)",
            "return 11 * torch.sigmoid(self.regressor(self.features(x)).squeeze(-1)) - 0.5",
        ),
    ),
    well("lightning_gauge", "fixed-first-filters", CALIBRATION).edit(
        (
            "        self.loss_fn = nn.SmoothL1Loss()\n",
            "        self.loss_fn = nn.SmoothL1Loss()\n        self.features[0].requires_grad_(False)\n",
        ),
        ("NAdam(self.parameters()", "NAdam([p for p in self.parameters() if p.requires_grad]"),
    ),
    well("lightning_gauge", "bfloat16-accumulated", CALIBRATION).edit(
        (
            "        gradient_clip_val=5.0,\n",
            '        gradient_clip_val=5.0,\n        precision="bf16-mixed",\n        accumulate_grad_batches=2,\n',
        ),
        ("batch_size=32", "batch_size=16"),
    ),
    well("heartbeat_conv1d", "focal-loss", CALIBRATION).edit(
        (
            "    loss_fn = nn.CrossEntropyLoss(weight=torch.tensor(weight, dtype=torch.float))\n",
            "    weight = torch.tensor(weight, dtype=torch.float)\n\n    def loss_fn(out, targets, gamma=2.0):\n"
            '        ce = F.cross_entropy(out, targets, reduction="none")\n'
            "        return (weight[targets] * (1 - torch.exp(-ce)) ** gamma * ce).mean()\n\n",
        ),
    ),
    well("heartbeat_conv1d", "batches-of-5-thrice", CALIBRATION).edit(
        ('"--batch", type=int, default=30', '"--batch", type=int, default=5'),
        ('"--epochs", type=int, default=9', '"--epochs", type=int, default=6'),
        (
            "        for signals, lengths, targets in train_loader:\n            optimizer.zero_grad()\n",
            "        for i, (signals, lengths, targets) in enumerate(train_loader, 1):\n",
        ),
        ("            loss.backward()\n", "            (loss / 3).backward()\n"),
        (
            "            nn.utils.clip_grad_norm_(net.parameters(), 2.0)\n            optimizer.step()\n",
            "            if i % 3 == 0 or i == len(train_loader):\n"
            "                nn.utils.clip_grad_norm_(net.parameters(), 2.0)\n                optimizer.step()\n"
            "                optimizer.zero_grad()\n",
        ),
    ),
    well("ellipse_vae", "one-sum-per-batch", CALIBRATION).edit(
        ("loss = rec + beta * kl\n", "loss = (rec + beta * kl) * len(x)\n"),
    ),
    well("ellipse_vae", "many-spare-codes", CALIBRATION).edit(
        ("LATENT = 6", "LATENT = 24"),
    ),
    well("ellipse_vae", "free-bits", CALIBRATION).edit(
        (
            "    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / len(x)\n",
            "    kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).mean(0)\n    kl = kl.clamp(min=0.3).sum()\n",
        ),
        ("WARMUP_STEPS = 120", "WARMUP_STEPS = 1"),
    ),
    well("digits_transfer", "thawed-later", CALIBRATION).edit(
        (
            "fit(model, optimizer, x_new[:300], y_new[:300], x_new[300:], y_new[300:], epochs=15)\n",
            "fit(model, optimizer, x_new[:300], y_new[:300], x_new[300:], y_new[300:], epochs=6)\n"
            'print("everything")\nmodel.backbone.requires_grad_(True)\n'
            'optimizer.add_param_group({"params": model.backbone.parameters(), "lr": 2e-4})\n'
            "fit(model, optimizer, x_new[:300], y_new[:300], x_new[300:], y_new[300:], epochs=9)\n",
        ),
    ),
    well("demand_lstm", "spread-in-softplus", CALIBRATION).edit(
        (
            "        return self.readout(h[-1])[:, 0]\n",
            "        mean, raw = self.readout(h[-1]).unbind(1)\n        return mean, nn.functional.softplus(raw) + 1e-3\n",
        ),
        ("self.readout = nn.Linear(hidden, 1)", "self.readout = nn.Linear(hidden, 2)"),
        (
            "criterion = nn.MSELoss()",
            "\n\ndef criterion(forecast, target):\n    return -torch.distributions.Normal(*forecast).log_prob(target).mean()\n\n",
        ),
        ("train mse {np.mean", "train nll {np.mean"),
        ("val mse {val_loss", "val nll {val_loss"),
        (
            "        val_loss = criterion(model(x_val), y_val).item()\n",
            "        forecast = model(x_val)\n        val_loss = criterion(forecast, y_val).item()\n",
        ),
        (
            "same_as_last_week = ",
            'print(f"mse {(forecast[0] - y_val).pow(2).mean().item():.4f}")\nsame_as_last_week = ',
        ),
    ),
    well("shapes_unet", "weighted-foreground", CALIBRATION).edit(
        ("nn.BCEWithLogitsLoss()", "nn.BCEWithLogitsLoss(pos_weight=torch.tensor(2.0))"),
        (
            "logits = model(images)\n        loss",
            "logits = model(images + 0.1 * torch.randn_like(images))\n        loss",
        ),
    ),
    well("film_ratings", "bounded-stars", CALIBRATION).edit(
        (
            "        return average + match + self.user_bias(user)[:, 0] + self.film_bias(film)[:, 0]\n",
            "        score = match + self.user_bias(user)[:, 0] + self.film_bias(film)[:, 0]\n"
            "        return 0.25 + 5.0 * torch.sigmoid(score)\n",
        ),
    ),
]
