"""Imports: tables of parts, stock, units, devices, vendors and offers, checked whole before anything is brought in."""
