"""Faults where the network's output meets the loss."""

from bench.detection.program import CALIBRATION, Program, ill

GROUP = "output and loss"
OUTPUT = "activation-on-output output-range"
DIGITS_OUT = "    nn.Linear(64, 10),\n)"
BCE = ("criterion = nn.BCEWithLogitsLoss()", "criterion = nn.BCELoss()")

PROGRAMS: list[Program] = [
    ill("cancer_binary", "one-unit-softmax", GROUP, CALIBRATION, "softmax-one-unit ignores-input no-gradient").edit(
        ("return self.out(self.body(x))", "return torch.softmax(self.out(self.body(x)), dim=1)"),
        ("logits.squeeze(1) > 0)", "logits.squeeze(1) > 0.5)"),
        BCE,
    ),
    ill("keras_digits", "one-unit-softmax", GROUP, CALIBRATION, "softmax-one-unit ignores-input no-gradient").edit(
        ("y = digits.target\n", 'y = (digits.target % 2).astype("float32")\n'),
        ("layers.Dense(10)", 'layers.Dense(1, activation="softmax")'),
        ("keras.losses.SparseCategoricalCrossentropy(from_logits=True)", "keras.losses.BinaryCrossentropy()"),
    ),
    ill("digits_mlp", "relu-on-logits", GROUP, CALIBRATION, OUTPUT).edit(
        (DIGITS_OUT, "    nn.Linear(64, 10),\n    nn.ReLU(),\n)"),
    ),
    ill("wave_gru", "relu-on-logits", GROUP, CALIBRATION, OUTPUT).edit(
        ("return self.head(states[:, -1])", "return torch.relu(self.head(states[:, -1]))"),
    ),
    ill("house_prices", "sigmoid-output", GROUP, CALIBRATION, OUTPUT).edit(
        ("nn.Linear(64, 1))", "nn.Linear(64, 1), nn.Sigmoid())"),
    ),
    ill("demand_lstm", "sigmoid-output", GROUP, CALIBRATION, OUTPUT).edit(
        ("return self.readout(h[-1])[:, 0]", "return torch.sigmoid(self.readout(h[-1])[:, 0])"),
    ),
    ill("review_bag", "two-softmax", GROUP, CALIBRATION, "softmax-before-cross-entropy").edit(
        ("return self.fc2(hidden)", "return F.softmax(self.fc2(hidden), dim=1)"),
    ),
    ill("keras_digits", "two-softmax", GROUP, CALIBRATION, "softmax-before-cross-entropy").edit(
        ("layers.Dense(10)", 'layers.Dense(10, activation="softmax")'),
    ),
    ill("lightning_wine", "two-softmax", GROUP, CALIBRATION, "softmax-before-cross-entropy").edit(
        ("return self.classifier(self.encoder(x))", "return self.classifier(self.encoder(x)).softmax(dim=-1)"),
    ),
    ill("digits_cnn", "two-softmax", GROUP, CALIBRATION, "softmax-before-cross-entropy").edit(
        ("return self.fc2(x)", "return torch.softmax(self.fc2(x), dim=1)"),
    ),
    ill("digits_cnn", "nll-of-logits", GROUP, CALIBRATION, "nll-on-logits").edit(
        ("loss = F.cross_entropy(logits, y)", "loss = F.nll_loss(logits, y)"),
        ("return F.cross_entropy(logits, y_val)", "return F.nll_loss(logits, y_val)"),
    ),
    ill("table_classes", "nll-of-logits", GROUP, CALIBRATION, "nll-on-logits").edit(
        ("criterion = nn.CrossEntropyLoss()", "criterion = nn.NLLLoss()"),
    ),
    ill("shapes_unet", "two-sigmoids", GROUP, CALIBRATION, "sigmoid-before-bce-with-logits").edit(
        ("return self.out(e)", "return torch.sigmoid(self.out(e))"),
        ("logits > 0, masks", "logits > 0.5, masks"),
    ),
    ill("cancer_binary", "two-sigmoids", GROUP, CALIBRATION, "sigmoid-before-bce-with-logits").edit(
        ("return self.out(self.body(x))", "return torch.sigmoid(self.out(self.body(x)))"),
        ("logits.squeeze(1) > 0)", "logits.squeeze(1) > 0.5)"),
    ),
    ill("digits_mlp", "softmax-over-batch", GROUP, CALIBRATION, "softmax-axis batch-leak").edit(
        (DIGITS_OUT, "    nn.Linear(64, 10),\n    nn.LogSoftmax(dim=0),\n)"),
        ("nn.CrossEntropyLoss()", "nn.NLLLoss()"),
    ),
    ill("wave_gru", "softmax-over-batch", GROUP, CALIBRATION, "softmax-axis batch-leak").edit(
        ("return self.head(states[:, -1])", "return F.log_softmax(self.head(states[:, -1]), 0)"),
        ("loss = F.cross_entropy(scores, kinds)\n", "loss = F.nll_loss(scores, kinds)\n"),
        ("val_loss += F.cross_entropy(scores, kinds)", "val_loss += F.nll_loss(scores, kinds)"),
    ),
    ill("house_prices", "broadcast", GROUP, CALIBRATION, "loss-broadcast").edit(
        ("prediction = model(inputs).squeeze(1)", "prediction = model(inputs)"),
        ("prediction = model(inputs_val).squeeze(1)", "prediction = model(inputs_val)"),
    ),
    ill("demand_lstm", "broadcast", GROUP, CALIBRATION, "loss-broadcast").edit(
        ("return self.readout(h[-1])[:, 0]", "return self.readout(h[-1])"),
    ),
    ill("char_transformer", "wrong-sign", GROUP, CALIBRATION, "negated-loss").edit(
        (
            "loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))",
            "loss = F.log_softmax(logits, dim=-1).gather(2, targets.unsqueeze(2)).mean()",
        ),
    ),
    ill("digits_contrastive", "wrong-sign", GROUP, CALIBRATION, "negated-loss").edit(
        (
            "return F.cross_entropy(similarity, partner)",
            "return similarity.log_softmax(1)[torch.arange(len(z)), partner].mean()",
        ),
    ),
    ill(
        "table_classes",
        "class-number-regressed",
        GROUP,
        CALIBRATION,
        "target-out-of-range loss-and-metric-disagree worse-than-simple-baseline",
    ).edit(
        ("self.output = nn.Linear(width, 5)", "self.output = nn.Linear(width, 1)"),
        ("return self.output(h2)", "return self.output(h2).squeeze(1)"),
        ("criterion = nn.CrossEntropyLoss()", "criterion = nn.MSELoss()"),
        (
            "criterion(network(x_train[rows]), y_train[rows])",
            "criterion(network(x_train[rows]), y_train[rows].float())",
        ),
        ("(scores.argmax(1) == y_val)", "(scores.round() == y_val)"),
    ),
    ill(
        "review_bag",
        "class-number-regressed",
        GROUP,
        CALIBRATION,
        "target-out-of-range loss-and-metric-disagree worse-than-simple-baseline",
    ).edit(
        ("self.fc2 = nn.Linear(32, classes)", "self.fc2 = nn.Linear(32, 1)"),
        ("loss = F.cross_entropy(output, target)", "loss = F.mse_loss(output, target.float().unsqueeze(1))"),
        ("val_loss += F.cross_entropy(output, target)", "val_loss += F.mse_loss(output, target.float().unsqueeze(1))"),
    ),
    ill("digits_mlp", "clipped-loss", GROUP, CALIBRATION, "clipped-loss no-gradient").edit(
        ("loss = criterion(output, y)\n", "loss = torch.clamp(criterion(output, y), max=1.0)\n"),
    ),
    ill("review_bag", "clipped-loss", GROUP, CALIBRATION, "clipped-loss no-gradient").edit(
        ("loss = F.cross_entropy(output, target)\n", "loss = F.cross_entropy(output, target).clamp(0, 1)\n"),
    ),
    ill(
        "digits_cnn",
        "summed-loss",
        GROUP,
        CALIBRATION,
        "summed-loss rate-too-high exploding-gradient diverging non-finite",
    ).edit(
        ("loss = F.cross_entropy(logits, y)", 'loss = F.cross_entropy(logits, y, reduction="sum")'),
    ),
    ill(
        "table_classes",
        "summed-loss",
        GROUP,
        CALIBRATION,
        "summed-loss rate-too-high exploding-gradient diverging non-finite",
    ).edit(
        ("criterion = nn.CrossEntropyLoss()", 'criterion = nn.CrossEntropyLoss(reduction="sum")'),
    ),
]
