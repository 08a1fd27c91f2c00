"""The ledger library: what an action is, what an entry is, which entries count, and where they lie.

Begin reading at `ledger.core`, then `ledger.entry`, `ledger.domain`, `ledger.app`,
`ledger.adapters`. Imports go only in the other direction; `tests/architecture` holds that.
"""
