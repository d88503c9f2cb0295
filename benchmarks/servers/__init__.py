"""What ours is compared with, as gunicorn imports it."""
