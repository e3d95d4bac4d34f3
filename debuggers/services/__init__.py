"""Models that are asked over HTTP: which addresses may be asked, in which protocol, and how long."""
