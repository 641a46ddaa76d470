"""How uncertain the results are: intervals, tests, verdicts and probabilities."""
