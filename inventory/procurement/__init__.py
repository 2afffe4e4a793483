"""Vendors, their offers and authorisations, and our orders to them."""
