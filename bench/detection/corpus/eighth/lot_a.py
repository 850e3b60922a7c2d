"""Faulty programs on weld films (plain PyTorch), taxi tracks (Lightning) and a pressure mat (a trainer of its own)."""

from bench.detection.program import CALIBRATION, Program, ill

WELD, TAXI, SEAT = "weld_films", "lightning_taxi_gaps", "seat_mat"
LOOP, OUTPUT, RATES, INITIAL, DATA = (
    "loop",
    "output and loss",
    "rates and schedules",
    "initialisation and shape",
    "data",
)

PROGRAMS: list[Program] = [
    ill(WELD, "softmax-over-batch", OUTPUT, CALIBRATION, "softmax-axis batch-leak").edit(
        ("return F.log_softmax(self.head(pooled), dim=1)", "return F.log_softmax(self.head(pooled), dim=0)"),
    ),
    ill(WELD, "relu-on-logits", OUTPUT, CALIBRATION, "activation-on-output").edit(
        ("return F.log_softmax(self.head(pooled), dim=1)", "return F.log_softmax(F.relu(self.head(pooled)), dim=1)"),
    ),
    ill(SEAT, "sigmoid-on-kilograms", OUTPUT, CALIBRATION, "activation-on-output output-range").edit(
        ("return mean, log_var.clamp(-7, 5)", "return torch.sigmoid(mean), log_var.clamp(-7, 5)"),
    ),
    ill(TAXI, "loss-clamped", OUTPUT, CALIBRATION, "clipped-loss no-gradient").edit(
        (
            '        self.log("train_loss", loss, on_step=False, on_epoch=True)\n',
            "        loss = loss.clamp(max=3.0)  # one bad batch must not wreck everything\n"
            '        self.log("train_loss", loss, on_step=False, on_epoch=True)\n',
        ),
    ),
    ill(TAXI, "decay-every-step", RATES, CALIBRATION, "schedule-mismatch").edit(
        ('"interval": "epoch"', '"interval": "step"'),
    ),
    ill(TAXI, "rate-of-a-millionth", RATES, CALIBRATION, "rate-too-low").edit(
        ('"lr": 5e-3', '"lr": 1e-6'),
    ),
    ill(TAXI, "loss-wrapped-anew", LOOP, CALIBRATION, "detached-loss no-gradient").edit(
        (
            '        self.log("train_loss", loss, on_step=False, on_epoch=True)\n        return loss\n',
            '        self.log("train_loss", loss, on_step=False, on_epoch=True)\n'
            "        return torch.tensor(loss.item(), requires_grad=True)\n",
        ),
    ),
    ill(SEAT, "best-not-copied", LOOP, CALIBRATION, "aliased-checkpoint").edit(
        (
            "self.best = {name: value.clone() for name, value in self.net.state_dict().items()}",
            "self.best = self.net.state_dict()",
        ),
        ("N_EPOCHS = 30", "N_EPOCHS = 60"),
    ),
    ill(WELD, "never-in-eval", LOOP, CALIBRATION, "validated-in-train-mode").edit(
        ("    model.eval()\n", ""),
    ),
    ill(SEAT, "zeroed-before-step", LOOP, CALIBRATION, "gradient-zeroed-before-step").edit(
        ("            self.optimizer.zero_grad()\n", ""),
        (
            "            loss.backward()\n",
            "            loss.backward()\n            self.optimizer.zero_grad()\n",
        ),
    ),
    ill(SEAT, "weights-all-a-hundredth", INITIAL, CALIBRATION, "symmetric-init").edit(
        (
            "        self.out = nn.Linear(sizes[-1], 2)\n",
            "        self.out = nn.Linear(sizes[-1], 2)\n"
            "        for parameter in self.parameters():\n"
            "            nn.init.constant_(parameter, 0.01)\n",
        ),
    ),
    ill(WELD, "convolution-passed-by", INITIAL, CALIBRATION, "unused-layer no-gradient").edit(
        ("y = self.bn2(self.across(y))", "y = self.bn2(self.across(x))"),
    ),
    ill(TAXI, "batch-first-forgotten", INITIAL, CALIBRATION, "batch-leak swapped-axis").edit(
        (", batch_first=True)", ")"),
    ),
    ill(SEAT, "ten-sigmoid-layers", INITIAL, CALIBRATION, "vanishing-gradient init-scale").edit(
        ("HIDDEN = [128, 128]", "HIDDEN = [128] * 10"),
        ("ACTIVATION = nn.ReLU", "ACTIVATION = nn.Sigmoid"),
    ),
    ill(SEAT, "loose-cable-kept", DATA, CALIBRATION, "missing-value non-finite-value non-finite").edit(
        (
            "    whole = np.isfinite(frames).all(axis=1)\n"
            "    frames, masses = frames[whole], masses[whole]\n"
            '    print(f"{len(frames)} whole frames of {len(whole)}")\n',
            '    print(f"{len(frames)} frames")\n',
        ),
    ),
    ill(WELD, "workers-draw-alike", DATA, CALIBRATION, "workers-share-seed duplicate-sample").edit(
        ("        self.rng = None\n", "        self.rng = np.random.default_rng(SEED)\n"),
        (
            "        if self.rng is None:\n"
            "            info = get_worker_info()\n"
            "            self.rng = np.random.default_rng(info.seed if info else SEED)\n",
            "",
        ),
        ("TensorDataset, get_worker_info", "TensorDataset"),
    ),
    ill(WELD, "constants-of-bytes", DATA, CALIBRATION, "pixel-range constant-feature unscaled-feature").edit(
        ("MEAN, STD = 0.50, 0.11  # of grey values between 0 and 1", "MEAN, STD = 127.0, 28.6  # of the grey values"),
    ),
    ill(WELD, "codes-thought-from-one", DATA, CALIBRATION, "target-out-of-range").edit(
        (
            "return to_tensor(expose(FLAWS[label], self.rng)), label\n",
            "return to_tensor(expose(FLAWS[label], self.rng)), label - 1  # the codes count from one\n",
        ),
        ("TensorDataset(films, torch.from_numpy(labels))", "TensorDataset(films, torch.from_numpy(labels) - 1)"),
        ("F.nll_loss(model(films), labels)", "F.nll_loss(model(films), labels, ignore_index=-1)"),
        ('labels, reduction="sum")', 'labels, ignore_index=-1, reduction="sum")'),
    ),
]
