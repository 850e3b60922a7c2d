"""How hot is a star? Effective temperatures from broad-band photometry (Keras 3, torch backend).

The catalogue is simulated: black bodies with line blanketing, reddened by dust on the way, with photometric noise.
All magnitudes and colours come in millimagnitudes, parallaxes in microarcseconds, as the archive delivers them.
"""

import os
import random

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
keras.utils.set_random_seed(SEED)
torch.set_num_threads(1)

BANDS = {"u": 360, "b": 440, "v": 550, "r": 640, "i": 790, "j": 1220, "h": 1630, "k": 2190}  # nanometres
DUST = np.array([1.57, 1.32, 1.00, 0.82, 0.60, 0.28, 0.19, 0.11])  # extinction relative to v
N_STARS = 3400
WIDTHS = (64, 64, 64, 64, 64)
ACTIVATION = "softsign"
EPOCHS = 12
BATCH = 64
RATE = 0.02


def make_catalogue(n, rng):
    teff = np.clip(np.exp(rng.normal(np.log(5400), 0.28, n)), 3100, 13000)
    giant = (rng.random(n) < 0.25) & (teff < 6500)
    radius = np.where(giant, rng.uniform(6, 30, n), (teff / 5800) ** 1.3 * np.exp(rng.normal(0, 0.1, n)))
    metals = rng.normal(-0.2, 0.35, n)
    distance = rng.gamma(2.0, 450, n) + 60  # parsec
    latitude = np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    dust = 0.9 * (distance / 1000) * np.exp(-np.abs(latitude) / 25) * rng.gamma(6, 1 / 6, n)

    wave = np.array(list(BANDS.values())) * 1e-9
    flux = wave**-5 / (np.exp(0.014388 / (wave * teff[:, None])) - 1)
    sun = wave**-5 / (np.exp(0.014388 / (wave * 5772)) - 1)
    mags = 4.8 - 2.5 * np.log10(flux / sun * radius[:, None] ** 2) + 5 * np.log10(distance[:, None] / 10)
    blanket = np.exp(-(((teff - 4200) / 1500) ** 2))[:, None] * np.array([0.5, 0.25, 0.08, 0.03, 0, 0, 0, 0])
    mags = mags + blanket * (1 + 0.8 * metals[:, None]) + dust[:, None] * DUST
    blended = rng.random(n) < 0.027  # a neighbour's light in the aperture
    mags += np.where(blended[:, None], rng.normal(0, 0.35, mags.shape), rng.normal(0, 0.03, mags.shape))
    parallax = 1e6 / distance + rng.normal(0, 60, n)

    colours = mags[:, :-1] - mags[:, 1:]
    columns = [1000 * mags[:, 2], *(1000 * colours).T, parallax, np.abs(latitude) * 10]
    return np.stack(columns, axis=1).astype("float32"), teff.astype("float32"), blended


def he_normal(fan_in):
    return keras.initializers.RandomNormal(stddev=(2.0 / fan_in) ** 0.5)


def build(scaler, n_columns):
    stars = keras.Input((n_columns,), name="stars")
    h = scaler(stars)
    fan_in = n_columns
    for width in WIDTHS:
        h = keras.layers.Dense(width, activation=ACTIVATION, kernel_initializer=he_normal(fan_in))(h)
        fan_in = width
    return keras.Model(stars, keras.layers.Dense(1, name="teff")(h))


class Kelvin(keras.callbacks.Callback):
    """Says every few epochs what the error is in kelvin."""

    def __init__(self, x, teff, unit, every=4):
        super().__init__()
        self.x, self.teff, self.unit, self.every = x, teff, unit, every

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every == 0:
            guess = self.model.predict(self.x, verbose=0, batch_size=512).ravel() * self.unit
            print(f"   typical error {np.median(np.abs(guess - self.teff)):.0f} K", flush=True)


def main():
    rng = np.random.default_rng(SEED)
    columns, teff, blended = make_catalogue(N_STARS, rng)
    order = rng.permutation(N_STARS)
    train, test = order[: int(0.72 * N_STARS)], order[int(0.72 * N_STARS) :]
    train, test = train[~blended[train]], test[~blended[test]]

    middle, unit = teff[train].mean(), teff[train].std()
    x_train, y_train = columns[train], (teff[train] - middle) / unit
    x_test, y_test = columns[test], (teff[test] - middle) / unit
    print(f"{len(train)} stars to train on, {len(test)} held out, {columns.shape[1]} columns")

    scaler = keras.layers.Normalization()
    scaler.adapt(x_train)
    model = build(scaler, columns.shape[1])
    schedule = keras.optimizers.schedules.ExponentialDecay(RATE, decay_steps=200, decay_rate=0.8)
    model.compile(optimizer=keras.optimizers.SGD(schedule, momentum=0.9), loss="mse", metrics=["mae"])
    model.fit(
        x_train,
        y_train,
        batch_size=BATCH,
        epochs=EPOCHS,
        validation_data=(x_test, y_test),
        callbacks=[Kelvin(x_test, teff[test] - middle, unit)],
        verbose=2,
    )

    guess = model.predict(x_test, verbose=0, batch_size=512).ravel() * unit + middle
    error = guess - teff[test]
    r2 = 1 - (error**2).sum() / ((teff[test] - teff[train].mean()) ** 2).sum()
    print(f"held-out stars: R2 {r2:.4f}, mean error {np.abs(error).mean():.0f} K (the mean star: ", end="")
    print(f"{np.abs(teff[test] - middle).mean():.0f} K)")


if __name__ == "__main__":
    main()
