"""Faults in programs about words, graphs, sets, recommendations and tables."""

from bench.detection.program import EVALUATION, Program, ill

OUTPUT, LOOP, SHAPE, DATA = "output and loss", "loop", "initialisation and shape", "data"
RATES = "rates and schedules"
TOO_HIGH = "rate-too-high update-ratio diverging oscillating loss-spike exploding-gradient dead-relu"
LARGE = "init-scale initial-loss exploding-gradient saturated-at-init saturated-unit always-clipped"
UNRELATED = "unrelated-labels conflicting-label memorised-labels not-learning"

NAMES: list[Program] = [
    ill("name_origins", "hidden-detached-each-letter", LOOP, EVALUATION, "detached-loss no-gradient").edit(
        (
            "            combined = torch.cat((letter, hidden), 1)\n",
            "            hidden = hidden.detach()\n            combined = torch.cat((letter, hidden), 1)\n",
        ),
    ),
    ill("name_origins", "letters-first-by-view", SHAPE, EVALUATION, "swapped-axis batch-leak unrelated-labels").edit(
        (
            "    tensor = torch.zeros(longest, len(names), n_letters)\n",
            "    tensor = torch.zeros(len(names), longest, n_letters)\n",
        ),
        (
            "            tensor[i, j, all_letters.find(letter)] = 1\n    return tensor\n",
            "            tensor[j, i, all_letters.find(letter)] = 1\n    return tensor.view(longest, len(names), n_letters)\n",
        ),
    ),
    ill("name_origins", "all-normal", SHAPE, EVALUATION, LARGE).edit(
        (
            "rnn = RNN(n_letters, n_hidden, n_categories)\n",
            "rnn = RNN(n_letters, n_hidden, n_categories)\nfor p in rnn.parameters():\n    nn.init.normal_(p)\n",
        ),
    ),
    ill("name_origins", "one-origin-after-another", DATA, EVALUATION, "sorted-order not-shuffled").edit(
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
        EVALUATION,
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
    ill("molecule_graphs", "softplus-of-standardised", OUTPUT, EVALUATION, "activation-on-output output-range").edit(
        ("return self.readout(pooled).squeeze(-1)", "return F.softplus(self.readout(pooled)).squeeze(-1)"),
    ),
    ill("molecule_graphs", "targets-a-column", OUTPUT, EVALUATION, "loss-broadcast").edit(
        ('"y": torch.tensor(ys, dtype=torch.float32),', '"y": torch.tensor(ys, dtype=torch.float32).unsqueeze(1),'),
        ('(model(batch) - batch["y"]).abs()', '(model(batch) - batch["y"].squeeze(1)).abs()'),
    ),
    ill("molecule_graphs", "edges-not-moved", SHAPE, EVALUATION, "batch-leak").edit(
        ("        edge_lists.append(edges + offset)\n", "        edge_lists.append(edges)\n"),
    ),
    ill("molecule_graphs", "graphs-sorted-alone", DATA, EVALUATION, UNRELATED).edit(
        (
            "    split = 1200\n",
            "    graphs.sort(key=lambda graph: len(graph[0]))  # less padding work per batch\n"
            "    order = rng.permutation(len(graphs))\n    graphs = [graphs[i] for i in order]\n"
            "    targets = targets[order]\n    split = 1200\n",
        ),
    ),
    ill("molecule_graphs", "validated-with-dropout", LOOP, EVALUATION, "validated-in-train-mode").edit(
        ("    model.eval()\n", ""),
        (
            "model = MoleculeNet(args.hidden, args.layers)",
            "model = MoleculeNet(args.hidden, args.layers, dropout=0.25)",
        ),
    ),
    ill("molecule_graphs", "grads-never-cleared", LOOP, EVALUATION, "gradient-accumulates").edit(
        ("        optimizer.zero_grad(set_to_none=True)\n", ""),
    ),
    ill("molecule_graphs", "rate-a-third", RATES, EVALUATION, TOO_HIGH).edit(
        ('"--lr", type=float, default=2e-3)', '"--lr", type=float, default=0.3)'),
    ),
]

PROGRAMS: list[Program] = [*NAMES, *MOLECULES]
