"""What is said: events, the agreement and derived facts, as models. No I/O and no folding here."""
