"""What it means: pure folds over events and the agreement. No I/O, no clock, no ids made up here."""
