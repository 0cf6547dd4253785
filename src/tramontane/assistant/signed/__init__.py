"""An answer with everything that proves it, as one signed file that is checked apart from here."""
