"""Faults in programs about texts, tables, series and graphs."""

from bench.detection.program import CALIBRATION, Program, ill

OUTPUT, LOOP, SHAPE, DATA = "output and loss", "loop", "initialisation and shape", "data"
RATES = "rates and schedules"
ON_OUTPUT = "activation-on-output output-range"
TOO_HIGH = "rate-too-high update-ratio diverging oscillating loss-spike"
TOO_LOW = "rate-too-low update-ratio weights-not-moving"
ENDED = "schedule-mismatch rate-too-low weights-not-moving"
LARGE = "init-scale initial-loss exploding-gradient saturated-at-init"
OVERLAP = "overlap evaluated-on-training near-overlap duplicate-sample validation-identical validation-better"
BIKE_STEP = "            optimizer.step()\n            running += loss.item()\n        scheduler.step()\n"

SERIES_AND_GRAPHS: list[Program] = [
    ill("store_forecast", "horizon-against-batch", OUTPUT, CALIBRATION, "loss-broadcast").edit(
        ("        return self.out(h[:, :, -1])\n", "        return self.out(h[:, :, -1]).unsqueeze(1)\n"),
        ("error += (model(x, store) * s", "error += (model(x, store).squeeze(1) * s"),
    ),
    ill("store_forecast", "relu-on-scaled-sales", OUTPUT, CALIBRATION, f"{ON_OUTPUT} dead-relu").edit(
        (
            "        return self.out(h[:, :, -1])\n",
            "        return F.relu(self.out(h[:, :, -1]))\n",
        ),
    ),
    ill("store_forecast", "only-the-last-block", SHAPE, CALIBRATION, "unused-layer no-gradient").edit(
        ("            h = block(h)\n", "            out = block(h)\n"),
        ("self.out(h[:, :, -1])", "self.out(out[:, :, -1])"),
    ),
    ill("store_forecast", "normal-kernels", SHAPE, CALIBRATION, f"{LARGE} always-clipped").edit(
        (
            "        self.dropout = nn.Dropout(dropout)\n",
            "        self.dropout = nn.Dropout(dropout)\n        for conv in (self.conv1, self.conv2):\n"
            "            conv.weight.data.normal_()\n",
        ),
    ),
    ill("store_forecast", "logarithm-of-nothing", DATA, CALIBRATION, "non-finite non-finite-value missing-value").edit(
        (
            "    cut = int(0.8",
            "    sales[0, 300:303] = 0  # closed for works\n    sales = np.log(sales)\n    cut = int(0.8",
        ),
    ),
    ill("store_forecast", "one-cycle-per-epoch", RATES, CALIBRATION, ENDED).edit(
        ("                scheduler.step()\n            total", "            total"),
        (
            "    return total / count\n\n\ndef weighted",
            "    if training:\n        scheduler.step()\n    return total / count\n\n\ndef weighted",
        ),
    ),
    ill(
        "citation_graph", "nll-of-probabilities", OUTPUT, CALIBRATION, "nll-on-logits softmax-before-cross-entropy"
    ).edit(
        ("F.log_softmax(x, dim=1)", "F.softmax(x, dim=1)"),
    ),
    ill("citation_graph", "nll-of-logits", OUTPUT, CALIBRATION, "nll-on-logits").edit(
        ("        return F.log_softmax(x, dim=1)\n", "        return x\n"),
    ),
    ill("citation_graph", "loss-of-all-papers", DATA, CALIBRATION, OVERLAP).edit(
        (
            "    loss_train = F.nll_loss(output[idx_train], labels[idx_train])\n",
            "    loss_train = F.nll_loss(output, labels)\n",
        ),
        (
            "HIDDEN, DROPOUT, LR, WEIGHT_DECAY, EPOCHS = 32, 0.5,",
            "HIDDEN, DROPOUT, LR, WEIGHT_DECAY, EPOCHS = 64, 0.2,",
        ),
        ("5e-4, 100", "0.0, 150"),
    ),
    ill("citation_graph", "weights-not-parameters", LOOP, CALIBRATION, "layers-not-registered not-in-optimizer").edit(
        (
            "        self.weight = Parameter(torch.empty(in_features, out_features))\n",
            "        self.weight = torch.empty(in_features, out_features, requires_grad=True)\n",
        ),
    ),
    ill("citation_graph", "never-reset", SHAPE, CALIBRATION, "zero-init symmetric-init no-gradient dead-at-init").edit(
        ("Parameter(torch.empty(in_features, out_features))", "Parameter(torch.zeros(in_features, out_features))"),
        ("Parameter(torch.empty(out_features))", "Parameter(torch.zeros(out_features))"),
        ("        self.reset_parameters()\n", ""),
    ),
    ill(
        "citation_graph",
        "eight-layers",
        SHAPE,
        CALIBRATION,
        "rank-collapse vanishing-gradient init-scale ignores-input dead-at-init",
    ).edit(
        (
            "        self.gc2 = GraphConvolution(nhid, nclass)\n",
            "        self.middle = nn.ModuleList([GraphConvolution(nhid, nhid) for _ in range(8)])\n"
            "        self.gc2 = GraphConvolution(nhid, nclass)\n",
        ),
        (
            "        x = F.relu(self.gc1(x, adj))\n",
            "        x = F.relu(self.gc1(x, adj))\n        for layer in self.middle:\n"
            "            x = F.relu(layer(F.dropout(x, self.dropout, training=self.training), adj))\n",
        ),
    ),
    ill("citation_graph", "weight-decay-05", RATES, CALIBRATION, "regularisation-dominates").edit(
        ("0.02, 5e-4,", "0.02, 5e-1,"),
    ),
    ill("citation_graph", "states-through-numpy", LOOP, CALIBRATION, "detached-loss no-gradient").edit(
        (
            "        x = F.relu(self.gc1(x, adj))\n",
            "        x = torch.from_numpy(F.relu(self.gc1(x, adj)).detach().numpy())\n",
        ),
    ),
]

OLDER: list[Program] = [
    ill("wave_gru", "two-softmax", OUTPUT, CALIBRATION, "softmax-before-cross-entropy").edit(
        ("return self.head(states[:, -1])", "return self.head(states[:, -1]).softmax(dim=-1)"),
    ),
    ill("table_classes", "wrong-sign", OUTPUT, CALIBRATION, "negated-loss diverging").edit(
        (
            "loss = criterion(network(x_train[rows]), y_train[rows])\n",
            "picked = network(x_train[rows]).log_softmax(1).gather(1, y_train[rows, None])\n"
            "        loss = picked.mean()\n",
        ),
    ),
    ill("hf_questions", "weight-decay-10", RATES, CALIBRATION, "regularisation-dominates").edit(
        ("        weight_decay=0.01,\n", "        weight_decay=10,\n"),
    ),
    ill("film_ratings", "rate-1e-5", RATES, CALIBRATION, TOO_LOW).edit(("lr=1e-2)", "lr=1e-5)")),
    ill("demand_lstm", "schedule-per-batch", RATES, CALIBRATION, ENDED).edit(
        (
            "optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)\n",
            "optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)\n"
            "scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.5)\n",
        ),
        ("        optimizer.step()\n", "        optimizer.step()\n        scheduler.step()\n"),
    ),
    ill("char_transformer", "seeded-in-get-batch", LOOP, CALIBRATION, "same-batch overfitting memorised-labels").edit(
        (
            '    source = train_data if split == "train" else val_data\n',
            '    torch.manual_seed(seed)\n    source = train_data if split == "train" else val_data\n',
        ),
    ),
    ill(
        "lightning_wine",
        "manual-zeroed-before-step",
        LOOP,
        CALIBRATION,
        "gradient-zeroed-before-step weights-not-moving no-gradient",
    ).edit(
        (
            "        self.save_hyperparameters()\n",
            "        self.save_hyperparameters()\n        self.automatic_optimization = False\n",
        ),
        (
            "        loss = F.cross_entropy(self(x), y)\n",
            "        loss = F.cross_entropy(self(x), y)\n        optimizer = self.optimizers()\n"
            "        self.manual_backward(loss)\n        optimizer.zero_grad()\n        optimizer.step()\n",
        ),
        ("        return loss\n", ""),
    ),
]

PROGRAMS: list[Program] = [
    ill(
        "ticket_topics",
        "softmax-over-labels",
        OUTPUT,
        CALIBRATION,
        ON_OUTPUT,
    ).edit(
        ("        return self.fc(self.drop(h))\n", "        return torch.softmax(self.fc(self.drop(h)), dim=-1)\n"),
        ("criterion = nn.BCEWithLogitsLoss()", "criterion = nn.BCELoss()"),
        ("predicted.append(torch.sigmoid(logits) > 0.5)", "predicted.append(logits > 0.5)"),
    ),
    ill(
        "ticket_topics", "cross-entropy-of-topics", OUTPUT, CALIBRATION, "target-out-of-range loss-and-metric-disagree"
    ).edit(
        ("criterion = nn.BCEWithLogitsLoss()", "criterion = nn.CrossEntropyLoss()"),
    ),
    ill("ticket_topics", "directions-viewed", SHAPE, CALIBRATION, "swapped-axis batch-leak").edit(
        ("        h = torch.cat([h_n[0], h_n[1]], dim=1)\n", "        h = h_n.view(ids.size(0), -1)\n"),
    ),
    ill("ticket_topics", "state-after-padding", SHAPE, CALIBRATION, "ignores-input swapped-axis").edit(
        ("import pack_padded_sequence, pad_sequence", "import pack_padded_sequence, pad_packed_sequence, pad_sequence"),
        ("        _, h_n = self.gru(packed)\n", "        out, _ = self.gru(packed)\n"),
        (
            "        h = torch.cat([h_n[0], h_n[1]], dim=1)\n",
            "        h = pad_packed_sequence(out, batch_first=True)[0][:, -1]\n",
        ),
    ),
    ill(
        "ticket_topics",
        "step-after-the-loop",
        LOOP,
        CALIBRATION,
        "gradient-zeroed-before-step weights-not-moving",
    ).edit(
        (
            "        optimizer.step()\n        total += loss.item()\n    return",
            "        total += loss.item()\n    optimizer.step()\n    return",
        ),
    ),
    ill("ticket_topics", "no-zero-grad", LOOP, CALIBRATION, "gradient-accumulates").edit(
        ("        optimizer.zero_grad()\n", ""),
    ),
    ill(
        "ticket_topics",
        "vocabulary-per-split",
        DATA,
        CALIBRATION,
        "feature-drift train-eval-gap scaled-with-own-statistics",
    ).edit(
        (
            "val_loader = DataLoader(TicketDataset(val_tickets, vocab), batch",
            "val_vocab = Vocab(text for text, _ in val_tickets)\n"
            "val_loader = DataLoader(TicketDataset(val_tickets, val_vocab), batch",
        ),
    ),
    ill("ticket_topics", "rate-02", RATES, CALIBRATION, TOO_HIGH).edit(("lr=5e-3)", "lr=0.2)")),
    ill("bike_counts", "sigmoid-rate", OUTPUT, CALIBRATION, f"{ON_OUTPUT} saturated-unit initial-loss").edit(
        ("return self.log_rate(x).squeeze(1)", "return torch.sigmoid(self.log_rate(x)).squeeze(1)"),
    ),
    ill("bike_counts", "column-against-row", OUTPUT, CALIBRATION, "loss-broadcast").edit(
        ("return self.log_rate(x).squeeze(1)", "return self.log_rate(x)"),
    ),
    ill("bike_counts", "standardised-counts", DATA, CALIBRATION, "target-out-of-range output-range").edit(
        (
            'self.count = torch.tensor(table["count"], dtype=torch.float32)\n',
            'count = torch.tensor(table["count"], dtype=torch.float32)\n'
            "        self.mean, self.std = count.mean(), count.std()\n"
            "        self.count = (count - self.mean) / self.std\n",
        ),
        ("rates.append(out.exp())", "rates.append(out.exp() * loader.dataset.std + loader.dataset.mean)"),
        ("counts.append(count)", "counts.append((count * loader.dataset.std + loader.dataset.mean).clamp(min=0))"),
    ),
    ill("bike_counts", "best-weights-aliased", LOOP, CALIBRATION, "aliased-checkpoint").edit(
        ("self.weights = {k: v.clone() for k, v in model.state_dict().items()}", "self.weights = model.state_dict()"),
        ('"--lr", type=float, default=3e-3', '"--lr", type=float, default=2e-2'),
        ("gamma=0.85", "gamma=1.0"),
    ),
    ill("bike_counts", "sum-of-its-parts", DATA, CALIBRATION, "leaking-feature").edit(
        (
            'NUMERIC = ["temperature", "humidity", "wind"]',
            'NUMERIC = ["temperature", "humidity", "wind", "casual", "registered"]',
        ),
    ),
    ill("bike_counts", "schedule-per-batch", RATES, CALIBRATION, ENDED).edit(
        (
            BIKE_STEP,
            "            optimizer.step()\n            scheduler.step()\n            running += loss.item()\n",
        ),
    ),
    ill("bike_counts", "no-nonlinearity", SHAPE, CALIBRATION, "no-nonlinearity").edit(
        ("x = self.drop(torch.relu(self.fc1(x)))", "x = self.drop(self.fc1(x))"),
        ("x = torch.relu(self.fc2(x))", "x = self.fc2(x)"),
    ),
    *SERIES_AND_GRAPHS,
    *OLDER,
]
