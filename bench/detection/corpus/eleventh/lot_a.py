"""Faulty programs on stitch_faults, lightning_ward_stay and seabed_mixer."""

from bench.detection.program import CALIBRATION, Program, ill

OUTPUT, RATES, LOOP = "output and loss", "rates and schedules", "loop"
SHAPE, DATA = "initialisation and shape", "data"

PROGRAMS: list[Program] = [
    ill("lightning_ward_stay", "losses-clamped", OUTPUT, CALIBRATION, "clipped-loss").edit(
        (
            "        loss = F.smooth_l1_loss(self(*inputs), days)\n",
            '        loss = F.smooth_l1_loss(self(*inputs), days, reduction="none")\n'
            "        loss = loss.clamp(max=0.2).mean()  # the very long stays are not to rule the rest\n",
        ),
    ),
    ill("stitch_faults", "probabilities-to-cross-entropy", OUTPUT, CALIBRATION, "softmax-before-cross-entropy").edit(
        ("        return logits\n", "        return torch.softmax(logits, dim=1)\n"),
    ),
    ill("stitch_faults", "softmax-over-batch", OUTPUT, CALIBRATION, "softmax-axis batch-leak").edit(
        ("torch.softmax(self.score(h), dim=-1)", "torch.softmax(self.score(h), dim=0)"),
    ),
    ill("lightning_ward_stay", "column-against-row", OUTPUT, CALIBRATION, "loss-broadcast").edit(
        ("return (share * opinions).sum(dim=1)", "return (share * opinions).sum(dim=1, keepdim=True)"),
    ),
    ill("lightning_ward_stay", "rate-1e-6", RATES, CALIBRATION, "rate-too-low weights-not-moving update-ratio").edit(
        ("default=3e-3", "default=1e-6"),
    ),
    ill("lightning_ward_stay", "borrowed-decay", RATES, CALIBRATION, "schedule-mismatch rate-too-low").edit(
        ("steps = self.trainer.estimated_stepping_batches", "steps = 50  # five epochs of the pilot"),
    ),
    ill("seabed_mixer", "pieces-not-divided", LOOP, CALIBRATION, "accumulation-not-divided rate-too-high").edit(
        ("loss = self.loss(self.net(piece), answer) / PIECES", "loss = self.loss(self.net(piece), answer)"),
        ("value += loss.item()", "value += loss.item() / PIECES"),
    ),
    ill("seabed_mixer", "best-weights-by-reference", LOOP, CALIBRATION, "aliased-checkpoint").edit(
        ("copy.deepcopy(self.net.state_dict())", "self.net.state_dict()"),
        ("import copy\n", ""),
    ),
    ill("seabed_mixer", "feature-detached", LOOP, CALIBRATION, "no-gradient detached-loss weights-not-moving").edit(
        ("feature = self.norm(tokens).mean(dim=1)", "feature = self.norm(tokens).mean(dim=1).detach()"),
    ),
    ill("seabed_mixer", "never-zeroed", LOOP, CALIBRATION, "gradient-accumulates").edit(
        ("        self.opt.zero_grad()\n", ""),
    ),
    ill("lightning_ward_stay", "bias-minus-ten", SHAPE, CALIBRATION, "dead-at-init dead-relu").edit(
        ("nn.init.constant_(layer.bias, 0.0)", "nn.init.constant_(layer.bias, -10.0)"),
    ),
    ill("stitch_faults", "blocks-skipped", SHAPE, CALIBRATION, "unused-layer no-gradient").edit(
        (
            "            h = block(h)\n        h = torch.relu(self.norm(h))\n",
            "            out = block(h)\n        h = torch.relu(self.norm(h))\n",
        ),
    ),
    ill(
        "seabed_mixer",
        "softmax-inside-head",
        SHAPE,
        CALIBRATION,
        "vanishing-gradient init-scale rank-collapse bottleneck ignores-input",
    ).edit(
        ("nn.Linear(dim, 32), nn.ReLU(), nn.Linear", "nn.Linear(dim, 32), nn.Softmax(dim=1), nn.Linear"),
    ),
    ill("stitch_faults", "view-for-transpose", SHAPE, CALIBRATION, "swapped-axis").edit(
        ("self.stem(x.transpose(1, 2))", "self.stem(x.view(-1, 4, LENGTH))"),
    ),
    ill("stitch_faults", "class-after-class", DATA, CALIBRATION, "not-shuffled sorted-order").edit(
        ("batch_size=batch_size, shuffle=True", "batch_size=batch_size"),
    ),
    ill("stitch_faults", "two-permutations", DATA, CALIBRATION, "unrelated-labels memorised-labels").edit(
        (
            "train_idx, test_idx = split(y, 0.75, rng)\n",
            "X, y = X[rng.permutation(len(X))], y[rng.permutation(len(y))]\n"
            "train_idx, test_idx = split(y, 0.75, rng)\n",
        ),
    ),
    ill("lightning_ward_stay", "nan-body-mass", DATA, CALIBRATION, "non-finite-value missing-value non-finite").edit(
        (
            "    heart = g.normal(84, 15, n)\n",
            "    height[1236] = weight[1236] = 0.0  # not measured\n    heart = g.normal(84, 15, n)\n",
        ),
        (
            "    bmi = weight / height**2\n",
            '    with np.errstate(invalid="ignore"):\n        bmi = weight / height**2\n',
        ),
        ("0.10 * np.abs(bmi - 26)", "0.10 * np.abs(np.nan_to_num(bmi, nan=27) - 26)"),
    ),
    ill("seabed_mixer", "checked-on-trained", DATA, CALIBRATION, "overlap evaluated-on-training").edit(
        ("train_rows, val_rows = places[:1800], places[1800:]", "train_rows, val_rows = places, places[1800:]"),
    ),
]
