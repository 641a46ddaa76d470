"""Side-by-side measurements; `python -m benchmarks.NAME`, each says in its head what it takes."""
