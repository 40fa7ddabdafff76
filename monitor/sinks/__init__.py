"""Where scenes go: a window, a video, pictures, events, a summary, the terminal.

Each is a module of its own and is imported by whoever opens it, so that a run loads only what it uses. All of them
take `write(Scene | Gap)` and `close()`, acquire in the constructor, and raise SinkError with a hint.
"""
