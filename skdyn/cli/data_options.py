"""The options of every command that reads a CSV file of trajectories."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skdyn.data.trajectories import Trajectories

MODEL_HELP = "registered name, folder or hf:// id"


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Declare the file and how to read it."""
    parser.add_argument("data", type=Path, help="CSV file with a header line, one row a point")
    parser.add_argument("--time", help="time column (default: t or time where present, else unit steps)")
    parser.add_argument("--group", help="column that tells trajectories apart (default: id, trajectory or group)")
    parser.add_argument("--features", nargs="+", help="state columns (default: all others)")
    parser.add_argument("--missing", choices=("raise", "drop"), default="raise", help="what to do with empty cells")


def read_data(options: argparse.Namespace) -> Trajectories:
    """Read the file as `add_data_options` declared."""
    from skdyn.data.table import read_csv

    return read_csv(options.data, options.time, options.group, options.features, options.missing)
