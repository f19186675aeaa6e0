"""Questions to a fitted estimator: the same states in other forms, and states that must be refused."""

import numpy as np
import pandas as pd
import polars as pl

NAMES = ["hare", "lynx"]
ALIKE, REFUSED = [], []


def alike(write):
    """Note a form of states (N, 2) that must be answered like the array."""
    ALIKE.append(write)
    return write


def refused(write):
    """Note a form of states that must be refused; it returns the states and the words of the refusal."""
    REFUSED.append(write)
    return write


@alike
def named_in_another_order(rng, states):
    library = [pd, pl][rng.integers(2)]
    return library.DataFrame({"lynx": states[:, 1], "hare": states[:, 0]})


@alike
def of_other_memory(rng, states):
    forms = [states.tolist(), np.asfortranarray(states), states.astype(object), np.ma.array(states)]
    return forms[rng.integers(4)]


@alike
def of_nullable_types(rng, states):
    return pd.DataFrame(states, columns=NAMES).astype("Float64")


@refused
def with_unknown_names(rng, states):
    return pd.DataFrame(states, columns=["hare", "fox"]), ["fox", "lynx"]


@refused
def with_a_column_more(rng, states):
    if rng.integers(2):
        return pd.DataFrame(states, columns=NAMES).assign(fox=1.0), ["fox"]
    return np.column_stack([states, states]), ["4"]


@refused
def not_finite(rng, states):
    states[-1, 0] = [np.nan, np.inf, -np.inf][rng.integers(3)]
    return [states, pd.DataFrame(states, columns=NAMES), states.tolist()][rng.integers(3)], ["NaN|inf"]


@refused
def masked(rng, states):
    hidden = np.ma.array(states)
    hidden[0, 1] = np.ma.masked
    return hidden if rng.integers(2) else [hidden[0], *states[1:]], ["NaN"]


@refused
def of_no_numbers(rng, states):
    frame = pd.DataFrame(states, columns=NAMES)
    forms = [states.astype(str), states > 0, states + 1j, frame > 0, frame.astype("category")]
    return forms[rng.integers(5)], ["X|points"]


@refused
def of_no_data_yet(rng, states):
    return pl.DataFrame(states, schema=NAMES).lazy(), ["LazyFrame"]


@refused
def with_a_column_twice(rng, states):
    return pd.DataFrame(states[:, [0, 0, 1]], columns=["hare", "hare", "lynx"]), ["hare", "more than once"]


@refused
def ragged(rng, states):
    return [*states.tolist()[:-1], [1.0]], ["X|points"]
