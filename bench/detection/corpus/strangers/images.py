"""Faults in programs that learn from pictures: textures, photographs, gauges, and older bases in new combinations."""

from bench.detection.program import CALIBRATION, Program, ill

OUTPUT, LOOP, SHAPE = "output and loss", "loop", "initialisation and shape"
DATA, RATES = "data", "rates and schedules"
ON_OUTPUT = "activation-on-output output-range"
CUT = "detached-loss no-gradient weights-not-moving"
FLIPPED = "augmentation-breaks-labels"

PROGRAMS: list[Program] = [
    ill("char_transformer", "two-softmax", OUTPUT, CALIBRATION, "softmax-before-cross-entropy").edit(
        ("logits = self.head(self.ln_f(x))", "logits = F.softmax(self.head(self.ln_f(x)), dim=-1)"),
    ),
    ill("photo_denoise", "relu-on-noise", OUTPUT, CALIBRATION, f"{ON_OUTPUT} dead-relu no-gradient").edit(
        ("        noise = self.last(h)\n", "        noise = F.relu(self.last(h))\n"),
    ),
    ill("lightning_gauge", "tanh-reading", OUTPUT, CALIBRATION, f"{ON_OUTPUT} saturated-unit").edit(
        ("nn.ELU(), nn.Linear(64, 1))", "nn.ELU(), nn.Linear(64, 1), nn.Tanh())"),
    ),
    ill("lightning_gauge", "broadcast", OUTPUT, CALIBRATION, "loss-broadcast").edit(
        ("self.regressor(self.features(x)).squeeze(-1)", "self.regressor(self.features(x))"),
    ),
    ill("shapes_unet", "one-channel-softmax", OUTPUT, CALIBRATION, "softmax-one-unit ignores-input no-gradient").edit(
        ("return self.out(e)", "return F.softmax(self.out(e), dim=1)"),
        ("logits > 0, masks", "logits > 0.5, masks"),
        ("nn.BCEWithLogitsLoss()", "nn.BCELoss()"),
    ),
    ill("digits_transfer", "nll-of-logits", OUTPUT, CALIBRATION, "nll-on-logits").edit(
        ("loss = F.cross_entropy(model(x[rows]), y[rows])", "loss = F.nll_loss(model(x[rows]), y[rows])"),
        ("F.cross_entropy(logits, y_val).item(),", "F.nll_loss(logits, y_val).item(),"),
    ),
    ill(
        "keras_digits",
        "logits-called-probabilities",
        OUTPUT,
        CALIBRATION,
        "nll-on-logits clipped-loss output-range no-gradient",
    ).edit(
        ("SparseCategoricalCrossentropy(from_logits=True)", "SparseCategoricalCrossentropy()"),
    ),
    ill(
        "lightning_gauge", "features-without-grad", LOOP, CALIBRATION, "no-gradient detached-loss weights-not-moving"
    ).edit(
        (
            "        return self.regressor(self.features(x)).squeeze(-1)\n",
            "        with torch.no_grad():\n            features = self.features(x)\n"
            "        return self.regressor(features).squeeze(-1)\n",
        ),
    ),
    ill("texture_trainer", "loss-as-variable", LOOP, CALIBRATION, CUT).edit(
        (
            "            self.optimizer.zero_grad()\n",
            "            loss = torch.autograd.Variable(loss.data, requires_grad=True)\n            self.optimizer.zero_grad()\n",
        ),
    ),
    ill("photo_denoise", "layers-in-list", LOOP, CALIBRATION, "layers-not-registered not-in-optimizer").edit(
        ("self.middle = nn.ModuleList()", "self.middle = []"),
    ),
    ill("photo_denoise", "zeroed-once-an-epoch", LOOP, CALIBRATION, "gradient-accumulates").edit(
        (
            "    for batch in loader:\n        optimizer.zero_grad(set_to_none=True)\n",
            "    optimizer.zero_grad(set_to_none=True)\n    for batch in loader:\n",
        ),
    ),
    ill(
        "shapes_unet", "model-made-again", LOOP, CALIBRATION, "stale-optimizer not-in-optimizer weights-not-moving"
    ).edit(
        (
            "optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)\n",
            "optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)\ntorch.manual_seed(SEED)\nmodel = UNet()\n",
        ),
    ),
    ill("texture_trainer", "keep-rate-as-dropout", SHAPE, CALIBRATION, "dropout-rate").edit(
        ("p_drop=0.2", "p_drop=0.95"),
    ),
    ill("texture_trainer", "constant-filters", SHAPE, CALIBRATION, "symmetric-init").edit(
        (
            "    model = TextureNet(len(TEXTURES))\n",
            "    model = TextureNet(len(TEXTURES))\n    for weight in model.parameters():\n        nn.init.constant_(weight, 0.1)\n",
        ),
    ),
    ill(
        "lightning_gauge",
        "hidden-softmax",
        SHAPE,
        CALIBRATION,
        "init-scale vanishing-gradient saturated-at-init saturated-unit bottleneck",
    ).edit(
        ("nn.Linear(24 * 5 * 5, 64), nn.ELU(),", "nn.Linear(24 * 5 * 5, 64), nn.Softmax(dim=1),"),
    ),
    ill("lightning_gauge", "no-nonlinearity", SHAPE, CALIBRATION, "no-nonlinearity").edit(
        ("padding=2),\n            nn.ELU(),", "padding=2),"),
        ("padding=1),\n            nn.ELU(),", "padding=1),"),
        ("nn.Linear(24 * 5 * 5, 64), nn.ELU(), ", "nn.Linear(24 * 5 * 5, 64), "),
    ),
    ill("texture_trainer", "turned-labels-kept", DATA, CALIBRATION, FLIPPED).edit(
        (
            "            image = image[:, ::-1]\n",
            "            image = image[:, ::-1]\n        if self.train:\n            image = np.rot90(image, random.randrange(4))\n",
        ),
    ),
    ill("lightning_gauge", "mirrored-reading-kept", DATA, CALIBRATION, FLIPPED).edit(
        (
            "        x, y = batch\n        prediction = self(x)\n        loss = ",
            "        x, y = batch\n        mirrored = torch.rand(len(x), 1, 1, 1) < 0.5\n"
            "        prediction = self(torch.where(mirrored, x.flip(-1), x))\n        loss = ",
        ),
    ),
    ill("lightning_gauge", "raw-validation", DATA, CALIBRATION, "unscaled-split feature-drift train-eval-gap").edit(
        ("def build(self, count, rng):", "def build(self, count, rng, mean=0.0, std=1.0):"),
        ("(pictures - 160.0) / 45.0", "(pictures - mean) / std"),
        ("self.build(1600, rng)", "self.build(1600, rng, mean=160.0, std=45.0)"),
    ),
    ill("shapes_resnet", "sorted-unshuffled", DATA, CALIBRATION, "not-shuffled sorted-order").edit(
        (
            "        self.labels = rng.integers(0, len(CLASSES), count)\n",
            "        self.labels = np.sort(rng.integers(0, len(CLASSES), count))\n",
        ),
        ("batch_size=64, shuffle=True, drop_last", "batch_size=64, drop_last"),
    ),
    ill(
        "photo_denoise", "schedule-per-batch", RATES, CALIBRATION, "schedule-mismatch rate-too-low weights-not-moving"
    ).edit(
        ("gamma=0.4", "gamma=0.1"),
        ("def train_one_epoch(model, loader, optimizer):", "def train_one_epoch(model, loader, optimizer, scheduler):"),
        ("        optimizer.step()\n", "        optimizer.step()\n        scheduler.step()\n"),
        ("        scheduler.step()\n        print", "        print"),
        (
            "train_one_epoch(model, train_loader, optimizer)\n",
            "train_one_epoch(model, train_loader, optimizer, scheduler)\n",
        ),
    ),
    ill("texture_trainer", "rate-3e-6", RATES, CALIBRATION, "rate-too-low update-ratio weights-not-moving").edit(
        ("default=3e-3", "default=3e-6"),
    ),
    ill("digits_contrastive", "adam-1", RATES, CALIBRATION, "rate-too-high update-ratio diverging oscillating").edit(
        ("lr=2e-3", "lr=1.0"),
    ),
]
