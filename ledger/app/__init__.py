"""What is done with entries: intake, grouping, the writer's session, the application."""
