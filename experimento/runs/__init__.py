"""What a run is: its folder, its records, the ways of its checks and how long they took."""
