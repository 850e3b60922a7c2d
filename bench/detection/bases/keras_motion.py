# What is the wearer doing? Six activities from an accelerometer on the wrist, with Keras (torch backend).
# The people in the test set are not in the training set.
import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
from keras import layers
from sklearn.metrics import confusion_matrix
from sklearn.utils import shuffle

seed = int(os.environ.get("SEED", "0"))
keras.utils.set_random_seed(seed)
torch.set_num_threads(1)

ACTIVITIES = ["walk", "run", "stairs", "cycle", "sit", "lie"]
N_STEPS, HZ = 64, 20
# steps per second, swing of the arm, second harmonic, roughness
GAIT = {"walk": (1.9, 2.2, 0.5, 0.5), "run": (2.7, 6.5, 0.4, 1.2), "stairs": (1.6, 2.0, 1.1, 0.7)}


def record_window(activity, person, rng):
    """Three axes by N_STEPS, in m/s^2."""
    t = np.arange(N_STEPS) / HZ
    if activity in GAIT:
        pace, swing, harmonic, rough = GAIT[activity]
        phase = 2 * np.pi * pace * person["pace"] * rng.uniform(0.93, 1.07) * t + rng.uniform(0, 2 * np.pi)
        wave = np.stack([np.sin(phase / 2), np.sin(phase) + harmonic * np.sin(2 * phase + 0.7), np.cos(phase)])
        signal = swing * person["swing"] * wave * np.array([[0.7], [1.0], [0.4]])
        down = person["wrist"]
    else:
        rough = {"cycle": 1.0, "sit": 0.25, "lie": 0.12}[activity]
        drift = rng.normal(0, 0.3, (3, 1)) * np.sin(2 * np.pi * t / rng.uniform(2, 6))
        signal = drift + (1.2 * np.sin(2 * np.pi * 1.2 * person["pace"] * t) if activity == "cycle" else 0)
        lean = {"cycle": [0.5, 0.3, 0.8], "sit": [0.1, -0.4, 0.9], "lie": [0.8, 0.1, -0.5]}[activity]
        down = person["wrist"] * 0.3 + lean
    down = down + rng.normal(0, 0.15, 3)
    gravity = 9.81 * down / np.linalg.norm(down)
    return gravity[:, None] + signal + rough * rng.normal(0, 1, (3, N_STEPS))


def load_people(n_people, n_windows, rng):
    signals, labels = [], []
    for _ in range(n_people):
        wrist = np.array([0.2, -0.9, 0.3]) + rng.normal(0, 0.15, 3)
        person = {"pace": rng.uniform(0.88, 1.12), "swing": rng.uniform(0.7, 1.3), "wrist": wrist}
        for label, activity in enumerate(ACTIVITIES):
            for _ in range(n_windows):
                signals.append(record_window(activity, person, rng))
                labels.append(label)
    return np.array(signals, dtype="float32"), np.array(labels)


rng = np.random.default_rng(seed)
x_train, y_train = load_people(16, 15, rng)
x_test, y_test = load_people(6, 12, rng)
x_train, x_test = x_train.transpose(0, 2, 1), x_test.transpose(0, 2, 1)
mean, std = x_train.mean(axis=(0, 1)), x_train.std(axis=(0, 1))
x_train = (x_train - mean) / std
x_test = (x_test - mean) / std
x_train, y_train = shuffle(x_train, y_train, random_state=seed)
y_train_onehot = keras.utils.to_categorical(y_train, len(ACTIVITIES))
y_test_onehot = keras.utils.to_categorical(y_test, len(ACTIVITIES))
print("train", x_train.shape, "test", x_test.shape)

inputs = keras.Input(shape=(N_STEPS, 3))
h = layers.Conv1D(16, 7, padding="same", activation="relu", name="conv_a")(inputs)
h = layers.MaxPooling1D(2)(h)
h = layers.Conv1D(24, 5, padding="same", activation="relu", name="conv_b")(h)
h = layers.Concatenate()([layers.GlobalAveragePooling1D()(h), layers.GlobalMaxPooling1D()(h)])
h = layers.Dense(32, activation="relu", name="dense_a")(h)
h = layers.Dropout(0.3)(h)
outputs = layers.Dense(len(ACTIVITIES), activation="softmax", name="activity")(h)
model = keras.Model(inputs, outputs)
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=3e-3),
    loss="categorical_crossentropy",
    metrics=["accuracy"],
)
callbacks = [
    keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.4, patience=2),
    keras.callbacks.EarlyStopping(monitor="val_loss", patience=5, restore_best_weights=True),
]
model.fit(
    x_train,
    y_train_onehot,
    validation_data=(x_test, y_test_onehot),
    epochs=8,
    batch_size=32,
    callbacks=callbacks,
    verbose=2,
)
predicted = model.predict(x_test, verbose=0).argmax(axis=1)
print("accuracy on new people:", (predicted == y_test).mean().round(4))
print(confusion_matrix(y_test, predicted))
