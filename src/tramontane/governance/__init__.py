"""What those who answer for the platform must be able to show.

Whom it depends on (`facts`, `independence`), and what stands without them (`survival`, `drills`).
"""
