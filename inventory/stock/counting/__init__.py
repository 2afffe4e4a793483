"""Counting (盘点): what really lies there, compared with the ledger while work goes on."""
