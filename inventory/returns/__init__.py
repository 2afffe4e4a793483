"""Returns: what is owed back and by when, to us and to vendors; RMA, repair, loaners, whole-unit swaps."""
