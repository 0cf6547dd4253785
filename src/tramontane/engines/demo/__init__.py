"""The demonstration model, as package data: demo.gguf and its card.json.

Trained from scratch by runs/demo.py. It proves the path from training to answering; it is not
capable of answering, and the product says so wherever it does.
"""
