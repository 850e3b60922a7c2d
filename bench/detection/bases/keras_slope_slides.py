"""Will this slope slide tomorrow? Thirty days of rain and a soil survey go in, a logit comes out.

Two-branch functional Keras model on the torch backend. The inventory is generated with the infinite-slope equation.
"""

import os

os.environ["KERAS_BACKEND"] = "torch"

import random

import keras
import numpy as np
import pandas as pd
import torch
from keras import layers
from sklearn.metrics import roc_auc_score

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)
keras.utils.set_random_seed(SEED)
torch.set_num_threads(1)

N_SITES = 5000
DAYS = 30
EPOCHS = 8
BATCH_SIZE = 50
LEARNING_RATE = 1e-3
DROPOUT = 0.25


def rain_series(generator, n):
    """Millimetres a day: wet spells of a few days between dry ones."""
    wet = np.zeros((n, DAYS))
    state = generator.random(n) < 0.4
    for day in range(DAYS):
        flip = generator.random(n) < np.where(state, 0.35, 0.22)
        state = state ^ flip
        wet[:, day] = state * generator.gamma(0.9, 14.0, n)
    return wet


def make_inventory(generator, n):
    """Survey table with the outcome in it (`slid`, and how much debris was cleared), and the rain."""
    survey = pd.DataFrame(
        {
            "slope_deg": generator.uniform(12, 55, n),
            "cohesion_kpa": generator.gamma(6.0, 0.9, n),
            "friction_deg": generator.normal(31, 3.0, n),
            "drainage_days": np.exp(generator.normal(1.5, 0.6, n)),
            "forest_share": generator.beta(1.2, 1.2, n),
            "road_cut": (generator.random(n) < 0.3).astype(float),
            "elevation_m": generator.uniform(200, 1900, n),
        }
    )
    # steep ground has shed its soil already
    depth = 2.6 / (1 + np.exp((survey.slope_deg - 41) / 2.5)) * np.exp(generator.normal(0, 0.12, n)) + 0.05
    survey["soil_depth_m"] = depth
    rain = rain_series(generator, n)

    age = np.arange(DAYS)[::-1]
    memory = np.exp(-age[None, :] / survey.drainage_days.to_numpy()[:, None])
    water = np.clip((rain * memory).sum(1) / (95 * depth) + 0.1, 0, 1)
    beta = np.radians(survey.slope_deg)
    phi = np.radians(survey.friction_deg)
    strength = survey.cohesion_kpa + 4.0 * survey.forest_share
    safety = strength / (18 * depth * np.sin(beta) * np.cos(beta))
    safety = safety + (1 - 0.54 * water) * np.tan(phi) / np.tan(beta)
    safety = safety * np.where(survey.road_cut > 0, 0.9, 1.0) * np.exp(generator.normal(0, 0.06, n))
    survey["slid"] = (safety < 1.35).astype(int)
    survey["debris_m3"] = survey.slid * np.exp(generator.normal(4.0, 0.8, n)) * depth
    return survey, rain


def build_model(n_static):
    rain_in = keras.Input((DAYS, 1), name="rain")
    x = layers.Conv1D(16, 5, strides=2, activation="relu")(rain_in)
    x = layers.Conv1D(16, 3, strides=2, activation="relu")(x)
    x = layers.Flatten()(x)
    rain_code = layers.Dense(24, activation="relu")(x)

    site_in = keras.Input((n_static,), name="site")
    site_code = layers.Dense(48, activation="relu")(site_in)

    both = layers.Concatenate()([rain_code, site_code])
    both = layers.Dense(64, activation="relu")(both)
    both = layers.Dropout(DROPOUT)(both)
    both = layers.Dense(32, activation="relu")(both)
    logit = layers.Dense(1, name="logit")(both)
    return keras.Model({"rain": rain_in, "site": site_in}, logit)


if __name__ == "__main__":
    gen = np.random.default_rng(SEED)
    survey, rain = make_inventory(gen, N_SITES)
    labels = survey["slid"].to_numpy().astype("float32")
    site = survey.drop(columns=["slid", "debris_m3"]).to_numpy()
    print(f"{len(labels)} site-days, {labels.mean():.1%} of them slid; {site.shape[1]} survey columns")

    shuffled = gen.permutation(N_SITES)
    train, val, test = np.split(shuffled, [int(0.7 * N_SITES), int(0.85 * N_SITES)])

    mu, sd = site[train].mean(0), site[train].std(0)
    site = ((site - mu) / sd).astype("float32")
    rain = (np.log1p(rain) / np.log1p(rain[train]).std()).astype("float32")[..., None]

    def part(rows):
        return {"rain": rain[rows], "site": site[rows]}, labels[rows]

    model = build_model(site.shape[1])
    model.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy(threshold=0.0, name="acc")],
    )
    x_train, y_train = part(train)
    model.fit(x_train, y_train, batch_size=BATCH_SIZE, epochs=EPOCHS, validation_data=part(val), verbose=2)

    x_test, y_test = part(test)
    loss, acc = model.evaluate(x_test, y_test, verbose=0)
    score = model.predict(x_test, verbose=0).ravel()
    base_rate = max(y_test.mean(), 1 - y_test.mean())
    print(f"test: loss {loss:.4f}, accuracy {acc:.4f} (majority {base_rate:.4f})")
    if np.isfinite(score).all():
        print(f"test: AUC {roc_auc_score(y_test, score):.4f}")
