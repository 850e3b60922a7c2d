"""Seventh corpus, lot b: one fault each on protein homes (Trainer), sky irradiance and sleep stages (plain PyTorch)."""

from bench.detection.program import CALIBRATION, Program, ill

PROGRAMS: list[Program] = [
    ill("hf_protein_homes", "softmax-in-forward", "output and loss", CALIBRATION, "softmax-before-cross-entropy").edit(
        (
            "logits = self.head(self.dropout(torch.cat([hidden[:, 0], mean, peak], dim=-1)))",
            "logits = self.head(self.dropout(torch.cat([hidden[:, 0], mean, peak], dim=-1))).softmax(dim=-1)",
        ),
    ),
    ill("hf_protein_homes", "log-softmax-over-batch", "output and loss", CALIBRATION, "softmax-axis batch-leak").edit(
        (
            "logits = self.head(self.dropout(torch.cat([hidden[:, 0], mean, peak], dim=-1)))",
            "logits = self.head(self.dropout(torch.cat([hidden[:, 0], mean, peak], dim=-1))).log_softmax(dim=0)",
        ),
        ("nn.functional.cross_entropy(logits, labels)", "nn.functional.nll_loss(logits, labels)"),
    ),
    ill(
        "hf_protein_homes",
        "weight-decay-ten",
        "rates and schedules",
        CALIBRATION,
        "regularisation-dominates underfitting",
    ).edit(
        ("weight_decay=0.01,", "weight_decay=10.0,"),
    ),
    ill("hf_protein_homes", "view-for-transpose", "initialisation and shape", CALIBRATION, "swapped-axis").edit(
        (
            "        local = self.stem(self.esm.get_input_embeddings()(input_ids).transpose(1, 2))",
            "        letters = self.esm.get_input_embeddings()(input_ids)\n"
            "        local = self.stem(letters.view(len(letters), self.config.hidden_size, -1))",
        ),
    ),
    ill("hf_protein_homes", "eval-rows-in-train", "data", CALIBRATION, "overlap evaluated-on-training").edit(
        (
            "train_set = ProteinSet([r for i, r in enumerate(records) if i not in held_out])",
            "train_set = ProteinSet(records)",
        ),
    ),
    ill("hf_protein_homes", "sequential-dump", "data", CALIBRATION, "not-shuffled sorted-order").edit(
        ("            seed=SEED,\n", '            seed=SEED,\n            train_sampling_strategy="sequential",\n'),
    ),
    ill("sky_irradiance", "sigmoid-on-watts", "output and loss", CALIBRATION, "activation-on-output output-range").edit(
        ("return self.out(torch.relu(self.hidden(seen)))", "return self.out(torch.relu(self.hidden(seen))).sigmoid()"),
    ),
    ill(
        "sky_irradiance",
        "momentum-099-rate-01",
        "rates and schedules",
        CALIBRATION,
        "rate-too-high diverging oscillating",
    ).edit(
        ("LR = 0.02", "LR = 0.1"),
        ("MOMENTUM = 0.9\n", "MOMENTUM = 0.99\n"),
    ),
    ill(
        "sky_irradiance",
        "zeroed-before-step",
        "loop",
        CALIBRATION,
        "gradient-zeroed-before-step weights-not-moving not-learning",
    ).edit(
        ("        optimizer.zero_grad()\n        loss = nn", "        loss = nn"),
        ("        loss.backward()\n", "        loss.backward()\n        optimizer.zero_grad()\n"),
    ),
    ill("sky_irradiance", "bias-minus-ten", "initialisation and shape", CALIBRATION, "dead-at-init dead-relu").edit(
        ("        nn.init.zeros_(layer.bias)\n", "        nn.init.constant_(layer.bias, -10.0)\n"),
        (
            "nn.init.normal_(net.out.weight, std=0.05)\n",
            "nn.init.normal_(net.out.weight, std=0.05)\nnn.init.zeros_(net.out.bias)\n",
        ),
    ),
    ill("sky_irradiance", "all-weights-001", "initialisation and shape", CALIBRATION, "symmetric-init init-scale").edit(
        (
            '        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")\n',
            "        nn.init.constant_(layer.weight, 0.01)\n",
        ),
        ("nn.init.normal_(net.out.weight, std=0.05)\n", ""),
    ),
    ill("sky_irradiance", "raw-sensor-as-input", "data", CALIBRATION, "leaking-feature").edit(
        ('"temperature", "humidity"]', '"temperature", "humidity", "pyranometer_mv"]'),
    ),
    ill("sleep_stages", "head-replaced-after-optimizer", "loop", CALIBRATION, "not-in-optimizer stale-optimizer").edit(
        (
            "    model.head = stage_head(args.width)\n"
            "    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.01)\n",
            "    model.encoder.requires_grad_(False)\n"
            "    model.head = nn.Linear(args.width, 2)  # awake or asleep, as in the actigraphy study\n"
            "    trained = [p for p in model.parameters() if p.requires_grad]\n"
            "    optimizer = torch.optim.AdamW(trained, lr=3 * args.lr, weight_decay=0.01)\n"
            "    model.head = stage_head(args.width)\n",
        ),
    ),
    ill("sleep_stages", "likelihood-without-minus", "output and loss", CALIBRATION, "negated-loss").edit(
        ("return -log_p.gather(", "return log_p.gather("),
    ),
    ill("sleep_stages", "best-not-copied", "loop", CALIBRATION, "aliased-checkpoint").edit(
        ("kappa, copy.deepcopy(model.state_dict())", "kappa, model.state_dict()"),
        ("import copy\n", ""),
        ('"--epochs", type=int, default=10)', '"--epochs", type=int, default=30)'),
        ('"--lr", type=float, default=1e-3)', '"--lr", type=float, default=3e-3)'),
    ),
    ill("sleep_stages", "prefix-kept-not-strict", "loop", CALIBRATION, "partial-load").edit(
        ("torch.save(model.encoder.state_dict(), path)", "torch.save(model.state_dict(), path)"),
        ("load_state_dict(torch.load(path))", "load_state_dict(torch.load(path), strict=False)"),
    ),
    ill("sleep_stages", "neck-of-one", "initialisation and shape", CALIBRATION, "bottleneck").edit(
        ("neck = width // 2\n", "neck = width // 32\n"),
    ),
    ill(
        "sleep_stages",
        "stages-from-one",
        "data",
        CALIBRATION,
        "target-out-of-range loss-and-metric-disagree renumbered-classes",
    ).edit(
        (
            "loss = staging_loss(model(x), stage)\n",
            "loss = staging_loss(model(x), stage - 1)  # the scoring software counts from 1\n",
        ),
    ),
]
