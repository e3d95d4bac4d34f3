"""The processes in which models live: how they are started, confined and spoken to."""
