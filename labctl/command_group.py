"""How commands are listed, and what is said of a command line that means nothing: with the nearest right name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand, TyperGroup
from typing_extensions import override

from labctl.errors import InputError, nearest

if TYPE_CHECKING:
    import typer
    from typer.exceptions import TyperException


class CommandGroup(TyperGroup):
    """Commands that are listed with their whole first sentence, and found again where a name is mistyped."""

    @override
    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        command = super().get_command(ctx, cmd_name)
        if command is not None and command.help and not command.short_help:
            # Given as such it is wrapped where a line is too short for it; typer would cut it.
            first, _, _ = " ".join(command.help.partition("\n\n")[0].split()).partition(". ")
            command.short_help = first.rstrip(".")
        return command

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args and not self.invoke_without_command and not ctx.resilient_parsing:
            raise InputError(f"`{ctx.command_path}` needs a command: {', '.join(self.commands)}; {_see(ctx)}")
        return super().parse_args(ctx, args)

    @override
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if not ctx.resilient_parsing and name not in self.commands:
            near = nearest(name, [*self.commands, *ctx.help_option_names])
            hint = f"did you mean {near!r}?" if near else f"there are: {', '.join(self.commands)}"
            raise InputError(f"`{ctx.command_path}` has no command {name!r}; {hint}")
        return super().resolve_command(ctx, args)


class CompletedCommand(TyperCommand):
    """A command of which the Tab key knows what was typed before an option whose value is just being typed."""

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        waiting = [
            name for parameter in self.params if not getattr(parameter, "is_flag", False) for name in parameter.opts
        ]
        if ctx.resilient_parsing and args and args[-1] in waiting:
            args = args[:-1]  # without its value nothing of the line would be read
        return super().parse_args(ctx, args)


def usage_words(error: TyperException) -> str:
    """Return in one line what is wrong with a command line, with the nearest option where one is mistyped."""
    context: Any = getattr(error, "ctx", None)
    if context is None:
        return error.format_message()
    option = getattr(error, "option_name", None)
    known = [name for parameter in context.command.params for name in parameter.opts if name.startswith("-")]
    if isinstance(option, str) and option not in known:
        near = nearest(option, [*known, *context.help_option_names])
        hint = f"did you mean {near!r}?" if near else _see(context)
        return f"`{context.command_path}` has no option {option!r}; {hint}"
    message = " ".join(error.format_message().split()).rstrip(".")
    return f"{message}; {_see(context)}"


def _see(context: typer.Context) -> str:
    return f"see `{context.command_path} --help`"
