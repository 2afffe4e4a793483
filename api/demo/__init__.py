"""The demo company, its vendors, its past and its drills. All of it fictional, but for the drives' failure rates."""
