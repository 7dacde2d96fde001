"""Start, watch and end the suite's processes, the embedded broker among them."""
