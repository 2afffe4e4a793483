"""What customers run, what was promised for it, and what failed."""
