"""The domain: parts, stock, requests, plans and emergencies, with every rule about them.

Floors, each standing only on those before it: ground, places, catalogue, people, installed_base,
stock, procurement, returns, requests, planning, emergency, assurance.
"""
