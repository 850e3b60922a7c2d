"""Faults in programs about words, graphs, sets, recommendations and tables."""

from bench.detection.program import CALIBRATION, Program, ill

OUTPUT, LOOP, SHAPE, DATA = "output and loss", "loop", "initialisation and shape", "data"
RATES = "rates and schedules"
TOO_HIGH = "rate-too-high update-ratio diverging oscillating loss-spike exploding-gradient dead-relu"
LARGE = "init-scale initial-loss exploding-gradient saturated-at-init saturated-unit always-clipped"
UNRELATED = "unrelated-labels conflicting-label memorised-labels not-learning"

NAMES: list[Program] = [
    ill("name_origins", "hidden-detached-each-letter", LOOP, CALIBRATION, "detached-loss no-gradient").edit(
        (
            "            combined = torch.cat((letter, hidden), 1)\n",
            "            hidden = hidden.detach()\n            combined = torch.cat((letter, hidden), 1)\n",
        ),
    ),
    ill("name_origins", "letters-first-by-view", SHAPE, CALIBRATION, "swapped-axis batch-leak unrelated-labels").edit(
        (
            "    tensor = torch.zeros(longest, len(names), n_letters)\n",
            "    tensor = torch.zeros(len(names), longest, n_letters)\n",
        ),
        (
            "            tensor[i, j, all_letters.find(letter)] = 1\n    return tensor\n",
            "            tensor[j, i, all_letters.find(letter)] = 1\n    return tensor.view(longest, len(names), n_letters)\n",
        ),
    ),
    ill("name_origins", "all-normal", SHAPE, CALIBRATION, LARGE).edit(
        (
            "rnn = RNN(n_letters, n_hidden, n_categories)\n",
            "rnn = RNN(n_letters, n_hidden, n_categories)\nfor p in rnn.parameters():\n    nn.init.normal_(p)\n",
        ),
    ),
    ill("name_origins", "one-origin-after-another", DATA, CALIBRATION, "sorted-order not-shuffled").edit(
        (
            "train_pairs, test_pairs = pairs[:1800], pairs[1800:]\n",
            "train_pairs, test_pairs = sorted(pairs[:1800], key=lambda pair: pair[1]), pairs[1800:]\n",
        ),
        ("    random.shuffle(train_pairs)\n", ""),
    ),
    ill(
        "name_origins",
        "rate-shrinks-each-batch",
        RATES,
        CALIBRATION,
        "schedule-mismatch rate-too-low weights-not-moving update-ratio",
    ).edit(
        ("    learning_rate *= 0.93\n", ""),
        (
            "batch_to_tensor(names))\n    test_loss",
            "batch_to_tensor(names))\n        learning_rate *= 0.93\n    test_loss",
        ),
    ),
]

MOLECULES: list[Program] = [
    ill("molecule_graphs", "softplus-of-standardised", OUTPUT, CALIBRATION, "activation-on-output output-range").edit(
        ("return self.readout(pooled).squeeze(-1)", "return F.softplus(self.readout(pooled)).squeeze(-1)"),
    ),
    ill("molecule_graphs", "targets-a-column", OUTPUT, CALIBRATION, "loss-broadcast").edit(
        ('"y": torch.tensor(ys, dtype=torch.float32),', '"y": torch.tensor(ys, dtype=torch.float32).unsqueeze(1),'),
        ('(model(batch) - batch["y"]).abs()', '(model(batch) - batch["y"].squeeze(1)).abs()'),
    ),
    ill("molecule_graphs", "edges-not-moved", SHAPE, CALIBRATION, "batch-leak").edit(
        ("        edge_lists.append(edges + offset)\n", "        edge_lists.append(edges)\n"),
    ),
    ill("molecule_graphs", "graphs-sorted-alone", DATA, CALIBRATION, UNRELATED).edit(
        (
            "    split = 1200\n",
            "    graphs.sort(key=lambda graph: len(graph[0]))  # less padding work per batch\n"
            "    order = rng.permutation(len(graphs))\n    graphs = [graphs[i] for i in order]\n"
            "    targets = targets[order]\n    split = 1200\n",
        ),
    ),
    ill("molecule_graphs", "validated-with-dropout", LOOP, CALIBRATION, "validated-in-train-mode").edit(
        ("    model.eval()\n", ""),
        (
            "model = MoleculeNet(args.hidden, args.layers)",
            "model = MoleculeNet(args.hidden, args.layers, dropout=0.25)",
        ),
    ),
    ill("molecule_graphs", "grads-never-cleared", LOOP, CALIBRATION, "gradient-accumulates").edit(
        ("        optimizer.zero_grad(set_to_none=True)\n", ""),
    ),
]

CELLS: list[Program] = [
    ill("cell_bags", "likelihood-not-negated", OUTPUT, CALIBRATION, "negated-loss diverging").edit(
        ("neg_log_likelihood = -1.0 * (y * torch", "neg_log_likelihood = (y * torch"),
    ),
    ill(
        "cell_bags",
        "attention-over-wrong-axis",
        OUTPUT,
        CALIBRATION,
        "softmax-axis softmax-one-unit no-gradient unused-layer",
    ).edit(
        ("        A = torch.transpose(A, 1, 0)  # 1 x cells\n", ""),
        ("        Z = torch.mm(A, H)  # 1 x M\n", "        Z = torch.mm(A.t(), H)  # 1 x M\n"),
    ),
    ill(
        "cell_bags",
        "zeroed-at-each-bag",
        LOOP,
        CALIBRATION,
        "gradient-zeroed-before-step batch-too-small noisy-gradient",
    ).edit(
        (
            "        (loss / bags_per_step).backward()\n",
            "        optimizer.zero_grad()\n        (loss / bags_per_step).backward()\n",
        ),
        ("            optimizer.step()\n            optimizer.zero_grad()\n", "            optimizer.step()\n"),
        ("    optimizer.zero_grad()\n    for count", "    for count"),
    ),
    ill(
        "cell_bags",
        "measurements-as-they-are",
        DATA,
        CALIBRATION,
        "unscaled-feature mixed-scales init-scale initial-loss exploding-gradient saturated-at-init saturated-unit",
    ).edit(
        ("        self.bags = [(bag - scale[0]) / scale[1] for bag in self.bags]\n", ""),
    ),
    ill("cell_bags", "rate-01", RATES, CALIBRATION, TOO_HIGH).edit(("lr=2e-3, betas", "lr=0.1, betas")),
]

RECIPES: list[Program] = [
    ill("recipe_towers", "times-temperature", OUTPUT, CALIBRATION, "output-range").edit(
        ("self.recipes(recipes).T / self.temperature", "self.recipes(recipes).T * self.temperature"),
    ),
    ill("recipe_towers", "optimizer-of-cooks", LOOP, CALIBRATION, "not-in-optimizer").edit(
        ("AdamW(model.parameters(), lr", "AdamW(model.cooks.parameters(), lr"),
    ),
    ill("recipe_towers", "trained-on-held-out", DATA, CALIBRATION, "overlap evaluated-on-training near-overlap").edit(
        ("for recipe in cooked[:-2]]", "for recipe in cooked]"),
        (
            "        self.seen[self.train[:, 0], self.train[:, 1]] = True\n",
            "        self.seen[self.train[:, 0], self.train[:, 1]] = True\n"
            "        self.seen[self.held_out[:, 0], self.held_out[:, 1]] = False\n",
        ),
    ),
    ill(
        "recipe_towers", "sgd-at-the-rate-of-adam", RATES, CALIBRATION, "rate-too-low update-ratio weights-not-moving"
    ).edit(
        ("torch.optim.AdamW(model", "torch.optim.SGD(model"),
    ),
]

REPORTS: list[Program] = [
    ill(
        "hf_reports",
        "own-loss-not-shifted",
        OUTPUT,
        CALIBRATION,
        "future-leak leaking-feature loss-and-metric-disagree",
    ).edit(
        (
            "config = GPT2Config(\n",
            "class SmoothTrainer(Trainer):\n"
            "    def compute_loss(self, model, inputs, return_outputs=False, **kwargs):\n"
            '        labels = inputs.pop("labels")\n        outputs = model(**inputs)\n'
            "        logits = outputs.logits\n"
            "        loss = cross_entropy(logits.view(-1, logits.size(-1)), labels.view(-1), label_smoothing=0.02)\n"
            "        return (loss, outputs) if return_outputs else loss\n\n\n"
            "config = GPT2Config(\n",
        ),
        (
            "from torch.utils.data import Dataset\n",
            "from torch.nn.functional import cross_entropy\nfrom torch.utils.data import Dataset\n",
        ),
        ("    trainer = Trainer(\n", "    trainer = SmoothTrainer(\n"),
    ),
    ill(
        "hf_reports", "model-built-twice", LOOP, CALIBRATION, "stale-optimizer not-in-optimizer weights-not-moving"
    ).edit(
        (
            "model = GPT2LMHeadModel(config)\n",
            "model = GPT2LMHeadModel(config)\n"
            "optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.01)\n"
            "config.resid_pdrop = config.embd_pdrop = 0.0  # far too little text to need it\n"
            "model = GPT2LMHeadModel(config)\n",
        ),
        ("        data_collator=collate,\n", "        data_collator=collate,\n        optimizers=(optimizer, None),\n"),
    ),
]

OLDER: list[Program] = [
    ill("cancer_binary", "hinge-of-0-and-1", OUTPUT, CALIBRATION, "target-out-of-range").edit(
        (
            "def main():\n",
            "def criterion(scores, y):\n    return torch.relu(1 - y * scores).mean()\n\n\ndef main():\n",
        ),
        ("    criterion = nn.BCEWithLogitsLoss()\n", ""),
    ),
    ill("film_ratings", "factors-as-they-come", SHAPE, CALIBRATION, "init-scale initial-loss").edit(
        (
            "        for table in (self.users, self.films):\n            nn.init.normal_(table.weight, std=0.2)\n",
            "",
        ),
        ("def __init__(self, dim=6):", "def __init__(self, dim=24):"),
    ),
    ill("house_prices", "unknown-area-999999", DATA, CALIBRATION, "outlier-sample missing-value unscaled-feature").edit(
        (
            "x, price = make_houses(3000)\n",
            "x, price = make_houses(3000)\nx[rng.random(len(x)) < 0.01, 0] = 999_999  # not on file\n",
        ),
    ),
]

PROGRAMS: list[Program] = [*NAMES, *MOLECULES, *CELLS, *RECIPES, *REPORTS, *OLDER]
