"""How many kilocalories does a hiker burn on the way up to the hut?

A route is sixteen legs (length, climb, altitude, kind of ground), a hiker is a short row of numbers. One small network
looks at every leg together with the hiker, the legs are pooled, and a second one turns the pool into energy.
"""

import os

os.environ["KERAS_BACKEND"] = "torch"

import random
from functools import partial

import keras
import numpy as np
import torch
from keras import layers

SEED = int(os.environ.get("SEED", "0"))
torch.set_num_threads(1)
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)
keras.utils.set_random_seed(SEED)

N_HIKES, N_LEGS = 4000, 16
N_TRAIN = 3000
EPOCHS = 16
BATCH_SIZE = 64
LEARNING_RATE = 2e-3

GROUND_COST = np.array([1.0, 1.2, 1.5, 1.9, 2.4])  # gravel road, path, scree, bog, snow
GROUND_PACE = np.array([1.0, 0.95, 0.75, 0.7, 0.6])


def simulate_hikes(n, rng):
    """Routes and hikers with the energy after Pandolf, the pace after Tobler; watches are ten per cent off."""
    length = rng.gamma(2.2, 0.35, (n, N_LEGS)) + 0.05  # km
    steepness = rng.normal(0.05, 0.05, (n, 1)) + rng.normal(0, 0.13, (n, N_LEGS))
    climb = steepness * length * 1000  # m
    altitude = rng.uniform(400, 1900, (n, 1)) + np.cumsum(climb, axis=1)
    usual = rng.dirichlet([2.0, 3.0, 1.5, 0.8, 0.6], n)
    ground = (rng.random((n, N_LEGS, 1)) > np.cumsum(usual, axis=1)[:, None, :]).sum(-1).clip(0, 4)

    weight = rng.normal(72, 12, n).clip(45, 115)
    pack = rng.gamma(5.0, 2.2, n).clip(2, 28)
    age = rng.uniform(18, 72, n)
    training = rng.gamma(2.0, 1.5, n)  # hours a week
    warmth = rng.normal(14, 7, n)

    fitness = 0.85 + 0.05 * np.minimum(training, 6) - 0.004 * (age - 40)
    pace = 6 * np.exp(-3.5 * np.abs(steepness + 0.05)) * GROUND_PACE[ground] * fitness[:, None]  # km/h
    pace = pace * (1 - 0.04 * np.maximum(altitude / 1000 - 2, 0))
    speed, grade = pace / 3.6, 100 * steepness
    w, p = weight[:, None], pack[:, None]
    push = 1.5 * speed**2 + 0.35 * speed * np.maximum(grade, -4)
    watts = 1.5 * w + 2 * (w + p) * (p / w) ** 2 + GROUND_COST[ground] * (w + p) * push
    watts = np.maximum(watts, 2.0 * w)
    kcal = (0.86 * watts * length / pace).sum(1) * (1 + 0.008 * np.abs(warmth - 14)) * np.exp(rng.normal(0, 0.06, n))

    legs = np.stack([length, climb / 100, altitude / 1000], axis=-1)
    table = np.stack([weight, pack, age, training, warmth, kcal], axis=1)
    return legs, ground, table


dense = partial(layers.Dense, activation="relu", kernel_initializer="glorot_uniform")


def build_model(n_who):
    legs_in = keras.Input((N_LEGS, 3), name="legs")
    ground_in = keras.Input((N_LEGS,), dtype="int32", name="ground")
    who_in = keras.Input((n_who,), name="who")

    ground = layers.Embedding(len(GROUND_COST), 4)(ground_in)
    who = layers.RepeatVector(N_LEGS)(who_in)
    x = layers.Concatenate()([legs_in, ground, who])
    x = dense(64)(x)
    x = dense(64)(x)
    x = layers.GlobalAveragePooling1D()(x)
    x = dense(32)(x)
    energy = layers.Dense(1, kernel_initializer="glorot_uniform", name="energy")(x)
    return keras.Model([legs_in, ground_in, who_in], energy)


def main():
    rng = np.random.default_rng(SEED)
    legs, ground, table = simulate_hikes(N_HIKES, rng)
    kcal = table[:, -1]
    who = table[:, :-1]

    legs_mean, legs_std = legs[:N_TRAIN].mean((0, 1)), legs[:N_TRAIN].std((0, 1))
    who_mean, who_std = who[:N_TRAIN].mean(0), who[:N_TRAIN].std(0)
    legs = ((legs - legs_mean) / legs_std).astype("float32")
    who = ((who - who_mean) / who_std).astype("float32")
    kcal_mean, kcal_std = kcal[:N_TRAIN].mean(), kcal[:N_TRAIN].std()
    target = ((kcal - kcal_mean) / kcal_std).astype("float32")[:, None]

    inputs = [legs, ground.astype("int32"), who]
    fit_inputs, val_inputs = [a[:N_TRAIN] for a in inputs], [a[N_TRAIN:] for a in inputs]

    model = build_model(who.shape[1])
    model.summary(line_length=100)
    model.compile(
        optimizer=keras.optimizers.AdamW(LEARNING_RATE, weight_decay=1e-3),
        loss="mse",
    )
    model.fit(
        fit_inputs,
        target[:N_TRAIN],
        validation_data=(val_inputs, target[N_TRAIN:]),
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        shuffle=True,
        verbose=2,
    )

    predicted = model.predict(val_inputs, batch_size=250, verbose=0)[:, 0] * kcal_std + kcal_mean
    truth = kcal[N_TRAIN:]
    rest, spread = truth - predicted, truth - kcal[:N_TRAIN].mean()
    print(
        f"hikes held out: mean absolute error {np.abs(rest).mean():.0f} kcal, "
        f"with the mean alone {np.abs(spread).mean():.0f} kcal"
    )
    print(f"R2 {1 - (rest**2).sum() / (spread**2).sum():.4f}")


if __name__ == "__main__":
    main()
