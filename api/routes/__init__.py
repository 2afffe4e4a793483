"""Routes: one module per area; each handler calls one verb or question of the domain."""
