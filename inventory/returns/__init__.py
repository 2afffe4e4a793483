"""Returns: what is owed back, what goes to vendors and to the bench, and what stands in meanwhile."""
