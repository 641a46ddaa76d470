"""Which parameters a trial can have, what each may be, and which of them are active."""
