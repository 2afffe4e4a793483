"""The promise meter (保障状态): can the parts that devices depend on come in time now."""
