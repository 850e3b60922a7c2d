"""What does a cask of whisky fetch under the hammer?

Past lots of an auction house: age, strength, volume left, angels' share, the season, the distillery and the kind of
wood. A small functional Keras model with embeddings for the two categories predicts the hammer price.
"""

import os

os.environ["KERAS_BACKEND"] = "torch"

import random

import keras
import numpy as np
import torch
from keras import layers

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)
keras.utils.set_random_seed(SEED)

N_TRAIN, N_VALID = 2400, 800
PRICE_NOISE = 0.08
WIDTH = 64
BATCH_SIZE = 64
EPOCHS = 16
PEAK_RATE = 4e-3

DISTILLERIES = 14
WOODS = ["bourbon barrel", "hogshead", "sherry butt", "port pipe", "quarter cask"]
WOOD_LITRES = np.array([190.0, 250.0, 500.0, 500.0, 125.0])
WOOD_TASTE = np.array([1.0, 1.05, 1.45, 1.25, 0.9])


def past_lots(how_many, rng, renown):
    """Lots as the clerk wrote them down, one row each, and the hammer prices in pounds."""
    wood = rng.choice(len(WOODS), how_many, p=[0.35, 0.3, 0.15, 0.08, 0.12])
    distillery = rng.integers(0, DISTILLERIES, how_many)
    age = rng.gamma(4.0, 3.2, how_many).clip(3, 38)
    filled_at = rng.normal(63.5, 1.2, how_many)
    evaporation = rng.normal(0.019, 0.004, how_many).clip(0.005, 0.04) * np.where(wood == 4, 1.4, 1.0)
    litres = WOOD_LITRES[wood] * (1 - evaporation) ** age
    strength = filled_at - age * rng.normal(0.45, 0.12, how_many)
    month = rng.integers(1, 13, how_many)
    bidders = rng.poisson(9, how_many) + 1
    per_litre = 4.0 + 0.55 * age + 0.018 * age**2
    per_litre *= WOOD_TASTE[wood] ** np.clip(age / 12, 0.5, 1.6) * renown[distillery]
    per_litre *= 1 / (1 + np.exp(-(strength - 42) / 2.5))  # below 40 % it may not be called whisky
    season = 1 + 0.12 * np.cos(2 * np.pi * (month - 11) / 12)
    price = per_litre * litres * season * (0.8 + 0.07 * np.sqrt(bidders))
    price = price * np.exp(rng.normal(0, PRICE_NOISE, how_many))
    numbers = np.stack([age, strength, litres, bidders, month], axis=1)
    return {"numbers": numbers, "distillery": distillery, "wood": wood}, price


def build_model(mean, variance):
    numbers = keras.Input((5,), name="numbers")
    distillery = keras.Input((), dtype="int32", name="distillery")
    wood = keras.Input((), dtype="int32", name="wood")
    scaled = layers.Normalization(mean=mean, variance=variance)(numbers)
    joined = layers.Concatenate()(
        [scaled, layers.Embedding(DISTILLERIES, 4)(distillery), layers.Embedding(len(WOODS), 3)(wood)]
    )
    hidden = layers.Dense(WIDTH, activation="relu", name="hidden_1")(joined)
    hidden = layers.Dense(WIDTH, activation="relu", name="hidden_2")(hidden)
    price = layers.Dense(1, name="price")(hidden)
    return keras.Model([numbers, distillery, wood], price)


def r_squared(truth, guess):
    return 1 - np.mean((truth - guess) ** 2) / np.var(truth)


def main():
    rng = np.random.default_rng(SEED)
    renown = np.exp(rng.normal(0, 0.35, DISTILLERIES))
    train_lots, train_price = past_lots(N_TRAIN, rng, renown)
    valid_lots, valid_price = past_lots(N_VALID, rng, renown)
    print(f"{N_TRAIN} lots, {train_price.mean():.0f} +- {train_price.std():.0f} pounds")

    mean, variance = train_lots["numbers"].mean(0), train_lots["numbers"].var(0)
    centre, spread = train_price.mean(), train_price.std()
    train_target = ((train_price - centre) / spread).astype("float32")
    valid_target = ((valid_price - centre) / spread).astype("float32")

    model = build_model(mean, variance)
    steps = -(-N_TRAIN // BATCH_SIZE)
    rate = keras.optimizers.schedules.CosineDecay(PEAK_RATE, decay_steps=EPOCHS * steps)
    model.compile(optimizer=keras.optimizers.Adam(rate), loss="mse")
    model.fit(
        train_lots,
        train_target,
        batch_size=BATCH_SIZE,
        epochs=EPOCHS,
        validation_data=(valid_lots, valid_target),
        verbose=2,
    )

    guess = model.predict(valid_lots, verbose=0)[:, 0] * spread + centre
    print(f"R2 on the {N_VALID} lots not trained on: {r_squared(valid_price, guess):.4f}")
    print(f"typical miss {np.median(np.abs(guess - valid_price)):.0f} pounds")


if __name__ == "__main__":
    main()
