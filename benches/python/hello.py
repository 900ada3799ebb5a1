"""What `tests/guests/hello` does, in Python: one log message, and ok."""

from wit_world.imports import log
from wit_world.imports.types import Event


class WitWorld:
    def run(self, event: Event) -> None:
        log.write(log.Level.INFO, f"hello from {event.operation}", [])
