"""What chooses the params of a trial, and what stops a trial early."""
