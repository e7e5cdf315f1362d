"""The search for good values of an experiment's variables, with Optuna, which is an extra (``tune``)."""
