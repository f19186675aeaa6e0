"""Data, objective and validation of FIM-SDE: stochastic systems from a prior, simulated on the device."""
