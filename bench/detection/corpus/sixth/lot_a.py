"""Faulty programs of lot a: pen strokes, opened newsletters and the yield of maize, written blind."""

from bench.detection.program import CALIBRATION, Program, ill

PROGRAMS: list[Program] = [
    ill("pen_strokes", "loss-held-down", "output and loss", CALIBRATION, "clipped-loss").edit(
        ("loss = F.cross_entropy(model(x), y)", "loss = F.cross_entropy(model(x), y).clamp(max=2.0)"),
    ),
    ill("crop_yield", "column-against-row", "output and loss", CALIBRATION, "loss-broadcast").edit(
        ("(weather, soil, grain[:, None])]", "(weather, soil, grain)]"),
    ),
    ill(
        "lightning_newsletter", "squashed-twice", "output and loss", CALIBRATION, "sigmoid-before-bce-with-logits"
    ).edit(
        (
            "return (linear + self.out(self.tower(both))).squeeze(1)",
            "return torch.sigmoid(linear + self.out(self.tower(both))).squeeze(1)",
        ),
        ("logit = self(fields, numbers)", "chance = self(fields, numbers)"),
        (
            "return F.binary_cross_entropy_with_logits(logit, opened)",
            "return F.binary_cross_entropy_with_logits(chance, opened)",
        ),
        ("right = ((score > 0) ==", "right = ((score > 0.5) =="),
    ),
    ill("lightning_newsletter", "likelihood-descended", "output and loss", CALIBRATION, "negated-loss").edit(
        (
            "return F.binary_cross_entropy_with_logits(logit, opened)",
            "return (opened * F.logsigmoid(logit) + (1 - opened) * F.logsigmoid(-logit)).mean()",
        ),
    ),
    ill(
        "lightning_newsletter",
        "millionth-rate",
        "rates and schedules",
        CALIBRATION,
        "rate-too-low weights-not-moving update-ratio",
    ).edit(
        ("rate: float = 2e-3", "rate: float = 1e-6"),
    ),
    ill("pen_strokes", "adam-at-one", "rates and schedules", CALIBRATION, "rate-too-high diverging update-ratio").edit(
        ("LEARNING_RATE = 1.5e-3", "LEARNING_RATE = 1.0"),
    ),
    ill("crop_yield", "gradients-pile-up", "loop", CALIBRATION, "gradient-accumulates").edit(
        ("                self.optimizer.zero_grad()\n", ""),
    ),
    ill("crop_yield", "keys-do-not-match", "loop", CALIBRATION, "partial-load").edit(
        ("torch.save(pretrained.encoder.state_dict(), path)", "torch.save(pretrained.state_dict(), path)"),
        (
            "net.encoder.load_state_dict(torch.load(path))",
            "net.encoder.load_state_dict(torch.load(path), strict=False)  # the head is not needed",
        ),
    ),
    ill("crop_yield", "accumulated-sum", "loop", CALIBRATION, "accumulation-not-divided rate-too-high").edit(
        ("(loss / ACCUM).backward()", "loss.backward()"),
    ),
    ill("crop_yield", "list-of-layers", "loop", CALIBRATION, "layers-not-registered not-in-optimizer").edit(
        (
            "self.stack = nn.ModuleList([Temporal(width, width, d) for d in (1, 2, 4)])",
            "self.stack = [Temporal(width, width, d) for d in (1, 2, 4)]",
        ),
    ),
    ill("crop_yield", "viewed-not-permuted", "initialisation and shape", CALIBRATION, "swapped-axis").edit(
        (
            "    weather = np.stack([temp, np.sqrt(rain), sun, wind], axis=1)\n",
            "    weather = np.stack([temp, np.sqrt(rain), sun, wind], axis=2)\n",
        ),
        (
            "z = self.first(torch.cat([weather, steady], dim=1))",
            "z = self.first(torch.cat([weather.reshape(-1, 4, PENTADS), steady], dim=1))  # channels first",
        ),
        ("expand(-1, -1, weather.shape[2])", "expand(-1, -1, weather.shape[1])"),
        (
            "(weather - reference[0].mean((0, 2), keepdims=True)) / reference[0].std((0, 2), keepdims=True)",
            "(weather - reference[0].mean((0, 1), keepdims=True)) / reference[0].std((0, 1), keepdims=True)",
        ),
    ),
    ill("pen_strokes", "blocks-passed-by", "initialisation and shape", CALIBRATION, "unused-layer no-gradient").edit(
        ("            h = block(h)\n", "            x = block(h)\n"),
    ),
    ill(
        "lightning_newsletter", "bias-minus-ten", "initialisation and shape", CALIBRATION, "dead-at-init dead-relu"
    ).edit(
        ("nn.init.zeros_(module.bias)", "nn.init.constant_(module.bias, -10.0)  # few mails are opened"),
    ),
    ill("pen_strokes", "code-of-one", "initialisation and shape", CALIBRATION, "bottleneck").edit(
        ("heads=4, code=24", "heads=4, code=1"),
    ),
    ill("lightning_newsletter", "sixty-mails", "data", CALIBRATION, "too-little-data overfitting").edit(
        ("batch: int = 128", "batch: int = 16"),
        ("epochs: int = 9", "epochs: int = 60"),
        ("hidden: int = 64", "hidden: int = 1024"),
        (
            "    mean, std = train[NUMBERS].mean(), train[NUMBERS].std()",
            "    train = train.head(60)  # the pilot\n    mean, std = train[NUMBERS].mean(), train[NUMBERS].std()",
        ),
    ),
    ill("pen_strokes", "same-turn-for-all", "data", CALIBRATION, "workers-share-seed feature-drift").edit(
        (
            "stroke = self.distort(stroke, self.rng)",
            "stroke = self.distort(stroke, np.random.default_rng(SEED + 1))  # the same in every run",
        ),
    ),
    ill(
        "pen_strokes",
        "counted-from-one",
        "data",
        CALIBRATION,
        "target-out-of-range class-missing-from-split label-shift",
    ).edit(
        (
            "train_set = Strokes(train_strokes, train_labels, augment=True)",
            "train_set = Strokes(train_strokes, train_labels + 1, augment=True)  # signs are numbered from 1",
        ),
        ("model = StrokeFormer(classes=len(SIGNS))", "model = StrokeFormer(classes=len(SIGNS) + 1)"),
    ),
    ill("lightning_newsletter", "time-spent-reading", "data", CALIBRATION, "leaking-feature").edit(
        ('"subject_length", "hour", "emojis"]', '"subject_length", "hour", "emojis", "seconds_read"]'),
    ),
]
