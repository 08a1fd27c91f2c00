"""A small invented office: for `pal demo`, for the tests and for the benchmarks."""
