"""Pure ground: canonical JSON, hashes, heads, findings, the action's envelope. No I/O, no clock."""
