"""A renewal client for PIV cards: Python, pyscard and cryptography. `flows.py` has what it does, task by task."""
