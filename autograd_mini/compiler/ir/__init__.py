"""What programs are: packs, requests, and what builds programs."""
