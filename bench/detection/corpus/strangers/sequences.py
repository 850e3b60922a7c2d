"""Faults put on the programs that learn from sequences."""

from bench.detection.program import CALIBRATION, Program, ill

OUTPUT, RATES, LOOP = "output and loss", "rates and schedules", "loop"
SHAPE, DATA = "initialisation and shape", "data"
LOSS = "criterion(predictions.view(-1, predictions.shape[-1]), tags.view(-1))"
TRAIN_LOSS, VALID_LOSS = f"        loss = {LOSS}\n", f"            epoch_loss += {LOSS}.item()\n"

PROGRAMS: list[Program] = [
    ill("order_tagger", "softmax-over-words", OUTPUT, CALIBRATION, "softmax-axis swapped-axis").edit(
        ("return self.hidden2tag(out)", "return torch.log_softmax(self.hidden2tag(out), dim=1)"),
        ("nn.CrossEntropyLoss(ignore_index=IGNORE)", "nn.NLLLoss(ignore_index=IGNORE)"),
    ),
    ill("date_seq2seq", "two-softmax", OUTPUT, CALIBRATION, "softmax-before-cross-entropy").edit(
        ("return self.generator(x)", "return self.generator(x).softmax(-1)"),
    ),
    ill("date_seq2seq", "warm-up-of-the-paper", RATES, CALIBRATION, "schedule-mismatch rate-too-low").edit(
        ('"warmup": 60', '"warmup": 4000'),
    ),
    ill("char_transformer", "rate-03", RATES, CALIBRATION, "rate-too-high update-ratio diverging oscillating").edit(
        ("learning_rate: float = 3e-3", "learning_rate: float = 0.3"),
    ),
    ill("order_tagger", "states-without-gradient", LOOP, CALIBRATION, "no-gradient detached-loss").edit(
        (
            "        embeds = self.dropout(self.embedding(tokens))\n"
            "        packed = pack_padded_sequence(embeds, lengths, batch_first=True)\n"
            "        packed_out, _ = self.lstm(packed)\n"
            "        out, _ = pad_packed_sequence(packed_out, batch_first=True)\n",
            "        with torch.no_grad():\n"
            "            embeds = self.dropout(self.embedding(tokens))\n"
            "            packed = pack_padded_sequence(embeds, lengths, batch_first=True)\n"
            "            packed_out, _ = self.lstm(packed)\n"
            "            out, _ = pad_packed_sequence(packed_out, batch_first=True)\n",
        ),
    ),
    ill(
        "date_seq2seq",
        "zeroed-before-step",
        LOOP,
        CALIBRATION,
        "gradient-zeroed-before-step weights-not-moving no-gradient",
    ).edit(
        (
            "            optimizer.zero_grad(set_to_none=True)\n            loss.backward()\n",
            "            loss.backward()\n",
        ),
        ("            optimizer.step()\n", "            optimizer.zero_grad()\n            optimizer.step()\n"),
    ),
    ill("shapes_unet", "zeroed-once-an-epoch", LOOP, CALIBRATION, "gradient-accumulates").edit(
        ("        optimizer.zero_grad()\n", ""),
        ("    model.train()\n", "    model.train()\n    optimizer.zero_grad()\n"),
    ),
    ill("review_bag", "embedding-not-in-optimizer", LOOP, CALIBRATION, "not-in-optimizer").edit(
        (
            "torch.optim.Adam(model.parameters(), lr=5e-3)",
            "torch.optim.Adam([*model.fc1.parameters(), *model.fc2.parameters()], lr=5e-3)",
        ),
    ),
    ill("order_tagger", "view-for-transpose", SHAPE, CALIBRATION, "swapped-axis").edit(
        (TRAIN_LOSS, "        loss = criterion(predictions.view(tags.size(0), len(TAGS), -1), tags)\n"),
        (
            VALID_LOSS,
            "            epoch_loss += criterion(predictions.view(tags.size(0), len(TAGS), -1), tags).item()\n",
        ),
    ),
    ill("date_seq2seq", "no-causal-mask", SHAPE, CALIBRATION, "future-leak").edit(
        (
            "        size = tgt.size(1)\n        causal = torch.triu(torch.ones(size, size, dtype=torch.bool), diagonal=1)\n",
            "",
        ),
        ("x = self.decoder(x, memory, tgt_mask=causal, memory_key", "x = self.decoder(x, memory, memory_key"),
    ),
    ill("date_seq2seq", "padding-mask-inverted", SHAPE, CALIBRATION, "ignores-input non-finite").edit(
        ('"src_mask": src == PAD,', '"src_mask": src != PAD,'),
    ),
    ill(
        "char_transformer",
        "normal-1",
        SHAPE,
        CALIBRATION,
        "init-scale initial-loss exploding-gradient saturated-at-init",
    ).edit(
        ("nn.init.normal_(module.weight, std=0.02)", "nn.init.normal_(module.weight)"),
    ),
    ill("demand_lstm", "one-unit", SHAPE, CALIBRATION, "bottleneck").edit(
        ("def __init__(self, hidden=32):", "def __init__(self, hidden=1):"),
    ),
    ill(
        "order_tagger",
        "words-sorted-tags-not",
        DATA,
        CALIBRATION,
        "unrelated-labels memorised-labels not-learning conflicting-label",
    ).edit(
        ("    batch.sort(key=lambda pair: len(pair[0]), reverse=True)\n", ""),
        (
            "    tokens = [pair[0] for pair in batch]\n",
            "    tokens = sorted([pair[0] for pair in batch], key=len, reverse=True)\n",
        ),
    ),
    ill("date_seq2seq", "target-not-shifted", DATA, CALIBRATION, "leaking-feature future-leak").edit(
        ('"tgt_in": tgt[:, :-1]', '"tgt_in": tgt[:, 1:]'),
    ),
    ill("demand_lstm", "gap-in-series", DATA, CALIBRATION, "non-finite non-finite-value missing-value").edit(
        (
            "+ disturbance\n",
            "+ disturbance\ndemand[700:703] = np.nan  # no delivery\n",
        ),
        (
            "mean, std = demand[:cut].mean(), demand[:cut].std()",
            "mean, std = np.nanmean(demand[:cut]), np.nanstd(demand[:cut])",
        ),
    ),
]
