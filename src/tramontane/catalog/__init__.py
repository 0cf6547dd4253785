"""The catalogue: what is known of models, who offers them, and where each fact was read."""
