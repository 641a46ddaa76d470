"""The pandas tables of a ledger: trials, records, the front and the confirmation."""
