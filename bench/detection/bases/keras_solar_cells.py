"""Cracked or sound? Electroluminescence photographs of solar cells, a small convolutional network in Keras 3."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import random

import keras
import numpy as np
import torch
from keras import layers
from sklearn.metrics import confusion_matrix, roc_auc_score

SEED = int(os.environ.get("SEED", "0"))
torch.set_num_threads(1)
random.seed(SEED)
np.random.seed(SEED)
keras.utils.set_random_seed(SEED)

SIDE = 28
GREY_MEAN, GREY_SPREAD = 130.0, 30.0  # of the camera's bytes, measured once
N_CELLS = 1600
N_VALIDATION = 400
SHARE_CRACKED = 0.4
BATCH_SIZE = 32
EPOCHS = 12
LEARNING_RATE = 1e-3


def blur(img):
    """A cheap lens: each pixel and its four neighbours."""
    padded = np.pad(img, 1, mode="edge")
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return 0.5 * img + 0.125 * around


def photograph(cracked, rng):
    """One cell as the camera sees it: a glowing square with bus bars, crystal grains and perhaps a crack."""
    ys, xs = np.mgrid[:SIDE, :SIDE] / (SIDE - 1) - 0.5
    glow = rng.uniform(120, 190) * (1 - rng.uniform(0.2, 0.7) * (xs**2 + ys**2))
    # grains: the cell is divided between some random centres, each a little brighter or darker
    centres = rng.uniform(-0.5, 0.5, (rng.integers(5, 12), 2))
    owner = ((xs[..., None] - centres[:, 0]) ** 2 + (ys[..., None] - centres[:, 1]) ** 2).argmin(-1)
    glow *= rng.normal(1, 0.07, len(centres))[owner]
    for bar in np.linspace(0, SIDE, 4)[1:-1] + rng.integers(-1, 2):
        glow[int(bar)] *= 0.45
    # dust and dislocations are dark as well, but round
    for _ in range(rng.poisson(1.0)):
        cy, cx = rng.uniform(-0.5, 0.5, 2)
        glow *= 1 - rng.uniform(0.3, 0.7) * np.exp(-((xs - cx) ** 2 + (ys - cy) ** 2) / rng.uniform(0.001, 0.006))
    if cracked:
        # a wavering line across the cell; what it cuts off is badly connected and glows less
        direction = rng.uniform(0, 2 * np.pi)
        along, across = np.cos(direction) * xs + np.sin(direction) * ys, np.cos(direction) * ys - np.sin(direction) * xs
        line = across - rng.uniform(0.05, 0.35) - 0.04 * np.sin(rng.uniform(6, 20) * along + rng.uniform(0, 6))
        glow *= np.where(line > 0, rng.uniform(0.55, 0.95), 1.0)
        glow *= 1 - rng.uniform(0.3, 0.7) * (np.abs(line) < 0.6 / SIDE)
    shot = blur(glow) + rng.normal(0, 6, glow.shape)
    return np.clip(shot, 0, 255).astype("uint8")


def load_cells():
    rng = np.random.default_rng(SEED)
    labels = (rng.random(N_CELLS) < SHARE_CRACKED).astype("int64")
    images = np.stack([photograph(bool(label), rng) for label in labels])
    return images[..., None], labels


def standardise(images):
    """Grey levels to numbers about 0."""
    return (images.astype("float32") - GREY_MEAN) / GREY_SPREAD


def build_model():
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 1)),
            layers.Conv2D(10, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(20, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(32, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(1, activation="sigmoid"),
        ],
        name="crack_finder",
    )


images, labels = load_cells()
train_images, val_images = images[N_VALIDATION:], images[:N_VALIDATION]
y_train, y_val = labels[N_VALIDATION:], labels[:N_VALIDATION]
x_train = standardise(train_images)
x_val = standardise(val_images)
print("train", x_train.shape, "validation", x_val.shape, "cracked", round(float(y_train.mean()), 3))

model = build_model()
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=LEARNING_RATE),
    loss=keras.losses.BinaryCrossentropy(),
    metrics=["accuracy"],
)
history = model.fit(
    x_train,
    y_train,
    validation_data=(x_val, y_val),
    batch_size=BATCH_SIZE,
    epochs=EPOCHS,
    verbose=2,
)

probability = model.predict(x_val, batch_size=200, verbose=0).ravel()
print("confusion (rows: sound, cracked)")
print(confusion_matrix(y_val, probability > 0.5))
print(f"always sound: {1 - y_val.mean():.3f}  accuracy: {history.history['val_accuracy'][-1]:.3f}")
print(f"AUC: {roc_auc_score(y_val, np.nan_to_num(probability)):.3f}")
