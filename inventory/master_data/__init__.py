"""Master data: everything a company enters about itself, described once, for its lists, its forms and its API."""
