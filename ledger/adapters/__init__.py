"""One file per technology. Everything that touches a disk, a socket or a clock is here."""
