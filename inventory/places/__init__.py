"""Where a unit can be and whose it can be: depots, stores, sites, vendors, lanes, coverage."""
