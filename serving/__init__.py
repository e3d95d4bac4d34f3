"""What stands around the app when it is served: settings, guards, health, the log, and how it stops."""
