"""Which flag will the lifeguards raise at ten o'clock? Green, yellow, red or purple-red (closed), from the morning's
readings of the buoy and of the weather mast, and from the beach itself. Keras 3 on torch."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
from keras import layers

SEED = int(os.environ.get("SEED", "0"))
keras.utils.set_random_seed(SEED)
torch.set_num_threads(1)

FLAGS = ["green", "yellow", "red", "closed"]
BEACHES = 14
BATCH_SIZE = 64
EPOCHS = 16
RATE = 2e-3
DROP = 0.2


def season(days, rng):
    """A table, one row for every beach and day: {column: values}."""
    n = days * BEACHES
    beach = np.tile(np.arange(BEACHES), days)
    day = np.repeat(np.arange(days), BEACHES)
    # what makes the beaches differ: which way they look, how steep they are, how well the reef shelters them
    faces = rng.uniform(0, 2 * np.pi, BEACHES)[beach]
    steep = rng.gamma(4, 0.25, BEACHES)[beach]
    reef = rng.uniform(0, 0.6, BEACHES)[beach]
    strict = rng.normal(0, 0.35, BEACHES)[beach]

    storm = np.zeros(days)  # weather that lasts for a few days
    for d in range(1, days):
        storm[d] = 0.75 * storm[d - 1] + rng.normal(0, 0.6)
    storm = storm[day]
    height = np.exp(-0.2 + 0.55 * storm + rng.normal(0, 0.25, n))
    period = 7.5 + 1.4 * storm + rng.normal(0, 1.2, n)
    swell_from = rng.vonmises(0.6, 2.0, days)[day] + rng.normal(0, 0.15, n)
    wind = np.maximum(0, 5 + 2.2 * storm + rng.normal(0, 1.8, n))
    wind_from = rng.uniform(0, 2 * np.pi, days)[day]
    tide = np.sin(2 * np.pi * (day * 0.0677 + 0.1)) + rng.normal(0, 0.08, n)
    air = 23 - 1.5 * storm + rng.normal(0, 2.2, n)
    jelly = rng.poisson(np.exp(0.4 - 0.5 * storm + 0.8 * rng.normal(size=n)))
    onshore = np.cos(wind_from - faces) * wind

    breaking = height * np.sqrt(np.maximum(period, 3) / 8) * (1 - reef) * (0.45 + 0.55 * np.cos(swell_from - faces))
    rip = breaking * (1.1 - 0.6 * tide) * (0.6 + 0.4 * steep)
    danger = 1.5 * rip + 0.11 * onshore + 0.07 * jelly + strict + rng.normal(0, 0.15, n)
    return {
        "height": height,
        "period": period,
        "swell_sin": np.sin(swell_from),
        "swell_cos": np.cos(swell_from),
        "wind": wind,
        "wind_sin": np.sin(wind_from),
        "wind_cos": np.cos(wind_from),
        "tide": tide,
        "air": air,
        "jelly": jelly,
        "beach": beach,
        "flag": np.digitize(danger, [0.5, 1.2, 2.1]),
    }


def build(normalise, columns):
    numbers = keras.Input((columns,), name="numbers")
    beach = keras.Input((1,), dtype="int32", name="beach")
    where = layers.Flatten()(layers.Embedding(BEACHES, 6)(beach))
    h = layers.Concatenate()([normalise(numbers), where])
    for width in (96, 64):
        h = layers.Dense(width, activation="relu")(h)
    h = layers.Dropout(DROP)(h)
    logits = layers.Dense(len(FLAGS), name="flag")(h)
    return keras.Model({"numbers": numbers, "beach": beach}, logits)


table = season(330, np.random.default_rng(SEED))
inputs = [name for name in table if name not in ("beach", "flag")]
x = np.stack([table[name] for name in inputs], axis=1).astype("float32")
y = table["flag"]
cut = 260 * BEACHES  # the last seventy days are the test
train_x = {"numbers": x[:cut], "beach": table["beach"][:cut, None]}
test_x = {"numbers": x[cut:], "beach": table["beach"][cut:, None]}
train_y, test_y = y[:cut], y[cut:]

normalise = layers.Normalization()
normalise.adapt(train_x["numbers"])
model = build(normalise, len(inputs))
model.compile(
    optimizer=keras.optimizers.Adam(RATE),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
history = model.fit(
    train_x,
    train_y,
    batch_size=BATCH_SIZE,
    epochs=EPOCHS,
    validation_data=(test_x, test_y),
    verbose=2,
)

guess = model.predict(test_x, batch_size=256, verbose=0).argmax(axis=1)
print("test days by flag:", {name: int(np.sum(test_y == k)) for k, name in enumerate(FLAGS)})
print(f"test accuracy {np.mean(guess == test_y):.4f}")
print(f"mean steps off {np.abs(guess - test_y).mean():.3f}")
