"""Benchmarks: measured on real servers and a durable embedded PostgreSQL, as ratios to a reference in the same run."""
