"""More healthy programs that look odd but are right: losses, loops, averages and optimizers as people write them."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("hf_questions", "two-passes-that-agree", CALIBRATION).edit(
        ("import torch\n", "import torch\nimport torch.nn.functional as F\n"),
        (
            "with tempfile.TemporaryDirectory() as folder:\n",
            "class TwoPassTrainer(Trainer):\n"
            '    """Two passes with different dropout; their answers are drawn together (R-Drop)."""\n\n'
            "    def compute_loss(self, model, inputs, return_outputs=False, **kwargs):\n"
            "        first = model(**inputs)\n        loss = first.loss\n        if model.training:\n"
            "            second = model(**inputs)\n"
            "            p, q = F.log_softmax(first.logits, -1), F.log_softmax(second.logits, -1)\n"
            '            there = F.kl_div(p, q, log_target=True, reduction="batchmean")\n'
            '            back = F.kl_div(q, p, log_target=True, reduction="batchmean")\n'
            "            loss = first.loss + second.loss + 0.5 * (there + back)\n"
            "        return (loss, first) if return_outputs else loss\n\n\n"
            "with tempfile.TemporaryDirectory() as folder:\n",
        ),
        ("trainer = Trainer(", "trainer = TwoPassTrainer("),
    ),
    well("lightning_clips", "running-mean-of-weights-is-judged", CALIBRATION).edit(
        (
            "from torch import nn\n",
            "from torch import nn\nfrom torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn\n",
        ),
        (
            "        self.net = GestureNet(n_classes)\n",
            "        self.net = GestureNet(n_classes)\n"
            "        self.smoothed = AveragedModel(self.net, multi_avg_fn=get_ema_multi_avg_fn(0.96))\n",
        ),
        (
            "    def validation_step(",
            "    def on_train_batch_end(self, outputs, batch, batch_idx):\n"
            "        self.smoothed.update_parameters(self.net)\n\n    def validation_step(",
        ),
        ("        logits = self(clips)\n", "        logits = self.smoothed(clips)\n"),
        ("Adam(self.parameters()", "Adam(self.net.parameters()"),
        (
            '{name.removeprefix("net."): value for name, value in state.items() if name.startswith("net.")}',
            '{k.removeprefix("smoothed.module."): v for k, v in state.items() if k.startswith("smoothed.module.")}',
        ),
    ),
    well("keras_trips", "gamma-likelihood-of-exponential", CALIBRATION).edit(
        ("from keras import layers\n", "from keras import layers, ops\n"),
        (
            "def build_model():\n",
            "def gamma_deviance(y_true, y_pred):\n"
            '    """Long trips scatter more: the likelihood of a gamma distribution around the prediction."""\n'
            "    return ops.mean(ops.log(y_pred) + y_true / y_pred, axis=-1)\n\n\ndef build_model():\n",
        ),
        (
            'layers.Dense(1, name="minutes")(x)',
            "layers.Dense(\n"
            "        1,\n"
            '        activation="exponential",\n'
            "        bias_initializer=keras.initializers.Constant(float(np.log(y_train.mean()))),\n"
            '        name="minutes",\n'
            "    )(x)",
        ),
        ('loss="mse"', "loss=gamma_deviance"),
    ),
    well("keras_echoes", "nudged-copies-beside-the-clean", CALIBRATION).edit(
        (
            "        self.zero_grad()\n        y_pred = self(x, training=True)\n",
            "        x = x.clone().requires_grad_(True)\n"
            "        self.compute_loss(x=x, y=y, y_pred=self(x, training=True)).backward()\n"
            "        nudged = x.detach() + 0.03 * x.grad.sign()  # the direction that confuses it most\n"
            "        x, y = torch.cat([x.detach(), nudged]), torch.cat([y, y])\n"
            "        self.zero_grad()\n        y_pred = self(x, training=True)\n",
        ),
    ),
    well("dna_binding", "slope-at-the-letters-penalised", CALIBRATION).edit(
        (
            "            loss = self.loss_fn(self.net(x), y)\n",
            "            x.requires_grad_()\n            scores = self.net(x)\n"
            "            (slope,) = torch.autograd.grad(scores.sum(), x, create_graph=True)\n"
            "            loss = self.loss_fn(scores, y) + 0.003 * slope.square().sum(dim=(1, 2)).mean()\n",
        ),
    ),
    well("clock_hours", "hardest-three-quarters-count", CALIBRATION).edit(
        (
            "        loss = F.nll_loss(output, target)\n",
            '        losses = F.nll_loss(output, target, reduction="none")\n'
            "        loss = losses.topk(3 * len(losses) // 4).values.mean()  # the easy ones teach nothing any more\n",
        ),
    ),
    well("date_seq2seq", "reads-its-own-guesses-more-and-more", CALIBRATION).edit(
        (
            "            logits = model(batch)\n            loss = compute_loss",
            "            with torch.no_grad():  # scheduled sampling\n                guess = model(batch).argmax(-1)\n"
            '            guess = torch.cat([batch["tgt_in"][:, :1], guess[:, :-1]], dim=1)\n'
            "            own = torch.rand(guess.shape) < 0.05 * epoch\n"
            '            batch["tgt_in"] = torch.where(own, guess, batch["tgt_in"])\n'
            "            logits = model(batch)\n            loss = compute_loss",
        ),
    ),
    well("ship_fuel", "four-nets-against-one-column", CALIBRATION).edit(
        (
            "def run_epoch(",
            "class Committee(nn.Module):\n"
            '    """Networks that learn side by side; asked for a prediction, they give their mean."""\n\n'
            "    def __init__(self, sizes, members=4):\n        super().__init__()\n"
            "        self.members = nn.ModuleList(mlp(sizes) for _ in range(members))\n\n"
            "    def forward(self, x):\n"
            "        answers = torch.cat([member(x) for member in self.members], dim=1)\n"
            "        return answers if self.training else answers.mean(dim=1, keepdim=True)\n\n\n"
            "def run_epoch(",
        ),
        (
            "        loss = F.mse_loss(pred, yb)\n",
            "        loss = (pred - yb).square().mean(dim=0).sum()  # one column of answers per network\n",
        ),
        ("    net = mlp([x.shape[1], 64, 64, 1])\n", "    net = Committee([x.shape[1], 64, 64, 1])\n"),
    ),
]
