# Mine or rock? Sonar echoes, classified with Keras and a training step of our own (torch backend).
import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
from keras import layers, ops, regularizers
from sklearn.metrics import classification_report

SEED = int(os.environ.get("SEED", "0"))
N_SAMPLES = 96
EPOCHS = 8


def record_echo(is_mine, rng):
    """What comes back from one chirp: a shell rings on after the echo, a rock scatters it from many faces."""
    t = np.arange(N_SAMPLES)
    start = rng.integers(12, 32)
    chirp = np.sin(2 * np.pi * (0.08 * np.arange(16) + 0.006 * np.arange(16) ** 2)) * np.hanning(16)
    echo = np.zeros(N_SAMPLES + 64)
    echo[start : start + 16] += rng.uniform(0.8, 1.4) * chirp
    if is_mine:
        pitch, fade = rng.uniform(0.13, 0.19), rng.uniform(10, 22)
        late = np.maximum(t - start - 8, 0)
        ring = np.sin(2 * np.pi * pitch * late + rng.uniform(0, 6.28)) * np.exp(-late / fade) * (late > 0)
        echo[:N_SAMPLES] += rng.uniform(0.35, 0.8) * ring
        faces = rng.integers(0, 3)
    else:
        faces = rng.integers(3, 8)
    for _ in range(faces):
        delay = start + rng.integers(3, 45)
        echo[delay : delay + 16] += rng.uniform(0.15, 0.6) * rng.choice([-1, 1]) * chirp
    return echo[:N_SAMPLES] * rng.uniform(0.5, 2.0) + rng.normal(0, 0.1, N_SAMPLES)


def load_survey(n, rng):
    is_mine = rng.random(n) < 0.45
    return np.array([record_echo(m, rng) for m in is_mine]), is_mine.astype("float32")


class SonarModel(keras.Model):
    """As keras.Model, but train_step is written out."""

    def train_step(self, data):
        x, y = data
        self.zero_grad()
        y_pred = self(x, training=True)
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred)
        loss.backward()
        trainable_weights = list(self.trainable_weights)
        gradients = [v.value.grad for v in trainable_weights]
        with torch.no_grad():
            self.optimizer.apply(gradients, trainable_weights)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


def conv_block(x, filters, kernel):
    x = layers.Conv1D(filters, kernel, padding="same", kernel_regularizer=regularizers.l2(1e-4))(x)
    x = layers.Activation("relu")(x)
    return layers.MaxPooling1D(2)(x)


def build_model(filters=16, units=48, dropout=0.3):
    inputs = keras.Input(shape=(N_SAMPLES, 1))
    x = conv_block(inputs, filters, 9)
    x = conv_block(x, 2 * filters, 5)
    x = layers.Flatten()(x)
    x = layers.Dense(units, activation="relu")(x)
    x = layers.Dropout(dropout)(x)
    outputs = layers.Dense(1, activation="sigmoid")(x)
    return SonarModel(inputs, outputs)


keras.utils.set_random_seed(SEED)
torch.set_num_threads(1)
rng = np.random.default_rng(SEED)
x_train, y_train = load_survey(1400, rng)
x_val, y_val = load_survey(400, rng)
mean, std = x_train.mean(), x_train.std()
x_train = ((x_train - mean) / std)[..., None].astype("float32")
x_val = ((x_val - mean) / std)[..., None].astype("float32")

model = build_model()
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=1.5e-3),
    loss=keras.losses.BinaryCrossentropy(),
    metrics=[keras.metrics.BinaryAccuracy(name="acc"), keras.metrics.AUC(name="auc")],
)
history = model.fit(
    x_train, y_train, batch_size=32, epochs=EPOCHS, validation_data=(x_val, y_val), shuffle=True, verbose=2
)
probability = ops.convert_to_numpy(model(x_val, training=False))[:, 0]
print(classification_report(y_val, probability > 0.5, target_names=["rock", "mine"], zero_division=0))
