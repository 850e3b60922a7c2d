"""Faults planted in the shells of snails, the stones of curling ends and the scans of parcels."""

from bench.detection.program import EVALUATION, Program, ill

PROGRAMS: list[Program] = [
    # output and loss
    ill(
        "hf_parcel_scans",
        "chance-instead-of-logit",
        "output and loss",
        EVALUATION,
        "sigmoid-before-bce-with-logits activation-on-output",
    ).edit(
        (
            "        logits = self.head(summary).squeeze(1)\n",
            "        logits = torch.sigmoid(self.head(summary)).squeeze(1)\n",
        ),
        ("prediction.predictions > 0,", "prediction.predictions > 0.5,"),
    ),
    # rates and schedules
    ill(
        "curling_stones", "adam-at-one", "rates and schedules", EVALUATION, "rate-too-high diverging update-ratio"
    ).edit(
        ("batch=64, lr=3e-3)", "batch=64, lr=1.0)"),
    ),
    ill(
        "curling_stones",
        "schedule-in-the-inner-loop",
        "rates and schedules",
        EVALUATION,
        "schedule-mismatch rate-too-low",
    ).edit(
        (
            "            optimizer.step()\n",
            "            optimizer.step()\n            scheduler.step()\n",
        ),
        ("        scheduler.step()\n        error, exact", "        error, exact"),
    ),
    ill("curling_stones", "decay-of-ten", "rates and schedules", EVALUATION, "regularisation-dominates").edit(
        (
            "torch.optim.Adam(model.parameters(), lr=lr)",
            "torch.optim.Adam(model.parameters(), lr=lr, weight_decay=10.0)",
        ),
    ),
    # loop
    ill("hf_parcel_scans", "scan-states-detached", "loop", EVALUATION, "no-gradient").edit(
        (
            "attention_mask=mask).last_hidden_state\n",
            "attention_mask=mask).last_hidden_state.detach()\n",
        ),
    ),
    ill("snail_shells", "eight-small-trays-summed", "loop", EVALUATION, "accumulation-not-divided").edit(
        ("BATCH = 32\n", "BATCH = 8  # what fits on the card\nACCUMULATE = 8\n"),
        (
            "    for images, labels in train_loader:\n",
            "    for step, (images, labels) in enumerate(train_loader, start=1):\n",
        ),
        (
            "        optimizer.zero_grad()\n        loss.backward()\n        optimizer.step()\n",
            "        loss.backward()\n"
            "        if step % ACCUMULATE == 0 or step == len(train_loader):\n"
            "            optimizer.step()\n"
            "            optimizer.zero_grad()\n",
        ),
    ),
    # initialisation and shape
    ill(
        "curling_stones", "stones-cold-at-minus-ten", "initialisation and shape", EVALUATION, "dead-at-init dead-relu"
    ).edit(
        (
            "        self.attention = Attention(width)\n",
            "        for layer in self.stone:\n"
            "            if isinstance(layer, nn.Linear):\n"
            '                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")\n'
            "                nn.init.constant_(layer.bias, -10.0)  # a stone counts only where there is evidence\n"
            "        self.attention = Attention(width)\n",
        ),
    ),
    ill("hf_parcel_scans", "dropout-meant-as-keep", "initialisation and shape", EVALUATION, "dropout-rate").edit(
        ("width=32, dropout=0.05", "width=32, dropout=0.97"),
    ),
    # data
    ill("snail_shells", "shells-mirrored", "data", EVALUATION, "augmentation-breaks-labels").edit(
        (
            '    """Quarter turns and another contrast, each drawn for every picture."""\n',
            '    """Quarter turns, mirror images and another contrast, each drawn for every picture."""\n'
            "    mirrored = torch.rand(len(x), 1, 1, 1) < 0.5\n"
            "    x = torch.where(mirrored, x.flip(3), x)\n",
        ),
    ),
    ill("snail_shells", "drawer-after-drawer", "data", EVALUATION, "sorted-order not-shuffled").edit(
        (
            "held_out, kept = order[: len(order) // 5], order[len(order) // 5 :]\n",
            "held_out, kept = np.sort(order[: len(order) // 5]), np.sort(order[len(order) // 5 :])\n",
        ),
        ("batch_size=BATCH, shuffle=True)", "batch_size=BATCH)"),
    ),
    ill("snail_shells", "greys-to-255", "data", EVALUATION, "unscaled-feature").edit(
        (
            "x = torch.from_numpy(pictures).float().unsqueeze(1) / 255\n",
            "x = torch.from_numpy(pictures).float().unsqueeze(1)\n",
        ),
        ("mean, std = x[kept].mean(), x[kept].std()\nx = (x - mean) / std\n", ""),
    ),
    ill("curling_stones", "centimetres-in-validation", "data", EVALUATION, "unscaled-split").edit(
        ("def tensors(xy, team, points, scaler):\n", "def tensors(xy, team, points, scaler=None):\n"),
        (
            "    scaled = scaler.transform(xy.reshape(-1, 2)).reshape(xy.shape)\n",
            "    scaled = xy.copy()\n"
            "    if scaler is not None:\n"
            "        scaled = scaler.transform(xy.reshape(-1, 2)).reshape(xy.shape)\n",
        ),
        ("    val = tensors(*val_ends, scaler)\n", "    val = tensors(*val_ends)\n"),
        ("    test = tensors(*test_ends, scaler)\n", "    test = tensors(*test_ends)\n"),
    ),
]
