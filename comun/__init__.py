"""The shared kernel: settings, messages, bus, store. Every role imports it; it imports no role."""
