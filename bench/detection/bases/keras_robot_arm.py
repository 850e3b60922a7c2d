"""Calibrating a worn three-joint robot arm: from what the controller sees (encoder counts, motor currents, payload,
gearbox temperature) to where the tool tip really is, as a laser tracker measured it. Keras 3 on torch.
"""

import os

os.environ["KERAS_BACKEND"] = "torch"

import random

import keras
import numpy as np
import torch
from keras import layers
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))

COLUMNS = ["enc_1", "enc_2", "enc_3", "amp_1", "amp_2", "amp_3", "payload_kg", "gear_temp_c"]
LINKS_MM = (420.0, 380.0, 160.0)
N_POSES = 5000
WIDTH = 64
DEPTH = 5
BATCH_SIZE = 64
EPOCHS = 20
LEARNING_RATE = 1.5e-3


def tracker_campaign(n_poses: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Random poses of the arm: the controller's table and the tracker's x, y, z in mm."""
    base = rng.uniform(-2.0, 2.0, n_poses)
    shoulder = rng.uniform(-0.3, 1.7, n_poses)
    elbow = rng.uniform(-2.1, 0.2, n_poses)
    payload = rng.choice([0.0, 0.5, 1.2, 2.5], n_poses, p=[0.4, 0.2, 0.2, 0.2])
    temperature = np.clip(rng.normal(38, 7, n_poses), 18, 60)

    upper, fore, tool = LINKS_MM
    reach = upper * np.cos(shoulder) + (fore + tool) * np.cos(shoulder + elbow)
    moment_2 = (payload + 2.1) * reach / 1000
    moment_3 = (payload + 0.8) * (fore + tool) * np.cos(shoulder + elbow) / 1000

    # The joints sag under the load, and the reducers have backlash and grow when they are warm.
    shoulder_real = shoulder - 0.022 * moment_2 + 0.006 * np.sin(6 * shoulder)
    elbow_real = elbow - 0.035 * moment_3
    growth = 1 + 2.0e-4 * (temperature - 20)
    reach_real = growth * (upper * np.cos(shoulder_real) + (fore + tool) * np.cos(shoulder_real + elbow_real))
    x = reach_real * np.cos(base)
    y = reach_real * np.sin(base)
    z = 310 + growth * (upper * np.sin(shoulder_real) + (fore + tool) * np.sin(shoulder_real + elbow_real))
    tip = np.stack([x, y, z], axis=1) + rng.normal(0, 4.0, (n_poses, 3))

    counts = [np.round(2048 + angle * 4096 / (2 * np.pi)) for angle in (base, shoulder, elbow)]
    currents = [
        np.abs(rng.normal(0.4, 0.1, n_poses)),
        1.1 + 0.55 * moment_2 + rng.normal(0, 0.15, n_poses),
        0.7 + 0.80 * moment_3 + rng.normal(0, 0.12, n_poses),
    ]
    table = np.stack([*counts, *currents, payload + rng.normal(0, 0.02, n_poses), temperature], axis=1)
    return table, tip


def build_model(n_inputs: int, n_outputs: int) -> keras.Model:
    inputs = keras.Input(shape=(n_inputs,), name="controller")
    hidden = inputs
    for i in range(DEPTH):
        hidden = layers.Dense(WIDTH, activation="relu", kernel_initializer="he_normal", name=f"hidden_{i}")(hidden)
    outputs = layers.Dense(n_outputs, name="tip")(hidden)
    return keras.Model(inputs, outputs, name="arm_calibration")


random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)
keras.utils.set_random_seed(SEED)

table, tip = tracker_campaign(N_POSES, np.random.default_rng(SEED))
shuffled = np.random.permutation(N_POSES)
train_rows, val_rows = shuffled[: int(0.8 * N_POSES)], shuffled[int(0.8 * N_POSES) :]

x_scaler = StandardScaler().fit(table[train_rows])
y_scaler = StandardScaler().fit(tip[train_rows])
x_train = x_scaler.transform(table[train_rows]).astype("float32")
x_val = x_scaler.transform(table[val_rows]).astype("float32")
y_train = y_scaler.transform(tip[train_rows]).astype("float32")
y_val = y_scaler.transform(tip[val_rows]).astype("float32")

steps_per_epoch = len(x_train) // BATCH_SIZE
schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
    boundaries=[13 * steps_per_epoch, 17 * steps_per_epoch],
    values=[LEARNING_RATE, LEARNING_RATE / 5, LEARNING_RATE / 25],
)
model = build_model(x_train.shape[1], y_train.shape[1])
model.compile(
    optimizer=keras.optimizers.Adam(schedule),
    loss="mse",
    metrics=["mae"],
)
print(f"{len(x_train)} poses for training, {len(x_val)} for validation, {model.count_params()} parameters")

history = model.fit(
    x_train,
    y_train,
    batch_size=BATCH_SIZE,
    epochs=EPOCHS,
    validation_data=(x_val, y_val),
    shuffle=True,
    verbose=2,
)

tip_hat = y_scaler.inverse_transform(model.predict(x_val, batch_size=256, verbose=0))
linear = LinearRegression().fit(x_train, y_train)
distance = np.linalg.norm(tip_hat - tip[val_rows], axis=1)
distance_linear = np.linalg.norm(y_scaler.inverse_transform(linear.predict(x_val)) - tip[val_rows], axis=1)
r2 = 1 - ((tip_hat - tip[val_rows]) ** 2).sum(0) / ((tip[val_rows] - tip[train_rows].mean(0)) ** 2).sum(0)
print("final loss", round(history.history["loss"][-1], 4), "val", round(history.history["val_loss"][-1], 4))
print(f"R2 of x, y, z: {r2[0]:.3f} {r2[1]:.3f} {r2[2]:.3f}")
print(f"median miss {np.median(distance):.1f} mm (linear model: {np.median(distance_linear):.1f} mm)")
