"""Part requests: from a fault to a part on its way, with a promise that is kept."""
