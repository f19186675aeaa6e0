"""The door: trajectories from arrays, DataFrames and files, validated once."""
