"""The own API, one module per noun: its operations, what they take and what they show."""
