"""What can be said of a point beyond its figures: intervals, tests, and how sure an answer is."""
