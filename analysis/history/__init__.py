"""How a sweep went: its timeline, cost, rungs, and what mattered."""
