"""What serves local models, and the supervision of its processes."""
