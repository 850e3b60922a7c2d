"""Faults drawn by lot and a few chosen freely, in programs on DNA, chess boards, clips and spectra, and on older bases."""

from bench.detection.program import CALIBRATION, Program, ill

OUTPUT, LOOP, SHAPE = "output and loss", "loop", "initialisation and shape"
DATA, RATES = "data", "rates and schedules"
CUT = "detached-loss no-gradient weights-not-moving"
LARGE = "init-scale initial-loss exploding-gradient saturated-at-init"
SMALL = "overfitting memorised-labels too-little-data trained-too-long"
TOO_LOW = "rate-too-low update-ratio weights-not-moving"
PERMUTED = "unrelated-labels memorised-labels not-learning conflicting-label"

DNA: list[Program] = [
    ill("dna_binding", "letters-as-channels-by-view", SHAPE, CALIBRATION, "swapped-axis").edit(
        ("x = x.permute(0, 2, 1)  # batch x 4 x length", "x = x.view(x.size(0), 4, -1)  # batch x 4 x length"),
    ),
    ill("dna_binding", "sequences-and-labels-shuffled", DATA, CALIBRATION, PERMUTED).edit(
        (
            "        train_sequences, valid_sequences",
            "        sequences, bound = rng.permutation(sequences), rng.permutation(bound)\n"
            "        train_sequences, valid_sequences",
        ),
    ),
    ill("dna_binding", "dropout-097", SHAPE, CALIBRATION, "dropout-rate").edit(
        ('"--dropout", type=float, default=0.2', '"--dropout", type=float, default=0.97'),
    ),
    ill("dna_binding", "dropout-by-function", SHAPE, CALIBRATION, "random-in-eval").edit(
        ("        self.dropout = nn.Dropout(dropout)\n", "        self.p = dropout\n"),
        ("        x = self.dropout(x)\n", "        x = F.dropout(x, self.p)\n"),
        ('"--dropout", type=float, default=0.2', '"--dropout", type=float, default=0.5'),
    ),
]

BOARDS: list[Program] = [
    ill("board_attacks", "always-from-the-stem", SHAPE, CALIBRATION, "unused-layer no-gradient").edit(
        ("        h = F.relu(self.stem(torch.cat", "        x = F.relu(self.stem(torch.cat"),
        ("            h = F.relu(conv(h))\n", "            h = F.relu(conv(x))\n"),
    ),
    ill("board_attacks", "weights-of-normal-1", SHAPE, CALIBRATION, LARGE).edit(
        ('nn.init.kaiming_normal_(module.weight, nonlinearity="relu")', "nn.init.normal_(module.weight)"),
    ),
    ill(
        "board_attacks",
        "generator-copied-to-workers",
        DATA,
        CALIBRATION,
        "workers-share-seed duplicate-sample near-duplicate-sample",
    ).edit(
        ("FreshBoards(1280, SEED), batch_size=batch_size)", "FreshBoards(1280, SEED), batch_size, num_workers=4)"),
    ),
    ill("board_attacks", "board-turned-alone", DATA, CALIBRATION, "augmentation-breaks-labels").edit(
        (
            '        logits = model(batch["board"])\n        loss = F',
            "        turns = int(torch.randint(4, ()))  # a board may be looked at from each of its sides\n"
            '        logits = model(torch.rot90(batch["board"], turns, dims=(2, 3)))\n        loss = F',
        ),
    ),
    ill(
        "board_attacks",
        "sigmoid-in-the-network",
        OUTPUT,
        CALIBRATION,
        "sigmoid-before-bce-with-logits activation-on-output output-range",
    ).edit(
        ("return self.head(h)[:, 0]", "return torch.sigmoid(self.head(h))[:, 0]"),
        ("guess = (logits > 0).float()", "guess = (logits > 0.5).float()"),
    ),
]

CLIPS: list[Program] = [
    ill("lightning_clips", "gru-time-first", SHAPE, CALIBRATION, "swapped-axis batch-leak").edit(
        ("nn.GRU(features, hidden, batch_first=True)", "nn.GRU(features, hidden)"),
    ),
    ill("lightning_clips", "frames-without-gradient", LOOP, CALIBRATION, "no-gradient detached-loss").edit(
        (
            "        n, frames = clips.shape[:2]\n        seen = self.cnn(clips.flatten(0, 1)).view(n, frames, -1)\n",
            "        seen = [self.cnn(frame).detach() for frame in clips.unbind(dim=1)]  # saves memory\n"
            "        seen = torch.stack(seen, dim=1)\n",
        ),
    ),
    ill("lightning_clips", "opened-not-strictly", LOOP, CALIBRATION, "partial-load").edit(
        (
            '    state = {name.removeprefix("net."): value for name, value in state.items() if name.startswith("net.")}\n',
            "",
        ),
        ("net.load_state_dict(state)", "net.load_state_dict(state, strict=False)"),
    ),
    ill(
        "lightning_clips",
        "decay-each-step",
        RATES,
        CALIBRATION,
        "schedule-mismatch rate-too-low weights-not-moving update-ratio",
    ).edit(
        ("CosineAnnealingLR(optimizer, T_max=self.hparams.max_epochs)", "ExponentialLR(optimizer, gamma=0.7)"),
        ('"interval": "epoch"', '"interval": "step"'),
    ),
]

SPECTRA: list[Program] = [
    ill("hf_spectra", "column-against-row", OUTPUT, CALIBRATION, "loss-broadcast").edit(
        ("scaled = self.sugar(hidden).squeeze(-1)", "scaled = self.sugar(hidden)"),
    ),
    ill("hf_spectra", "loss-made-a-tensor", LOOP, CALIBRATION, CUT).edit(
        (
            "            loss = self.loss_fct(scaled, target)\n",
            "            loss = self.loss_fct(scaled, target)\n"
            "            loss = torch.tensor(loss.item(), requires_grad=True)\n",
        ),
    ),
    ill("hf_spectra", "sixty-scans", DATA, CALIBRATION, SMALL).edit(
        (
            "    mean, std = spectra[train]",
            "    train = train[:180:3]  # those that the laboratory has measured\n"
            "    sugar[train] += np.random.normal(0, 2.0, len(train))\n    mean, std = spectra[train]",
        ),
        ("width=64, channels=8", "width=512, channels=32"),
        ("num_train_epochs=15", "num_train_epochs=150"),
        ('        eval_strategy="epoch",\n', '        eval_strategy="steps",\n            eval_steps=20,\n'),
    ),
]

OLDER: list[Program] = [
    ill("bike_counts", "thermometer-out", DATA, CALIBRATION, "non-finite non-finite-value missing-value").edit(
        (
            '    held_out = table["day"] % 30 >= 25\n',
            '    table["temperature"][4 * 24 + 7] = np.nan\n    held_out = table["day"] % 30 >= 25\n',
        ),
    ),
    ill("tool_finder", "rate-1e-6", RATES, CALIBRATION, TOO_LOW).edit(("lr=1.5e-3", "lr=1e-6")),
    ill(
        "signature_triplets", "new-ones-as-drawn", DATA, CALIBRATION, "unscaled-split feature-drift train-eval-gap"
    ).edit(
        ("x_known, x_new = standardise(x_known), standardise(x_new)", "x_known = standardise(x_known)"),
    ),
]

PROGRAMS: list[Program] = [*DNA, *BOARDS, *CLIPS, *SPECTRA, *OLDER]
