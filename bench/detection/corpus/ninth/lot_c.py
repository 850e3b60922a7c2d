"""Blind faults on three new bases: star temperatures (Keras), whale dialects (recurrent), pivot fields (images)."""

from bench.detection.program import CALIBRATION, Program, ill

PROGRAMS: list[Program] = [
    # ---- keras_star_temps
    ill(
        "keras_star_temps",
        "fresh-scaler-in-build",  # the scaler that was adapted is not the one in the model; SGD on millimagnitudes
        "rates and schedules",
        CALIBRATION,
        "unscaled-feature mixed-scales rate-too-high diverging saturated-at-init saturated-unit",
    ).edit(
        ("    h = scaler(stars)\n", "    h = keras.layers.Normalization(name=scaler.name)(stars)\n"),
    ),
    ill(
        "keras_star_temps",
        "shared-sigmoid-refinement",
        "initialisation and shape",
        CALIBRATION,
        "vanishing-gradient init-scale rank-collapse",
    ).edit(
        (
            "        fan_in = width\n    return",
            (
                "        fan_in = width\n"
                '    refine = keras.layers.Dense(fan_in, activation="sigmoid", name="refine")\n'
                "    for _ in range(10):  # the same step again and again, as in an iterative solver\n"
                "        h = refine(h)\n"
                "    return"
            ),
        ),
    ),
    ill(
        "keras_star_temps",
        "flag-turned-round",  # the flag is read as "good": the few blended stars are what is left
        "data",
        CALIBRATION,
        "too-little-data overfitting memorised-labels",
    ).edit(
        ("WIDTHS = (64, 64, 64, 64, 64)", "WIDTHS = (512, 512, 512)"),
        ("EPOCHS = 12", "EPOCHS = 60"),
        ("BATCH = 64", "BATCH = 16"),
        ("RATE, decay_steps=200,", "RATE, decay_steps=60,"),
        (
            "train, test = train[~blended[train]], test[~blended[test]]",
            "train, test = train[blended[train]], test[~blended[test]]",
        ),
    ),
    ill(
        "keras_star_temps",
        "softsign-became-softmax",
        "initialisation and shape",
        CALIBRATION,
        "vanishing-gradient init-scale rank-collapse softmax-axis",
    ).edit(
        ('ACTIVATION = "softsign"', 'ACTIVATION = "softmax"'),
    ),
    ill(
        "keras_star_temps",
        "mass-from-temperature",  # the catalogue's masses were themselves derived from the temperature
        "data",
        CALIBRATION,
        "leaking-feature",
    ).edit(
        (
            "    columns = [1000 * mags[:, 2],",
            (
                "    mass = 1000 * (teff / 5772) ** 1.9 * np.exp(rng.normal(0, 0.01, n))  # thousandths of the sun's\n"
                "    columns = [mass, 1000 * mags[:, 2],"
            ),
        ),
    ),
    ill(
        "keras_star_temps",
        "decay-meant-per-epoch",
        "rates and schedules",
        CALIBRATION,
        "schedule-mismatch rate-too-low",
    ).edit(
        ("decay_steps=200, decay_rate=0.8)", "decay_steps=1, decay_rate=0.85)"),
    ),
    ill(
        "keras_star_temps",
        "variance-as-deviation",  # the square root is forgotten
        "initialisation and shape",
        CALIBRATION,
        "init-scale vanishing-gradient",
    ).edit(
        ("WIDTHS = (64, 64, 64, 64, 64)", "WIDTHS = (64,) * 9"),
        ("RandomNormal(stddev=(2.0 / fan_in) ** 0.5)", "RandomNormal(stddev=2.0 / fan_in)"),
    ),
    ill(
        "keras_star_temps",
        "head-reads-the-input",  # h is what the layers found, x what came in
        "initialisation and shape",
        CALIBRATION,
        "unused-layer no-nonlinearity capacity-has-no-effect",
    ).edit(
        ("    h = scaler(stars)\n", "    h = x = scaler(stars)\n"),
        ('keras.layers.Dense(1, name="teff")(h)', 'keras.layers.Dense(1, name="teff")(x)'),
    ),
    ill(
        "keras_star_temps",
        "normalised-along-the-row",  # keras.utils.normalize takes every star for itself, not every column
        "initialisation and shape",
        CALIBRATION,
        "swapped-axis unscaled-feature mixed-scales",
    ).edit(
        (
            "    columns, teff, blended = make_catalogue(N_STARS, rng)\n",
            "    columns, teff, blended = make_catalogue(N_STARS, rng)\n    columns = keras.utils.normalize(columns)\n",
        ),
        (
            "    scaler = keras.layers.Normalization()\n    scaler.adapt(x_train)\n",
            "    scaler = keras.layers.Identity()  # the columns are normalised already\n",
        ),
    ),
    # ---- whale_codas
    ill(
        "whale_codas",
        "softmax-without-axis",  # of three axes, the implicit one is the batch
        "output and loss",
        CALIBRATION,
        "softmax-axis batch-leak",
    ).edit(
        ("weights = F.softmax(self.score(h), dim=1)", "weights = F.softmax(self.score(h))"),
        ("DataLoader(held_out, batch_size=250)", "DataLoader(held_out, batch_size=5)"),  # as they come in, day by day
    ),
    ill(
        "whale_codas",
        "scipy-smoother-in-forward",
        "loop",
        CALIBRATION,
        "detached-loss no-gradient weights-not-moving",
    ).edit(
        (
            "import torch\nfrom torch import nn\n",
            "import torch\nfrom scipy.ndimage import gaussian_filter1d\nfrom torch import nn\n",
        ),
        (
            "        if self.training:\n            h = locked",
            (
                "        h = torch.from_numpy(gaussian_filter1d(h.detach().numpy(), 0.6, axis=1))\n"
                "        if self.training:\n            h = locked"
            ),
        ),
    ),
    ill(
        "whale_codas",
        "names-sorted-as-text",  # stretch10 comes before stretch2, the expert's list is in order of recording
        "data",
        CALIBRATION,
        "unrelated-labels",
    ).edit(
        ("names = list(archive)", "names = sorted(archive)"),
    ),
    ill(
        "whale_codas",
        "loss-capped-per-stretch",
        "output and loss",
        CALIBRATION,
        "clipped-loss",
    ).edit(
        (
            "    return F.cross_entropy(logits, clan)\n",
            (
                '    each = F.cross_entropy(logits, clan, reduction="none")\n'
                "    return each.clamp(max=1.5).mean()  # no single mislabelled stretch shall dominate a batch\n"
            ),
        ),
    ),
    ill(
        "whale_codas",
        "keep-given-as-rate",  # the helper wants the share kept, the command line now says the share dropped
        "initialisation and shape",
        CALIBRATION,
        "dropout-rate",
    ).edit(
        (
            '"--keep", type=float, default=0.9, help="share of the features that the locked dropout keeps"',
            '"--drop", type=float, default=0.04, help="rate of the locked dropout"',
        ),
        ("len(CLANS), args.keep)", "len(CLANS), args.drop)"),
    ),
    ill(
        "whale_codas",
        "expected-clan-number",
        "output and loss",
        CALIBRATION,
        "loss-and-metric-disagree target-out-of-range",
    ).edit(
        (
            "    return F.cross_entropy(logits, clan)\n",
            (
                "    expected = (logits.softmax(1) * torch.arange(logits.shape[1])).sum(1)\n"
                "    return F.smooth_l1_loss(expected, clan.float())\n"
            ),
        ),
    ),
    ill(
        "whale_codas",
        "value-as-wide-as-score",
        "initialisation and shape",
        CALIBRATION,
        "bottleneck rank-collapse",
    ).edit(
        ("self.value = nn.Linear(width, width)", "self.value = nn.Linear(width, 1)"),
        ("self.head = nn.Sequential(nn.Linear(width, width)", "self.head = nn.Sequential(nn.Linear(1, width)"),
    ),
    # ---- pivot_fields
    ill(
        "pivot_fields",
        "byte-constants-on-unit-scale",
        "data",
        CALIBRATION,
        "pixel-range pretrained-input-mismatch unscaled-feature",
    ).edit(
        (
            "MEAN, STD = 0.12, 0.30  # of both planes, on the scale from 0 to 1",
            "MEAN, STD = 0.12, 0.30  # of the plains' planes\nVALLEY_MEAN, VALLEY_STD = 31.0, 77.0  # of the valley's",
        ),
        ("def to_planes(maps):", "def to_planes(maps, mean=MEAN, std=STD):"),
        ("    return (planes - MEAN) / STD\n", "    return (planes - mean) / std\n"),
        ("def loaders(maps, reports, n_train):", "def loaders(maps, reports, n_train, **constants):"),
        ("planes = to_planes(maps)", "planes = to_planes(maps, **constants)"),
        ("*loaders(*valley, 600)", "*loaders(*valley, 600, mean=VALLEY_MEAN, std=VALLEY_STD)"),
    ),
    ill(
        "pivot_fields",
        "train-override-drops-mode",  # eval() is train(False), and the False is not passed on
        "loop",
        CALIBRATION,
        "validated-in-train-mode random-in-eval",
    ).edit(
        ("        super().train(mode)\n", "        super().train()\n"),
    ),
    ill(
        "pivot_fields",
        "drawn-once-as-defaults",  # default arguments are evaluated when the function is defined
        "data",
        CALIBRATION,
        "workers-share-seed",
    ).edit(
        (
            "def augment(planes):",
            (
                "def augment(\n"
                "    planes, turns=random.randrange(1, 4), flip=random.random() < 0.5,\n"
                "    row=random.randrange(SIDE - 9), col=random.randrange(SIDE - 9), size=9,\n"
                "):"
            ),
        ),
        (
            (
                "    turns, flip = random.randrange(4), random.random() < 0.5\n"
                "    row, col = random.randrange(SIDE), random.randrange(SIDE)\n"
            ),
            "",
        ),
        ("planes[:, row : row + 5, col : col + 5]", "planes[:, row : row + size, col : col + size]"),
    ),
    ill(
        "pivot_fields",
        "columns-sorted-in-training",  # the training set's columns are in alphabetical order, the other's are not
        "data",
        CALIBRATION,
        "label-shift conflicting-label concentrated-confusion",
    ).edit(
        (
            "    train = Fields(planes[:n_train], multi_hot(reports[:n_train], TROUBLES), True)",
            (
                "    seen = sorted({name for names in reports[:n_train] for name in names})\n"
                "    train = Fields(planes[:n_train], multi_hot(reports[:n_train], seen), True)"
            ),
        ),
    ),
    ill(
        "pivot_fields",
        "prior-bias-everywhere",  # what focal losses want of the last layer only
        "initialisation and shape",
        CALIBRATION,
        "dead-at-init dead-relu",
    ).edit(
        (
            "        nn.init.constant_(self.head[-1].bias, -np.log((1 - PRIOR) / PRIOR))\n",
            (
                "        for layer in self.head:\n"
                "            if isinstance(layer, (nn.Conv2d, nn.Linear)):\n"
                "                nn.init.constant_(layer.bias, -np.log((1 - 0.01) / 0.01))\n"
            ),
        ),
    ),
    ill(
        "pivot_fields",
        "stage-shift-as-augmentation",  # a trouble is named by where it lies
        "data",
        CALIBRATION,
        "augmentation-breaks-labels",
    ).edit(
        (
            "    planes = planes.flip(2) if flip else planes.clone()\n",
            (
                "    planes = planes.flip(2) if flip else planes.clone()\n"
                "    planes = planes.roll((random.randint(-7, 7), random.randint(-7, 7)), dims=(1, 2))\n"
            ),
        ),
    ),
    ill(
        "pivot_fields",
        "reshaped-to-channels-first",
        "initialisation and shape",
        CALIBRATION,
        "swapped-axis",
    ).edit(
        (
            "torch.from_numpy(maps).float().permute(0, 3, 1, 2) / 255",
            "torch.from_numpy(maps).float().reshape(-1, 2, SIDE, SIDE) / 255",
        ),
    ),
    ill(
        "pivot_fields",
        "whole-model-into-encoder",  # the keys begin with "encoder.", and strict=False says nothing
        "loop",
        CALIBRATION,
        "partial-load",
    ).edit(
        ("torch.save(teacher.encoder.state_dict(), ", "torch.save(teacher.state_dict(), "),
        ('torch.load(f"{folder}/encoder.pt"))', 'torch.load(f"{folder}/encoder.pt"), strict=False)'),
    ),
    ill(
        "pivot_fields",
        "minus-for-hits-only",  # the brackets went when the line was split
        "output and loss",
        CALIBRATION,
        "negated-loss",
    ).edit(
        ("    return -(hit + miss).mean()", "    return (-hit + miss).mean()"),
    ),
]
