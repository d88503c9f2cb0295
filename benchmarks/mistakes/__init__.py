"""What the common tutorial's mistakes cost, measured."""
