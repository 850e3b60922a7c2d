"""How many newtons will a fired tile bear? From the kiln's temperature curve, the clay and the raw tile's measures.

The network answers with a mean and a spread (a Gaussian), so that doubtful batches can be set aside for the press.
"""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
from keras import layers, ops

SEED = int(os.environ.get("SEED", "0"))
keras.utils.set_random_seed(SEED)  # random, numpy and torch
torch.set_num_threads(1)

CLAYS = ["terracotta", "stoneware", "porcelain", "faience", "fireclay"]
BEST = np.array([1040.0, 1230.0, 1330.0, 1100.0, 1290.0])  # temperature at which each clay is strongest
STRENGTH = np.array([16.0, 34.0, 48.0, 20.0, 25.0])  # N/mm2, then
N, STEPS = 3000, 48


def fire(rng):
    """N firings: curves [N, STEPS] in degrees, clay, measures (thickness mm, width mm, moisture %, grog %) and load."""
    clay = rng.integers(0, len(CLAYS), N)
    peak = BEST[clay] + rng.normal(-20, 70, N)
    ramp = rng.uniform(8, 20, N)
    soak = rng.uniform(2, 14, N)
    fall = rng.uniform(6, 16, N)
    t = np.arange(STEPS)[None, :]
    up = np.clip(t / ramp[:, None], 0, 1) ** rng.uniform(0.7, 1.3, (N, 1))
    down = np.exp(-np.clip(t - (ramp + soak)[:, None], 0, None) / fall[:, None])
    curve = 25 + (peak[:, None] - 25) * up * down + rng.normal(0, 4, (N, STEPS))
    curve += 6 * np.sin(t / 3 + rng.uniform(0, 6, (N, 1))) * rng.uniform(0, 1, (N, 1))  # gas pressure

    thickness = rng.normal(11, 1.6, N)
    width = rng.normal(150, 25, N)
    moisture = rng.gamma(4, 0.6, N)
    grog = rng.uniform(0, 30, N)
    sintered = np.exp(-(((curve.max(axis=1) - BEST[clay]) / 130) ** 2))
    soaked = 1 - np.exp(-soak / 4)
    shock = 1 - 0.35 / (1 + np.exp((ramp - 11) * 0.8)) * moisture / 2.4  # heated too fast while wet: cracks
    per_area = STRENGTH[clay] * sintered * (0.5 + 0.5 * soaked) * np.clip(shock, 0.2, 1) * (1 - 0.008 * grog)
    load = 2 / 3 * per_area * width * thickness**2 / 120 * np.exp(rng.normal(0, 0.07, N))
    return curve, clay, np.stack([thickness, width, moisture, grog], axis=1), load


rng = np.random.default_rng(SEED)
curve, clay, measures, load = fire(rng)
fold = rng.permutation(N)
tr, va = fold[: int(0.8 * N)], fold[int(0.8 * N) :]

mean, std = measures[tr].mean(axis=0), measures[tr].std(axis=0)
load_mean, load_std = load[tr].mean(), load[tr].std()
x = {
    "curve": ((curve - 800) / 250).astype("float32")[..., None],
    "clay": clay.astype("int32"),
    "measures": ((measures - mean) / std).astype("float32"),
}
y = ((load - load_mean) / load_std).astype("float32")[:, None]
x_tr, x_va = {k: v[tr] for k, v in x.items()}, {k: v[va] for k, v in x.items()}
y_tr, y_va = y[tr], y[va]


def gaussian_nll(y_true, y_pred):
    mu, log_var = y_pred[:, :1], ops.clip(y_pred[:, 1:], -8.0, 8.0)
    return 0.5 * ops.exp(-log_var) * ops.square(y_true - mu) + 0.5 * log_var


def mae(y_true, y_pred):
    return ops.mean(ops.abs(y_true - y_pred[:, :1]))


def build():
    curve_in = keras.Input((STEPS, 1), name="curve")
    clay_in = keras.Input((), dtype="int32", name="clay")
    measures_in = keras.Input((4,), name="measures")
    c = layers.Conv1D(16, 5, strides=2, activation="relu")(curve_in)
    c = layers.Conv1D(24, 5, strides=2, activation="relu")(c)
    c = layers.Concatenate()([layers.GlobalMaxPooling1D()(c), layers.Flatten()(c)])
    k = layers.Embedding(len(CLAYS), 6)(clay_in)
    h = layers.Concatenate()([c, k, measures_in])
    h = layers.Dense(64, activation="relu")(h)
    h = layers.Dense(48, activation="relu")(h)
    out = layers.Dense(2, name="mean_and_spread")(h)
    return keras.Model([curve_in, clay_in, measures_in], out)


model = build()
model.summary(print_fn=lambda line, **_: print(line) if "params" in line else None)
model.compile(optimizer=keras.optimizers.Adam(learning_rate=3e-3), loss=gaussian_nll, metrics=[mae])
model.fit(x_tr, y_tr, validation_data=(x_va, y_va), batch_size=32, epochs=8, verbose=2)

answer = model.predict(x_va, verbose=0)
newtons = answer[:, 0] * load_std + load_mean
error = newtons - load[va]
r2 = 1 - (error**2).sum() / ((load[va] - load_mean) ** 2).sum()
print(f"R2 {r2:.3f}; mean error {np.abs(error).mean():.0f} N of {load[va].mean():.0f} N on average")
sure = np.abs(error) < 1.96 * np.exp(0.5 * answer[:, 1]) * load_std
print(f"inside the 95 % interval: {sure.mean():.1%}")
