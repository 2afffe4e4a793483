"""The ledger: every unit and level, and the verbs that move them."""
