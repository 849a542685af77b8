"""Programs in the notation of the lecture: as text, and as a picture."""
