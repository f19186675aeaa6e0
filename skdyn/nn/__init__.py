"""Pure torch networks: no I/O, no scikit-learn."""
