"""Export a point as verified files that load without this project."""
