"""Turn the scores of a head into probabilities, and decide from which score a prediction is returned."""
