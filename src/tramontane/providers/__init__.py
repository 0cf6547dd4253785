"""Who serves remote models, and stand-ins that speak their wire form."""
