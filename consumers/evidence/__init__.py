"""Evidence bundles: choosing what goes into one, and writing it (docs/formats/evidence.md)."""
