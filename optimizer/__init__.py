"""Pure mathematics of spare parts: how much to stock, how well it covers, what to do in an emergency.

Nothing here reads a database, a clock, the environment or an unseeded random source.
Year = 365 days, money in CNY, times as their names say.
"""
