# %% [markdown]
# How much air will a dive take?
# The club's log: one line per dive, with the plan, the water and the diver. We predict the litres (at the surface)
# that were breathed, so that the boat carries enough cylinders.

# %%
import os
import tempfile

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
from keras import layers

SEED = int(os.environ.get("SEED", "0"))
keras.utils.set_random_seed(SEED)
torch.set_num_threads(1)

SUITS = ("shorty", "wet 5 mm", "semi-dry 7 mm", "dry")
WARMTH = np.array([24.0, 19.0, 14.0, 7.0])  # water at which a diver starts to feel cold
N_TRAIN, N_VAL = 2000, 800
WIDTH = 48
EPOCHS = 10
BATCH = 50

# %%
rng = np.random.default_rng(SEED)


def read_log(n):
    """Dives: columns of the log, and the litres."""
    water = np.clip(rng.normal(16, 6, n), 4, 29)
    suit = np.clip(np.round((26 - water) / 6 + rng.normal(0, 0.6, n)), 0, 3).astype(int)
    logged = np.round(rng.gamma(1.1, 110, n))
    depth = np.clip(rng.gamma(4.0, 4.2, n), 4, 42)
    mean_depth = depth * rng.uniform(0.45, 0.8, n)
    minutes = np.clip(rng.normal(62, 9, n) - 0.9 * depth, 8, 75)
    current = rng.gamma(1.5, 0.35, n)
    visibility = rng.gamma(3.0, 3.0, n)
    weight = np.clip(rng.normal(76, 13, n), 46, 120)
    camera = rng.random(n) < 0.25

    cold = np.maximum(WARMTH[suit] - water, 0)
    rate = 11.5 * (weight / 76) ** 0.6  # litres a minute at the surface
    rate = rate * (1 + 0.7 * np.exp(-logged / 45))  # beginners breathe more
    rate = rate * (1 + 0.05 * cold)
    rate = rate * (1 + 0.35 * np.minimum(current, 1.8) ** 2 * np.where(camera, 1.4, 1.0))
    rate = rate * (1 + 0.15 * (visibility < 4) * (logged < 80))
    litres = rate * minutes * (1 + mean_depth / 10) * rng.lognormal(0, 0.07, n)

    table = np.column_stack(
        [water, logged, depth, mean_depth, minutes, current, visibility, weight, camera, np.eye(len(SUITS))[suit]]
    )
    return table.astype("float32"), litres.astype("float32")


x_train, litres_train = read_log(N_TRAIN)
x_val, litres_val = read_log(N_VAL)

# %% targets in standard deviations of the training dives
mean, std = litres_train.mean(), litres_train.std()
y_train = (litres_train - mean) / std
y_val = (litres_val - mean) / std
print(f"{N_TRAIN} dives, {mean:.0f} +- {std:.0f} litres")
print(f"mean alone: loss {np.mean(y_val**2):.3f}, wrong by {np.abs(litres_val - mean).mean():.0f} litres")

# %%
scale = layers.Normalization()
scale.adapt(x_train)

inputs = keras.Input((x_train.shape[1],))
h = scale(inputs)
h = layers.Dense(WIDTH, activation="relu", kernel_initializer="he_normal", name="first")(h)
h = layers.Dense(WIDTH, activation="relu", kernel_initializer="he_normal", name="second")(h)
outputs = layers.Dense(1, name="air")(h)
model = keras.Model(inputs, outputs)

steps = EPOCHS * int(np.ceil(len(x_train) / BATCH))
rate = keras.optimizers.schedules.CosineDecay(5e-3, decay_steps=steps)
model.compile(optimizer=keras.optimizers.Adam(rate), loss="mse", metrics=["mae"])


# %%
class Report(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        print(
            f"epoch {epoch + 1:2d}  train {logs['loss']:.4f}  val {logs['val_loss']:.4f}  "
            f"wrong by {logs['val_mae'] * std:.0f} litres"
        )


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "best.weights.h5")
    keep = keras.callbacks.ModelCheckpoint(path, monitor="val_loss", save_best_only=True, save_weights_only=True)
    model.fit(
        x_train,
        y_train,
        batch_size=BATCH,
        epochs=EPOCHS,
        validation_data=(x_val, y_val),
        validation_batch_size=200,
        callbacks=[Report(), keep],
        verbose=0,
    )
    model.load_weights(path)

# %%
predicted = model.predict(x_val, batch_size=256, verbose=0)[:, 0]
loss = float(np.mean((predicted - y_val) ** 2))
print(f"best weights: loss {loss:.4f}")
for name, column in zip(SUITS, x_val[:, -len(SUITS) :].T, strict=True):
    dives = column > 0
    if dives.any():
        wrong = np.abs(predicted[dives] - y_val[dives]).mean() * std
        print(f"  {name:14s} {dives.sum():4d} dives, wrong by {wrong:.0f} litres")
