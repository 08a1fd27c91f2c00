"""The domain, pure: events, dossier (decide and evolve), deadlines, calendars, phrases, imports."""
