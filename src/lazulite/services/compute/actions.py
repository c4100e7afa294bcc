"""Power, run command and the instance view."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from lazulite.resources.model import Resource, Violation
from lazulite.services.compute import status
from lazulite.services.compute.model import PowerState, VirtualMachine
from lazulite.services.service import Context, Reply, Run, Write

_SHELL = "RunShellScript"


def start(machine: Resource[VirtualMachine], context: Context) -> Write:
    return _powered(machine, "running", boot=machine.properties.power_state != "running")


def power_off(machine: Resource[VirtualMachine], context: Context) -> Write:
    return _powered(machine, "stopped")


def deallocate(machine: Resource[VirtualMachine], context: Context) -> Write:
    return _powered(machine, "deallocated")


def restart(machine: Resource[VirtualMachine], context: Context) -> Write | Iterable[Violation]:
    """``restart``, and ``redeploy``, which is one on another host."""
    if machine.properties.power_state != "running":
        return (_not_running(machine),)
    return _powered(machine, "running", boot=True)


def _powered(machine: Resource[VirtualMachine], state: PowerState, *, boot: bool = False) -> Write:
    said = machine.properties
    return Write(replace(machine, properties=replace(said, power_state=state, boots=said.boots + boot)))


def instance_view(machine: Resource[VirtualMachine], context: Context) -> Reply:
    return Reply(status.instance_view(machine, context.observations))


def run_command(machine: Resource[VirtualMachine], context: Context) -> Run | Iterable[Violation]:
    """``runCommand``: ``{"commandId": "RunShellScript", "script": [lines], "parameters": [{name, value}]}``.

    Source: "Run scripts in your Linux VM by using action Run Commands".
    """
    body = context.body if isinstance(context.body, dict) else {}
    refused = tuple(_refusals(machine, body))
    if refused:
        return refused
    lines = [*_parameters(body.get("parameters") or ()), *body["script"], ""]
    return Run(machine.id.key, "\n".join(lines), _answer)


def _refusals(machine: Resource[VirtualMachine], body: dict[str, Any]) -> Iterator[Violation]:
    if machine.properties.power_state != "running":
        yield _not_running(machine)
    if body.get("commandId") != _SHELL:
        message = f"The command '{body.get('commandId')}' is not known. The lab's machines know {_SHELL}."
        yield Violation("InvalidParameter", message, "commandId")
    script, parameters = body.get("script"), body.get("parameters") or []
    if not isinstance(script, list) or not all(isinstance(line, str) for line in script):
        yield Violation("InvalidParameter", "script must be a list of lines.", "script")
    if not isinstance(parameters, list) or not all(_is_parameter(p) for p in parameters):
        message = "parameters must be a list of {name, value}, the names fit for a shell variable."
        yield Violation("InvalidParameter", message, "parameters")


def _is_parameter(item: Any) -> bool:
    name = item.get("name") if isinstance(item, dict) else None
    return isinstance(item, dict) and "value" in item and (not name or str(name).isidentifier())


def _parameters(parameters: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Named values become variables, all values the positional parameters."""
    given = list(parameters)
    for item in given:
        if item.get("name"):
            yield f"export {item['name']}={shlex.quote(str(item['value']))}"
    if given:
        yield "set -- " + " ".join(shlex.quote(str(item["value"])) for item in given)


def _answer(exit_code: int, out: str, err: str) -> dict[str, Any]:
    """The agent reports success whatever the script's exit code, and both streams in one message."""
    message = f"Enable succeeded: \n{status.output(out, err)}"
    return {"value": [status.status("ProvisioningState/succeeded", "Provisioning succeeded", message)]}


def _not_running(machine: Resource[VirtualMachine]) -> Violation:
    message = f"The operation requires the VM to be running (or set to run). {machine.id} is not."
    return Violation("OperationNotAllowed", message)
