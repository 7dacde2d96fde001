"""Put load on the monitor and record what became of each request."""
