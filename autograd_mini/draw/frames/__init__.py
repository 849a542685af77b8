"""Animations of the backward pass, frame by frame."""
