"""Tables in and out: reading CSV and Excel, writing CSV."""
