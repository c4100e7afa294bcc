"""Requests that try to be more than data: for a parser, the store, a path, a template, the kernel."""

from __future__ import annotations

import base64
import json
from typing import Any, NamedTuple
from urllib.parse import quote

VERSION = "api-version=2024-05-01"
TABLES, GROUPS = "{g}/providers/Microsoft.Network/routeTables", "{s}/resourceGroups"
HERE = b'{"location":"westeurope"}'


class Row(NamedTuple):
    """``{g}`` and ``{s}`` in the target are the group and the subscription; ``code`` is empty where none is meant."""

    title: str
    method: str
    target: str
    content: bytes
    headers: tuple[bytes, ...]
    status: int
    code: str

    def at(self, group: str) -> str:
        return self.target.replace("{g}", group).replace("{s}", group.rpartition("/resourceGroups/")[0])


def row(
    title: str, method: str, target: str, status: int, code: str = "", content: bytes = b"", *headers: bytes
) -> Row:
    version = "" if "api-version" in target else f"{'&' if '?' in target else '?'}{VERSION}"
    return Row(title, method, target + version, content, headers, status, code)


def named(title: str, name: str, code: str = "InvalidResourceName", status: int = 400) -> Row:
    """A resource of that name, which is refused."""
    return row(title, "PUT", f"{TABLES}/{quote(name, safe='')}", status, code, HERE)


def filtered(title: str, expression: str, status: int, code: str = "") -> Row:
    return row(title, "GET", "{g}/resources?$filter=" + quote(expression), status, code)


def body(title: str, content: bytes, status: int, code: str) -> Row:
    return row(title, "PUT", f"{TABLES}/refused", status, code, content)


def token(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


SQL = [
    named("a name that ends a statement", "t'; DROP TABLE resource; --"),
    named("a name with a quotation mark", 't" OR "1"="1'),
    named("a name that is a pattern of LIKE", "%"),
    row(
        "a group that ends a statement",
        "PUT",
        f"{GROUPS}/g%27%29%3B%20DELETE%20FROM%20resource%3B--",
        400,
        "InvalidResourceName",
        HERE,
    ),
    row(
        "a subscription that ends a statement",
        "GET",
        "/subscriptions/x%27%20OR%20%271%27%3D%271",
        404,
        "SubscriptionNotFound",
    ),
    row(
        "a deployment that ends a statement",
        "GET",
        "{g}/providers/Microsoft.Resources/deployments/d%27%20OR%201%3D1--",
        400,
        "DeploymentNameInvalidCharacters",
    ),
    row(
        "an operation that ends a statement",
        "GET",
        "{s}/providers/Microsoft.Network/locations/westeurope/operations/x%27--",
        404,
        "NotFound",
    ),
    row(
        "a role assignment that ends a statement",
        "GET",
        "{g}/providers/Microsoft.Authorization/roleAssignments/x%27--",
        404,
        "RoleAssignmentNotFound",
    ),
    row("a place in a list that ends a statement", "GET", f"{TABLES}?$skiptoken={token(chr(39) + ' OR 1=1 --')}", 200),
    row("a place in a list that is no text", "GET", f"{TABLES}?$skiptoken=%FF%FE", 400, "InvalidSkipToken"),
    row(
        "a length of a list that ends a statement",
        "GET",
        f"{TABLES}?$top=1%3B%20DROP%20TABLE%20resource",
        400,
        "InvalidTopParameter",
    ),
    row(
        "a condition that is always true",
        "PUT",
        f"{TABLES}/kept",
        412,
        "PreconditionFailed",
        HERE,
        b"If-Match: ' OR '1'='1",
    ),
]
PATHS = [
    row("a way up", "GET", "{g}/../../../../etc/passwd", 404, "NotFound"),
    row("an escaped way up", "GET", "{g}/%2e%2e/%2e%2e/x", 404, "NotFound"),
    row("a way up escaped twice", "GET", "{g}/%252e%252e/x", 404, "NotFound"),
    row("a way up as a name", "PUT", f"{TABLES}/%2e%2e", 400, "InvalidResourceName", HERE),
    row(
        "a way up out of the templates",
        "PUT",
        "{g}/providers/Microsoft.Resources/deployments/d",
        400,
        "InvalidContentLink",
        b'{"properties":{"mode":"Incremental","templateLink":{"relativePath":"../../../../etc/passwd"}}}',
    ),
    row(
        "a template that is a file",
        "PUT",
        "{g}/providers/Microsoft.Resources/deployments/d",
        400,
        "InvalidContentLink",
        b'{"properties":{"mode":"Incremental","templateLink":{"uri":"file:///etc/passwd"}}}',
    ),
    row(
        "a template in another network",
        "PUT",
        "{g}/providers/Microsoft.Resources/deployments/d",
        400,
        "InvalidContentLink",
        b'{"properties":{"mode":"Incremental","templateLink":{"uri":"http://169.254.169.254/latest"}}}',
    ),
    row(
        "an escaped slash makes a child, which is of no type",
        "PUT",
        f"{TABLES}/a%2fb",
        400,
        "InvalidResourceType",
        HERE,
    ),
    named("a null in a name", "a\0b"),
    named("a line break in a name", "a\r\nSet-Cookie: x"),
    named("text from right to left in a name", "a\u202eb"),
    named("an overlong form of a slash in a name", "a\ufffd\ufffdb"),
    row("bytes that are no text in a name", "PUT", f"{TABLES}/a%ff%fe", 400, "InvalidResourceName", HERE),
    row("a name of a thousand characters", "PUT", f"{TABLES}/{'a' * 1000}", 400, "InvalidResourceName", HERE),
    row("a path of ten thousand parts", "GET", "/subscriptions" + "/a" * 10_000, 404),
    row("a path longer than a URL may be", "GET", f"{TABLES}/{'a' * 70_000}", 400),
    row("a backslash for a slash", "GET", "{g}\\..\\..\\x", 404),
    row("the provider twice", "GET", "{g}/providers/providers/providers/providers", 404, "NotFound"),
    row(
        "a resource below one that is none",
        "PUT",
        f"{TABLES}/kept/routes/r/providers/Microsoft.Network/routeTables/x",
        400,
        "InvalidResourceType",
        HERE,
    ),
]
NETWORK = "{g}/providers/Microsoft.Network"


def rule(port: str) -> bytes:
    said = {"priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp"}
    anything = dict.fromkeys(("sourceAddressPrefix", "sourcePortRange", "destinationAddressPrefix"), "*")
    return json.dumps({"properties": said | anything | {"destinationPortRange": port}}).encode()


def resource(**properties: Any) -> bytes:
    return json.dumps({"location": "westeurope", "properties": properties}).encode()


RULES, ADDRESS = f"{NETWORK}/networkSecurityGroups/nsg/securityRules", f"{NETWORK}/publicIPAddresses/refused"
VM = "{g}/providers/Microsoft.Compute/virtualMachines/vm"
TAKEN_OVER = resource(
    osProfile={"computerName": "$(reboot)", "adminUsername": "me", "adminPassword": "Secret-123456"},
    networkProfile={"networkInterfaces": []},
)
TWO_LINES = resource(dnsSettings={"domainNameLabel": "a\nnameserver 192.0.2.1"})
MORE = resource(addressSpace={"addressPrefixes": ["10.0.0.0/16 } ; flush ruleset"]})
CLIENT = resource(country="DE", ipAddress="198.18.0.9; reboot")
NAMES = [
    named("a name that ends nft's string", 'x" } ; flush ruleset ; {'),
    named("a name with a shell's substitution", "$(reboot)"),
    named("a name in backquotes", "`id`"),
    named("a name that starts another command", "x; reboot"),
    named("a name that is an option", "--help"),
    named("a name with a line of its own", "x\nflush ruleset"),
    row("a group's name with a shell's substitution", "PUT", f"{GROUPS}/$(reboot)", 400, "InvalidResourceName", HERE),
    row("a rule's name that ends nft's string", "PUT", f"{RULES}/x%22%3B", 400, "InvalidResourceName", rule("80")),
    row("a prefix that is more", "PUT", f"{NETWORK}/virtualNetworks/refused", 400, "InvalidCIDRNotation", MORE),
    row("a port that is more", "PUT", f"{RULES}/refused", 400, "SecurityRuleInvalidPortRange", rule("80 ; reset")),
    row("a host name with a line of its own", "PUT", ADDRESS, 400, "InvalidDomainNameLabel", TWO_LINES),
    row("a machine's name with a shell's substitution", "PUT", VM, 400, "InvalidParameter", TAKEN_OVER),
    row("an address that is a command", "PUT", "{g}/providers/Lazulite.Lab/clients/refused", 400, "", CLIENT),
]
FILTERS = [
    filtered("a value that closes its quotation marks", "name eq 'a' or '1' eq '1'", 400, "InvalidFilterInQueryString"),
    filtered("doubled quotation marks are one", "name eq 'a'' or ''1'' eq ''1'", 200),
    filtered("a quotation mark that is not closed", "name eq 'a", 400, "InvalidFilterInQueryString"),
    filtered("a function that is none", "system('id')", 400, "InvalidFilterInQueryString"),
    filtered("a member that is none", "__class__ eq 'x'", 400, "InvalidFilterInQueryString"),
    filtered("a null", "name eq 'a\0b'", 200),
    filtered(
        "more parentheses than anybody needs",
        "(" * 1000 + "name eq 'a'" + ")" * 1000,
        400,
        "InvalidFilterInQueryString",
    ),
    filtered("nine thousand characters", "name eq '" + "a" * 9000 + "'", 400, "InvalidFilterInQueryString"),
    filtered("a thousand alternatives", " or ".join(["name eq 'a'"] * 400), 200),
    row(
        "a filter of role assignments",
        "GET",
        "{g}/providers/Microsoft.Authorization/roleAssignments?$filter=" + quote("principalId eq 'x' or 1 eq 1"),
        400,
        "InvalidFilterInQueryString",
    ),
    row(
        "a filter of role definitions",
        "GET",
        "{g}/providers/Microsoft.Authorization/roleDefinitions?$filter=" + quote("type eq 'x' or '1' eq '1'"),
        400,
    ),
    row(
        "a filter of the activity log",
        "GET",
        "{s}/providers/Microsoft.Insights/eventtypes/management/values?$filter="
        + quote("eventTimestamp ge 'x; DROP TABLE'"),
        400,
    ),
]
DEEP = b'{"location":' + b'{"a":' * 200 + b"1" + b"}" * 201
FILE = {"name": "r", "properties": {"addressPrefix": "file:///etc/passwd", "nextHopType": "None"}}
JSON = [
    body("not a number", b'{"location":"westeurope","tags":{"a":NaN}}', 400, "InvalidRequestContent"),
    body("infinity", b'{"location":"westeurope","tags":{"a":Infinity}}', 400, "InvalidRequestContent"),
    body("a number beyond all numbers", b'{"location":"westeurope","tags":{"a":1e999}}', 400, "InvalidRequestContent"),
    body(
        "a number of ten thousand digits",
        b'{"location":"westeurope","tags":{"a":' + b"9" * 10_000 + b"}}",
        400,
        "InvalidRequestContent",
    ),
    body("two hundred objects in each other", DEEP, 400, "InvalidRequestContent"),
    body("a hundred thousand brackets", b"[" * 100_000, 400, "InvalidRequestContent"),
    body(
        "a lone half of a character", b'{"location":"westeurope","tags":{"a":"\\ud800"}}', 400, "InvalidRequestContent"
    ),
    body(
        "a half of a character as a name",
        b'{"location":"westeurope","tags":{"\\udfff":"a"}}',
        400,
        "InvalidRequestContent",
    ),
    body("bytes that are no text", b'{"location":"west\xff"}', 400, "InvalidRequestContent"),
    body("another encoding", '{"location":"westeurope"}'.encode("utf-16"), 400, "InvalidRequestContent"),
    body("text after the end", HERE + b" {}", 400, "InvalidRequestContent"),
    body("single quotation marks", b"{'location':'westeurope'}", 400, "InvalidRequestContent"),
    body("a list", b"[]", 400, "InvalidRequestContent"),
    body("nothing", b"", 400, "InvalidRequestContent"),
    body(
        "members of Python objects",
        b'{"location":"westeurope","__class__":{"__init__":1}}',
        400,
        "InvalidRequestFormat",
    ),
    body("a prototype", b'{"location":"westeurope","__proto__":{"admin":true}}', 400, "InvalidRequestFormat"),
    body("a location that is an object", b'{"location":{"$ne":""}}', 400, "LocationNotAvailableForResourceType"),
    body("properties that are a list", b'{"location":"westeurope","properties":[]}', 400, "InvalidRequestFormat"),
    body("a prefix that is a file", resource(routes=[FILE]), 400, "InvalidAddressPrefixFormat"),
    body("a comment that never ends", b'{"location":"westeurope" /* ' + b"*" * 100_000, 400, "InvalidRequestContent"),
    body("a text that never ends", b'{"location":"' + b"\\\\" * 50_000, 400, "InvalidRequestContent"),
]
REFUSED = [*SQL, *PATHS, *NAMES, *FILTERS, *JSON]


def template(value: Any, **parameters: Any) -> dict[str, Any]:
    """The properties of a deployment that gives *value* as its output ``o``."""
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    kinds: dict[type, str] = {str: "string", dict: "object", list: "array"}
    document = {
        "$schema": schema,
        "contentVersion": "1.0.0.0",
        "parameters": {name: {"type": kinds[type(v)]} for name, v in parameters.items()},
        "functions": [
            {
                "namespace": "my",
                "members": {
                    "same": {
                        "parameters": [{"name": "x", "type": "string"}],
                        "output": {"type": "string", "value": "[parameters('x')]"},
                    }
                },
            }
        ],
        "variables": {"p": "[parameters('p')]"} if "p" in parameters else {},
        "resources": [],
        "outputs": {"o": {"type": "string", "value": value}},
    }
    given = {name: {"value": v} for name, v in parameters.items()}
    return {"mode": "Incremental", "template": document, "parameters": given}


ID, QUOTED = "[resourceGroup().id]", "x'), resourceGroup().id, concat('"
DATA: dict[str, tuple[dict[str, Any], str]] = {
    "an expression in a parameter": (template("[parameters('p')]", p=ID), ID),
    "an expression in a parameter, by way of a variable": (template("[variables('p')]", p=ID), ID),
    "an expression in a parameter, by way of a function": (template("[my.same(parameters('p'))]", p=ID), ID),
    "an expression in an object": (template("[parameters('p').a[0]]", p={"a": [ID]}), ID),
    "an expression in an object, as text": (template("[string(parameters('p'))]", p={"a": ID}), f'{{"a":"{ID}"}}'),
    "an escaped expression in a parameter": (template("[parameters('p')]", p="[" + ID), "[" + ID),
    "a text that becomes an expression": (template("[concat('[resource', 'Group().id', parameters('p'))]", p="]"), ID),
    "an expression that is read as JSON": (template("[json(parameters('p'))]", p=json.dumps(ID)), ID),
    "an expression in base64": (
        template("[base64ToString(parameters('p'))]", p=base64.b64encode(ID.encode()).decode()),
        ID,
    ),
    "an expression that a lambda gives": (
        template("[first(map(createArray(parameters('p')), lambda('x', lambdaVariables('x'))))]", p=ID),
        ID,
    ),
    "an expression as a format": (template("[format('{0}', parameters('p'))]", p=ID), ID),
    "a format as a parameter": (template("[format('{0}', parameters('p'))]", p="{1}{0}"), "{1}{0}"),
    "quotation marks in a parameter": (template("[concat(parameters('p'), '')]", p=QUOTED), QUOTED),
    "an escaped bracket of the template": (template("[" + ID), ID),
    "brackets that are no expression": (template("[a] and [b"), "[a] and [b"),
}
"""A deployment's properties, and what its output is: data stays data."""


class Odd(NamedTuple):
    """Headers and framing as bytes, and which statuses are right (0: the connection is ended)."""

    title: str
    headers: list[bytes]
    content: bytes
    statuses: frozenset[int]


def odd(title: str, headers: list[bytes], content: bytes, *statuses: int) -> Odd:
    return Odd(title, headers, content, frozenset(statuses))


LENGTH = b"Content-Length: %d" % len(HERE)
HEADERS = [
    odd("two lengths", [LENGTH, b"Content-Length: 2"], HERE, 400),
    odd("a length and chunks", [b"Content-Length: 5", b"Transfer-Encoding: chunked"], b"0\r\n\r\n", 400),
    odd("chunks and a length", [b"Transfer-Encoding: chunked", b"Content-Length: 5"], b"0\r\n\r\n", 400),
    odd("a transfer coding that is none", [b"Transfer-Encoding: xchunked"], b"0\r\n\r\n", 400),
    odd("a negative length", [b"Content-Length: -1"], HERE, 400),
    odd("a length that is no number", [b"Content-Length: 0x19"], HERE, 400),
    odd("a length beyond all numbers", [b"Content-Length: " + b"9" * 40], HERE, 400),
    odd("a length beyond the limit", [b"Content-Length: 5000000"], b"", 413),
    odd("a chunk beyond all numbers", [b"Transfer-Encoding: chunked"], b"f" * 40 + b"\r\n", 400),
    odd("a line break in a header", [LENGTH, b"X-A: a\nX-B: b"], HERE, 400),
    odd("a folded header", [LENGTH, b"X-A: a\r\n b"], HERE, 400),
    odd("a null in a header", [LENGTH, b"X-A: a\0b"], HERE, 400),
    odd("a space before the colon", [b"Content-Length : 25"], HERE, 400),
    odd("a header of 70 KB", [LENGTH, b"Connection: close", b"X-A: " + b"a" * 70_000], HERE, 431),
    odd("headers of a megabyte", [LENGTH, b"Connection: close", *[b"X-A: " + b"a" * 1000] * 1000], HERE, 400, 431),
    odd("a header that does not end", [b"X-A: " + b"a" * 10_000_000], b"", 400, 0),
    odd(
        "ten thousand headers", [LENGTH, b"Connection: close", *(b"X-%d: a" % n for n in range(10_000))], HERE, 400, 431
    ),
]
