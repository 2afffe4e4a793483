"""Returns: what comes back, goes back, or stands in until it does."""
