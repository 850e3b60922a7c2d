"""Minutes of a taxi trip from where it starts, where it ends and when: Keras (torch), three inputs."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
from keras import layers
from sklearn.metrics import mean_absolute_error, r2_score

SEED = int(os.environ.get("SEED", "0"))
keras.utils.set_random_seed(SEED)
torch.set_num_threads(1)


def simulate_trips(n, rng):
    """Pick-up and drop-off in km from the town hall; a river runs through the town at y = 0, with two bridges."""
    start = rng.normal(0, 3.0, (n, 2))
    end = start + rng.normal(0, 3.0, (n, 2))
    hour, weekday = rng.integers(0, 24, n), rng.integers(0, 7, n)
    rain = rng.gamma(0.4, 2.0, n)
    km = np.abs(end - start).sum(axis=1)
    crosses = start[:, 1] * end[:, 1] < 0
    detours = [np.abs(start[:, 0] - b) + np.abs(end[:, 0] - b) - np.abs(start[:, 0] - end[:, 0]) for b in (-2.5, 2.0)]
    km = km + crosses * np.minimum(*detours)
    rush = np.exp(-((hour - 8) ** 2) / 4) + 1.2 * np.exp(-((hour - 17) ** 2) / 6)
    night = (hour < 6) * 1.0
    centre = np.exp(-(((start + end) / 2) ** 2).sum(axis=1) / 12)
    speed = 26 + 9 * night - 8 * rush * (weekday < 5) - 7 * centre - 0.5 * np.minimum(rain, 8)
    minutes = 2.5 + 60 * km / speed * np.exp(rng.normal(0, 0.1, n))
    geo = np.column_stack([start, end, rain]).astype("float32")
    return {"geo": geo, "hour": hour[:, None], "weekday": weekday[:, None]}, minutes.astype("float32")


def build_model():
    geo = keras.Input((5,), name="geo")
    hour = keras.Input((1,), dtype="int32", name="hour")
    weekday = keras.Input((1,), dtype="int32", name="weekday")
    h = layers.Flatten()(layers.Embedding(24, 6)(hour))
    w = layers.Flatten()(layers.Embedding(7, 3)(weekday))
    x = layers.Concatenate()([normalise(geo), h, w])
    x = layers.Dense(96, activation="relu")(x)
    x = layers.Dense(96, activation="relu")(x)
    x = layers.Dense(32, activation="relu")(x)
    minutes = layers.Dense(1, name="minutes")(x)
    return keras.Model([geo, hour, weekday], minutes)


rng = np.random.default_rng(SEED)
x_train, y_train = simulate_trips(4500, rng)
x_val, y_val = simulate_trips(800, rng)
x_test, y_test = simulate_trips(800, rng)

normalise = layers.Normalization()
normalise.adapt(x_train["geo"])

model = build_model()
model.compile(optimizer=keras.optimizers.Adam(learning_rate=4e-3), loss="mse", metrics=["mae"])
model.fit(
    x_train,
    y_train,
    validation_data=(x_val, y_val),
    epochs=9,
    batch_size=64,
    callbacks=[
        keras.callbacks.ReduceLROnPlateau(factor=0.4, patience=2),
        keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True),
    ],
    verbose=2,
)
predicted = model.predict(x_test, batch_size=400, verbose=0).ravel()
predicted = np.nan_to_num(predicted)
print(f"test: off by {mean_absolute_error(y_test, predicted):.2f} minutes, R2 {r2_score(y_test, predicted):.3f}")
print(f"always the median: off by {np.abs(y_test - np.median(y_train)).mean():.2f} minutes")
