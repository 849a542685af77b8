"""The backward pass, frame by frame."""
