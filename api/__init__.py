"""The edges: HTTP, pages, worker, vendors, command line. A route calls one verb of the domain."""
