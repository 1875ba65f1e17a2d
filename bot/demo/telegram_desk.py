"""What every method of the Bot API works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.demo.telegram_arguments import Arguments
from bot.demo.telegram_errors import Json, bad_request
from bot.demo.telegram_faults import Faults
from bot.demo.telegram_state import Message, World
from bot.demo.telegram_updates import Updates


@dataclass
class Desk:
    world: World
    updates: Updates
    faults: Faults
    clock: Callable[[], float]
    callback_expires_s: float

    def chat_to_write(self, arguments: Arguments) -> Json:
        """The chat of a sending or editing call, after blocks and flood limits."""
        chat = self.world.writable_chat(arguments.text("chat_id"))
        self.faults.flood(chat["id"])
        return chat

    def message(self, arguments: Arguments, missing: str) -> Message:
        """The message a call names; refuses with `missing` where it isn't there."""
        chat = self.world.chat(arguments.text("chat_id"))
        if not arguments.text("message_id"):
            raise bad_request("message identifier is not specified")
        message = self.world.find(chat["id"], arguments.integer("message_id"))
        if message is None:
            raise bad_request(missing)
        return message


Method = Callable[[Desk, Arguments], object]
