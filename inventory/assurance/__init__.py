"""Proof that the books are right: invariants anybody can run at any time."""
