"""Parts and their other numbers, the models they fit, what may stand in for them, how often they fail."""
