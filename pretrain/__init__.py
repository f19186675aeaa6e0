"""Pretraining: priors over dynamical systems, their simulation, and the training of the in-context models.

Nothing here is needed to use skdyn; ``python -m pretrain.fim_ode`` makes the weights that skdyn ships.
"""
