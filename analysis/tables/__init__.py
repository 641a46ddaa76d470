"""A ledger as pandas tables: trials, records, the front, the confirmation."""
