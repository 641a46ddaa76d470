"""Hand the chosen model over: files that load without this project, checked before they appear."""
