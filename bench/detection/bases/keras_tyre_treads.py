"""Which family of tyre left this print? 20 x 20 lifts of tread marks from a car park, six families, Keras on torch."""

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

FAMILIES = ["rib", "block", "chevron", "wave", "diagonal", "lug"]
SIDE = 20
N_TRAIN, N_VAL = 1280, 480
BATCH = 40
EPOCHS = 6


def tread(family, rng):
    """Height of the rubber, -1 to 1, over a small patch of tyre, rolling direction downwards."""
    v, u = np.mgrid[:SIDE, :SIDE].astype(float)
    turn = np.deg2rad(rng.normal(0, 6))
    u, v = u - SIDE / 2, v - SIDE / 2
    u, v = u * np.cos(turn) - v * np.sin(turn), u * np.sin(turn) + v * np.cos(turn)
    u = u + rng.uniform(-3, 3)
    v = v + rng.uniform(0, SIDE)
    pitch = rng.uniform(5.0, 7.5)
    across, along = 2 * np.pi * u / pitch, 2 * np.pi * v / pitch
    if family == "rib":
        return np.cos(across)
    if family == "block":
        return np.minimum(np.cos(across), np.cos(along)) + 0.3
    if family == "chevron":
        return np.cos(along + rng.choice([-1, 1]) * rng.uniform(0.7, 1.1) * np.abs(across))
    if family == "wave":
        return np.cos(across + rng.uniform(1.0, 1.7) * np.sin(along * rng.uniform(0.45, 0.65)))
    if family == "diagonal":
        return np.cos(along + rng.choice([-1, 1]) * rng.uniform(0.7, 1.1) * across)
    side = np.where(u > 0, np.pi, 0.0)  # lugs: bars from both shoulders, half a pitch apart
    return np.cos(along * 0.8 + side) * np.clip(np.abs(u) / 4, 0, 1)


def lift(family, rng):
    """The print as it comes off the ground: soft edges, uneven ink, a smear of mud, grain of the asphalt."""
    pattern = np.tanh(rng.uniform(1.0, 2.5) * tread(family, rng))
    v, u = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    ink = rng.uniform(0.5, 1.0) * (1 + rng.uniform(-0.6, 0.6) * u + rng.uniform(-0.6, 0.6) * v)
    image = 0.5 + 0.35 * ink * pattern
    cu, cv, size = rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5), rng.uniform(0.08, 0.25)
    mud = np.exp(-((u - cu) ** 2 + (v - cv) ** 2) / (2 * size**2))
    image = image * (1 - mud) + rng.uniform(0.2, 0.8) * mud
    image = image + rng.normal(0, 0.12, image.shape)
    return np.clip(255 * image, 0, 255).astype(np.uint8)


def collect(n, rng):
    labels = rng.integers(len(FAMILIES), size=n)
    images = np.stack([lift(FAMILIES[k], rng) for k in labels])
    return images[..., None], labels


def build_model():
    inputs = keras.Input((SIDE, SIDE, 1))
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    x = layers.Conv2D(12, 5, strides=2, padding="same", activation="relu", kernel_initializer="he_normal")(x)
    x = layers.Conv2D(16, 3, padding="same", activation="relu", kernel_initializer="he_normal")(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(24, 3, padding="same", activation="relu", kernel_initializer="he_normal")(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(64, activation="relu", kernel_initializer="he_normal")(x)
    x = layers.Dropout(0.2)(x)
    outputs = layers.Dense(len(FAMILIES))(x)
    return keras.Model(inputs, outputs)


def main():
    rng = np.random.default_rng(SEED)
    x_train, y_train = collect(N_TRAIN, rng)
    x_val, y_val = collect(N_VAL, rng)

    steps = -(-N_TRAIN // BATCH)
    rate = keras.optimizers.schedules.PiecewiseConstantDecay([4 * steps, 5 * steps], [3e-3, 1e-3, 2e-4])

    model = build_model()
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    with tempfile.TemporaryDirectory() as folder:
        best = os.path.join(folder, "best.weights.h5")
        keep = keras.callbacks.ModelCheckpoint(best, monitor="val_loss", save_best_only=True, save_weights_only=True)
        model.fit(
            x_train,
            y_train,
            batch_size=BATCH,
            epochs=EPOCHS,
            validation_data=(x_val, y_val),
            callbacks=[keep],
            verbose=2,
        )
        model.load_weights(best)
    loss, accuracy = model.evaluate(x_val, y_val, batch_size=200, verbose=0)
    print(f"best weights: val loss {loss:.3f}, accuracy {accuracy:.1%}")
    commonest = np.bincount(y_train).argmax()
    print(f"always {FAMILIES[commonest]!r}: accuracy {np.mean(y_val == commonest):.1%}")


if __name__ == "__main__":
    main()
