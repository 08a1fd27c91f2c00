"""The only SQL that reads the read store for people."""
