"""The token path: one process between every client and every model."""
