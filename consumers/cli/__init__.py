"""`pal`, the command line: data on stdout, talk on stderr, one exit code for each outcome."""
