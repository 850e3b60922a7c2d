"""Blind faults: view for permute, wrong axes, skipped layers, decays that end early, wrong scaling, clipped losses."""

from bench.detection.program import CALIBRATION, Program, ill

SHAPE, RATE, DATA, LOSS = "initialisation and shape", "rates and schedules", "data", "output and loss"

PROGRAMS: list[Program] = [
    # view or reshape where permute or transpose was meant
    ill("hf_protein_homes", "embeddings-viewed-as-channels", SHAPE, CALIBRATION, "swapped-axis").edit(
        (
            "        local = self.stem(self.esm.get_input_embeddings()(input_ids)"
            ".transpose(1, 2)).relu().transpose(1, 2)\n",
            "        words = self.esm.get_input_embeddings()(input_ids)\n"
            "        local = self.stem(words.view(len(words), words.size(2), -1)).relu().transpose(1, 2)\n",
        ),
    ),
    ill("ticket_topics", "last-states-viewed-by-ticket", SHAPE, CALIBRATION, "swapped-axis batch-leak").edit(
        ("h = torch.cat([h_n[0], h_n[1]], dim=1)", "h = h_n.view(len(ids), -1)"),
    ),
    ill("seabed_mixer", "patches-by-reshape-alone", SHAPE, CALIBRATION, "swapped-axis").edit(
        (
            "patches = images.unfold(1, p, p).unfold(2, p, p).reshape(len(images), -1, p * p)",
            "patches = images.reshape(len(images), -1, p * p)",
        ),
    ),
    ill("cow_collars", "heads-by-reshape-alone", SHAPE, CALIBRATION, "swapped-axis").edit(
        (
            "(part.view(b, n, self.heads, -1).transpose(1, 2) for part",
            "(part.reshape(b, self.heads, n, -1) for part",
        ),
    ),
    ill("stitch_faults", "sensors-viewed-as-channels", SHAPE, CALIBRATION, "swapped-axis").edit(
        ("h = self.stem(x.transpose(1, 2))", "h = self.stem(x.view(len(x), x.size(2), -1))"),
    ),
    ill("whale_codas", "clicks-reshaped-for-the-convolution", SHAPE, CALIBRATION, "swapped-axis").edit(
        ("self.lift(clicks.mT)", "self.lift(clicks.reshape(len(clicks), -1, CLICKS))"),
    ),
    # batch_first mixed up, or another axis taken for the wrong one
    ill("keras_hut_hikes", "pooled-over-features", SHAPE, CALIBRATION, "swapped-axis").edit(
        ("layers.GlobalAveragePooling1D()(x)", 'layers.GlobalAveragePooling1D(data_format="channels_first")(x)'),
    ),
    ill("hotel_ranking", "softmax-of-one-score", SHAPE, CALIBRATION, "softmax-axis swapped-axis softmax-one-unit").edit(
        (
            "given = torch.log_softmax(scores.squeeze(-1), dim=0)",
            "given = torch.log_softmax(scores, dim=-1).squeeze(-1)",
        ),
    ),
    ill("name_origins", "softmax-over-names", SHAPE, CALIBRATION, "softmax-axis swapped-axis batch-leak").edit(
        ("nn.LogSoftmax(dim=1)", "nn.LogSoftmax(dim=0)"),
    ),
    ill("lightning_ward_stay", "gate-over-patients", SHAPE, CALIBRATION, "softmax-axis swapped-axis batch-leak").edit(
        ("share = torch.softmax(self.gate(x), dim=1)", "share = torch.softmax(self.gate(x), dim=0)"),
    ),
    ill("pen_strokes", "attention-without-batch-first", SHAPE, CALIBRATION, "swapped-axis batch-leak").edit(
        ("nn.MultiheadAttention(dim, heads, batch_first=True)", "nn.MultiheadAttention(dim, heads)"),
    ),
    # a variable overwritten or not passed on
    ill("hf_visitors", "encoder-output-dropped", SHAPE, CALIBRATION, "unused-layer no-gradient").edit(
        (
            "hidden = self.encoder(hidden, src_key_padding_mask=padding)",
            "encoded = self.encoder(hidden, src_key_padding_mask=padding)",
        ),
    ),
    ill("lightning_taxi_gaps", "blocks-output-dropped", SHAPE, CALIBRATION, "unused-layer no-gradient").edit(
        ("h = self.blocks(h)", "mixed = self.blocks(h)"),
    ),
    ill("keras_kiln_tiles", "curve-code-overwritten", SHAPE, CALIBRATION, "ignores-input unused-layer").edit(
        ("k = layers.Embedding(len(CLAYS), 6)(clay_in)", "c = layers.Embedding(len(CLAYS), 6)(clay_in)"),
        ("h = layers.Concatenate()([c, k, measures_in])", "h = layers.Concatenate()([c, measures_in])"),
    ),
    ill("heartbeat_conv1d", "second-convolution-dropped", SHAPE, CALIBRATION, "unused-layer no-gradient").edit(
        ("x = F.leaky_relu(self.norm2(self.conv2(x)))", "h = F.leaky_relu(self.norm2(self.conv2(x)))"),
    ),
    ill("store_forecast", "blocks-not-passed-on", SHAPE, CALIBRATION, "unused-layer no-gradient").edit(
        ("            h = block(h)", "            out = block(h)"),
    ),
    # a decay that is over long before the end
    ill("review_bag", "step-size-in-batches", RATE, CALIBRATION, "schedule-mismatch rate-too-low").edit(
        (
            "optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)\n",
            "optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)\n"
            "scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.5)\n",
        ),
        ("        optimizer.step()\n", "        optimizer.step()\n        scheduler.step()\n"),
    ),
    ill("texture_trainer", "exponential-decay-per-batch", RATE, CALIBRATION, "schedule-mismatch rate-too-low").edit(
        (
            "torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=args.epochs)",
            "torch.optim.lr_scheduler.ExponentialLR(self.optimizer, gamma=0.8)",
        ),
        ("        self.scheduler.step()\n        return running", "        return running"),
        (
            "            self.optimizer.step()\n",
            "            self.optimizer.step()\n            self.scheduler.step()\n",
        ),
    ),
    ill("date_seq2seq", "updates-of-a-smaller-set", RATE, CALIBRATION, "schedule-mismatch rate-too-low").edit(
        ('    "warmup": 60,\n', '    "warmup": 60,\n    "total": 150,\n'),
        (
            'min((step + 1) / hp["warmup"], (hp["warmup"] / (step + 1)) ** 0.5)',
            'min((step + 1) / hp["warmup"], max(0.0, 1 - step / hp["total"]))',
        ),
    ),
    ill("keras_echoes", "decay-steps-in-epochs", RATE, CALIBRATION, "schedule-mismatch rate-too-low").edit(
        (
            "    optimizer=keras.optimizers.Adam(learning_rate=1.5e-3),\n",
            "    optimizer=keras.optimizers.Adam(\n"
            "        keras.optimizers.schedules.ExponentialDecay(1.5e-3, decay_steps=EPOCHS, decay_rate=0.5)\n"
            "    ),\n",
        ),
    ),
    ill("lightning_melody", "decay-of-a-smaller-songbook", RATE, CALIBRATION, "schedule-mismatch rate-too-low").edit(
        ("decay_steps: int = 376", "decay_steps: int = 60"),
    ),
    ill("hf_spectra", "step-schedule-in-the-trainer", RATE, CALIBRATION, "schedule-mismatch rate-too-low").edit(
        (
            "        trainer = Trainer(\n"
            "            model=model, args=args, train_dataset=train_set, eval_dataset=test_set, "
            "compute_metrics=compute_metrics\n        )",
            "        optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)\n"
            "        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.3)\n"
            "        trainer = Trainer(\n"
            "            model=model,\n"
            "            args=args,\n"
            "            train_dataset=train_set,\n"
            "            eval_dataset=test_set,\n"
            "            compute_metrics=compute_metrics,\n"
            "            optimizers=(optimizer, scheduler),\n"
            "        )",
        ),
    ),
    ill("shapes_resnet", "imagenet-milestones-per-batch", RATE, CALIBRATION, "schedule-mismatch rate-too-low").edit(
        (
            "torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=EPOCHS * len(train_loader))",
            "torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[30, 60, 80], gamma=0.1)",
        ),
    ),
    ill("skorch_crops", "step-every-batch", RATE, CALIBRATION, "schedule-mismatch rate-too-low").edit(
        ('policy="StepLR", step_size=10, gamma=0.4', 'policy="StepLR", step_every="batch", step_size=10, gamma=0.4'),
    ),
    # scaled twice, with wrong constants, or not at all under SGD
    ill("keras_slope_slides", "raw-survey-under-sgd", DATA, CALIBRATION, "unscaled-feature mixed-scales").edit(
        (
            '    mu, sd = site[train].mean(0), site[train].std(0)\n    site = ((site - mu) / sd).astype("float32")\n',
            '    site = site.astype("float32")\n',
        ),
        ("keras.optimizers.Adam(LEARNING_RATE)", "keras.optimizers.SGD(LEARNING_RATE, momentum=0.9)"),
    ),
    ill("cancer_binary", "raw-columns-under-sgd", DATA, CALIBRATION, "unscaled-feature mixed-scales").edit(
        (
            "    scaler = StandardScaler().fit(x_train)\n"
            "    x_train, x_val = scaler.transform(x_train), scaler.transform(x_val)\n",
            "",
        ),
        (
            "torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)",
            "torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9)",
        ),
    ),
    ill("house_prices", "raw-columns-under-sgd", DATA, CALIBRATION, "unscaled-feature mixed-scales").edit(
        ("    x = (x - x_mean) / x_std\n", ""),
        ("torch.optim.Adam(model.parameters(), lr=2e-3)", "torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)"),
    ),
    ill("honey_origin", "raw-counts-under-sgd", DATA, CALIBRATION, "unscaled-feature mixed-scales").edit(
        ("    mean, std = x[:cut].mean(0), x[:cut].std(0) + 1e-6\n    x = (x - mean) / std\n", ""),
        (
            "torch.optim.AdamW(self.net.parameters(), lr=self.lr, weight_decay=1e-2)",
            "torch.optim.SGD(self.net.parameters(), lr=self.lr, momentum=0.9, weight_decay=1e-4)",
        ),
    ),
    ill(
        "lightning_gauge",
        "byte-constants-after-255",
        DATA,
        CALIBRATION,
        "pixel-range constant-feature unscaled-feature",
    ).edit(
        ("(pictures - 160.0) / 45.0", "(pictures / 255.0 - 160.0) / 45.0"),
    ),
    ill("coffee_beans", "divided-twice", DATA, CALIBRATION, "pixel-range constant-feature unscaled-feature").edit(
        (
            "self.images = np.stack([photograph(DEFECTS[k], rng) for k in self.labels])",
            "self.images = np.stack([photograph(DEFECTS[k], rng) for k in self.labels]) / 255",
        ),
    ),
    ill("traffic_signs", "divided-twice", DATA, CALIBRATION, "pixel-range constant-feature unscaled-feature").edit(
        ("return (img - 0.4) / 0.25, label", "return (img / 255 - 0.4) / 0.25, label"),
    ),
    ill("semaphore_letters", "divided-twice", DATA, CALIBRATION, "pixel-range constant-feature unscaled-feature").edit(
        (
            "image = torch.from_numpy(self.pictures[i]).float().unsqueeze(0)",
            "image = torch.from_numpy(self.pictures[i]).float().div(255).unsqueeze(0)",
        ),
    ),
    # a loss that is clipped, clamped or masked
    ill("bike_counts", "likelihood-not-below-zero", LOSS, CALIBRATION, "clipped-loss no-gradient").edit(
        ("            loss = loss_fn(out, count)\n", "            loss = loss_fn(out, count).clamp(min=0)\n"),
    ),
    ill("heart_survival", "partial-likelihood-capped", LOSS, CALIBRATION, "clipped-loss no-gradient").edit(
        (
            "return -((log_hazard - at_risk) * died).sum() / died.sum()",
            "return (-((log_hazard - at_risk) * died).sum() / died.sum()).clamp(max=3.0)",
        ),
    ),
    ill("appliance_probe", "loss-capped", LOSS, CALIBRATION, "clipped-loss no-gradient").edit(
        ("loss = criterion(model(waves), labels)", "loss = torch.clamp(criterion(model(waves), labels), 0.0, 1.5)"),
    ),
    ill("duplicate_questions", "hard-pairs-masked", LOSS, CALIBRATION, "clipped-loss no-gradient").edit(
        (
            '        loss = criterion(outputs, batch["label"])\n',
            '        losses = nn.BCEWithLogitsLoss(reduction="none")(outputs, batch["label"])\n'
            "        loss = (losses * (losses < 0.7)).mean()  # leave out the pairs that are labelled wrongly\n",
        ),
    ),
    ill("seat_mat", "likelihood-not-below-zero", LOSS, CALIBRATION, "clipped-loss no-gradient").edit(
        (
            "return nn.functional.gaussian_nll_loss(mean, y, log_var.exp())",
            "return nn.functional.gaussian_nll_loss(mean, y, log_var.exp()).clamp(min=0)",
        ),
    ),
    ill(
        "shapes_unet", "background-masked", LOSS, CALIBRATION, "clipped-loss no-gradient loss-and-metric-disagree"
    ).edit(
        (
            "        loss = criterion(logits, masks)\n",
            '        loss = F.binary_cross_entropy_with_logits(logits, masks, reduction="none")\n'
            "        loss = (loss * masks).sum() / masks.sum()\n",
        ),
    ),
    ill("digits_autoencoder", "error-floored", LOSS, CALIBRATION, "clipped-loss no-gradient").edit(
        ("loss = mse(model(x), x)", "loss = mse(model(x), x).clamp(min=0.04)  # below that is only noise"),
    ),
]
