"""Plataforma de mensajes: relays requests to the receptor and answers to the monitor."""
