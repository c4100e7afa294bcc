from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lazulite.arm.deployments.expressions import ExpressionError
from lazulite.arm.deployments.functions import FUNCTIONS
from tests.arm.deployments.lab import SUBSCRIPTION, value

ZEROS = "/subscriptions/00000000-0000-0000-0000-000000000000"
GROUP_84 = "/subscriptions/00000000-0000-4000-8000-000000000084/resourceGroups/rg-p84"

STRINGS = [
    pytest.param("base64('one, two, three')", "b25lLCB0d28sIHRocmVl", id="base64 encodes"),
    pytest.param("base64ToString('b25lLCB0d28sIHRocmVl')", "one, two, three", id="base64ToString decodes"),
    pytest.param("base64ToJson(base64('{\"a\": 1}'))", {"a": 1}, id="base64ToJson gives the object"),
    pytest.param("concat('a', 1, true())", "a1True", id="concat writes numbers and booleans"),
    pytest.param("concat(createArray('a'), createArray('b'))", ["a", "b"], id="concat joins arrays"),
    pytest.param("contains('OneTwoThree', 'e')", True, id="contains finds a part"),
    pytest.param("contains('OneTwoThree', 'z')", False, id="contains does not find what is not there"),
    pytest.param("contains('OneTwoThree', 'one')", False, id="contains heeds case in a string"),
    pytest.param("contains(createObject('One', 1), 'one')", True, id="contains ignores case in keys"),
    pytest.param("contains(createArray(1, 2), 2)", True, id="contains finds an element"),
    pytest.param("dataUri('Hello')", "data:text/plain;charset=utf8;base64,SGVsbG8=", id="dataUri"),
    pytest.param("dataUriToString('data:;base64,SGVsbG8sIFdvcmxkIQ==')", "Hello, World!", id="dataUriToString"),
    pytest.param("empty('')", True, id="an empty string is empty"),
    pytest.param("empty(null())", True, id="null is empty"),
    pytest.param("startsWith('abcdef', 'ab')", True, id="startsWith the start"),
    pytest.param("startsWith('abcdef', 'A')", True, id="startsWith ignores case"),
    pytest.param("startsWith('abcdef', 'e')", False, id="startsWith not the middle"),
    pytest.param("endsWith('abcdef', 'ef')", True, id="endsWith the end"),
    pytest.param("endsWith('abcdef', 'F')", True, id="endsWith ignores case"),
    pytest.param("endsWith('abcdef', 'e')", False, id="endsWith not the middle"),
    pytest.param("first('One Two Three')", "O", id="first character"),
    pytest.param("last('One Two Three')", "e", id="last character"),
    pytest.param("first('')", "", id="first of an empty string"),
    pytest.param("indexOf('test', 't')", 0, id="indexOf the first"),
    pytest.param("lastIndexOf('test', 't')", 3, id="lastIndexOf the last"),
    pytest.param("indexOf('abcdef', 'CD')", 2, id="indexOf ignores case"),
    pytest.param("indexOf('abcdef', 'z')", -1, id="indexOf is -1 where there is none"),
    pytest.param("lastIndexOf('abcdef', 'AB')", 0, id="lastIndexOf ignores case"),
    pytest.param("length('One Two Three')", 13, id="length of a string"),
    pytest.param("padLeft('123', 10, '0')", "0000000123", id="padLeft fills with zeros"),
    pytest.param("padLeft(7, 3)", "  7", id="padLeft fills with spaces"),
    pytest.param("replace('123-123-1234', '-', '')", "1231231234", id="replace removes"),
    pytest.param("replace('123-123-1234', '1234', 'xxxx')", "123-123-xxxx", id="replace a group"),
    pytest.param("skip('one two three', 4)", "two three", id="skip characters"),
    pytest.param("take('one two three', 2)", "on", id="take characters"),
    pytest.param("take('one', 9)", "one", id="take more than there are"),
    pytest.param("skip('one', -1)", "one", id="skip less than none"),
    pytest.param("split('one,two,three', ',')", ["one", "two", "three"], id="split at a delimiter"),
    pytest.param("split('one;two,three', createArray(',', ';'))", ["one", "two", "three"], id="split at several"),
    pytest.param(
        "string(createObject('valueA', 10, 'valueB', 'Example Text'))",
        '{"valueA":10,"valueB":"Example Text"}',
        id="string of an object is compact JSON",
    ),
    pytest.param("string(createArray('a', 'b', 'c'))", '["a","b","c"]', id="string of an array"),
    pytest.param("string(5)", "5", id="string of a number"),
    pytest.param("string(true())", "True", id="string of a boolean"),
    pytest.param("substring('one two three', 4, 3)", "two", id="substring"),
    pytest.param("substring('one two', 4)", "two", id="substring to the end"),
    pytest.param("toLower('One')", "one", id="toLower"),
    pytest.param("toUpper('One')", "ONE", id="toUpper"),
    pytest.param("trim('  one  ')", "one", id="trim"),
    pytest.param(
        "uri('http://contoso.org/firstpath', 'myscript.sh')",
        "http://contoso.org/myscript.sh",
        id="uri replaces the last segment",
    ),
    pytest.param(
        "uri('http://contoso.org/firstpath/', 'myscript.sh')",
        "http://contoso.org/firstpath/myscript.sh",
        id="uri appends after a slash",
    ),
    pytest.param("uriComponent('http://a.b/c d')", "http%3A%2F%2Fa.b%2Fc%20d", id="uriComponent"),
    pytest.param("uriComponentToString('a%20b')", "a b", id="uriComponentToString"),
    pytest.param("join(createArray('a', 1), '-')", "a-1", id="join"),
    pytest.param("json('null')", None, id="json of null"),
    pytest.param("json('{\"a\": [1, 2.5]}')", {"a": [1, 2.5]}, id="json of an object"),
    pytest.param("TOLOWER('A')", "a", id="function names ignore case"),
    pytest.param("string('it''s')", "it's", id="a doubled quote is one quote"),
]

FORMATS = [
    pytest.param(
        "format('{0}, {1}. Formatted number: {2:N0}', 'Hello', 'User', 8175133)",
        "Hello, User. Formatted number: 8,175,133",
        id="the documented sentence",
    ),
    pytest.param("format('{{\"id\": \"{0}\"}}', 'x')", '{"id": "x"}', id="doubled braces are braces"),
    pytest.param("format('{{{0}}}', 1)", "{1}", id="an item between braces"),
    pytest.param("format('{1}{0}{1}', 'a', 'b')", "bab", id="items in any order"),
    pytest.param("format('{0:D3}', 7)", "007", id="D pads with zeros"),
    pytest.param("format('{0:D2}', -7)", "-07", id="D keeps the sign"),
    pytest.param("format('{0:000}', 7)", "007", id="custom zeros"),
    pytest.param("format('{0:#,##0.00}', 1234567)", "1,234,567.00", id="custom groups"),
    pytest.param("format('{0:X}', 255)", "FF", id="X is hexadecimal"),
    pytest.param("format('{0:x4}', 255)", "00ff", id="x is lower case"),
    pytest.param("format('{0:F1}', 2)", "2.0", id="F has fixed places"),
    pytest.param("format('{0:N}', 1234)", "1,234.00", id="N has two places"),
    pytest.param("format('{0:P0}', 1)", "100 %", id="P is a percentage"),
    pytest.param("format('{0:E2}', 12345)", "1.23E+004", id="E has three digits of exponent"),
    pytest.param("format('{0:G2}', 1234)", "1200", id="G rounds to significant digits"),
    pytest.param("format('{0:C}', -2)", "(¤2.00)", id="C is the invariant currency"),
    pytest.param("format('[{0,5}]', 'ab')", "[   ab]", id="aligned to the right"),
    pytest.param("format('[{0,-5}]', 'ab')", "[ab   ]", id="aligned to the left"),
    pytest.param("format('{0}', true())", "True", id="booleans as .NET writes them"),
    pytest.param("format('{0}', createArray(1))", "[1]", id="arrays as JSON"),
    pytest.param("format('{0:N2}', 'text')", "text", id="text heeds no number format"),
]

ARRAYS = [
    pytest.param("array(1)", [1], id="array of one"),
    pytest.param("array(createArray(1))", [1], id="array of an array"),
    pytest.param(
        "intersection(createArray('one','two','three'), createArray('two','three'))",
        ["two", "three"],
        id="intersection of arrays",
    ),
    pytest.param(
        'intersection(json(\'{"one":"a","two":"b","three":"c"}\'), json(\'{"one":"a","two":"z","three":"c"}\'))',
        {"one": "a", "three": "c"},
        id="intersection of objects wants equal values",
    ),
    pytest.param("union(createArray(1, 2), createArray(2, 3))", [1, 2, 3], id="union of arrays has no duplicates"),
    pytest.param(
        'union(json(\'{"a":{"x":1},"b":1}\'), json(\'{"a":{"y":2},"b":2}\'))',
        {"a": {"x": 1, "y": 2}, "b": 2},
        id="union of objects is recursive and the later wins",
    ),
    pytest.param(
        'shallowMerge(createArray(json(\'{"a":{"x":1}}\'), json(\'{"a":{"y":2}}\')))',
        {"a": {"y": 2}},
        id="shallowMerge is not",
    ),
    pytest.param("range(5, 3)", [5, 6, 7], id="range counts from its start"),
    pytest.param("range(0, 0)", [], id="range of none"),
    pytest.param('length(json(\'{"a":{"b":1}}\'))', 1, id="length of an object counts its own keys"),
    pytest.param("first(createArray())", None, id="first of an empty array is null"),
    pytest.param("last(createArray(1, 2))", 2, id="last of an array"),
    pytest.param("skip(createArray(1, 2, 3), 2)", [3], id="skip elements"),
    pytest.param("take(createArray(1, 2), 5)", [1, 2], id="take more elements than there are"),
    pytest.param("indexOf(createArray('a', 'b'), 'b')", 1, id="indexOf an element"),
    pytest.param("lastIndexOf(createArray('a', 'b', 'a'), 'a')", 2, id="lastIndexOf an element"),
    pytest.param("flatten(createArray(createArray(1), createArray(2, 3)))", [1, 2, 3], id="flatten"),
    pytest.param("indexFromEnd(createArray(1, 2, 3), 1)", 3, id="indexFromEnd counts from one"),
    pytest.param("tryIndexFromEnd(createArray(), 1)", None, id="tryIndexFromEnd of nothing"),
    pytest.param("tryGet(json('{\"a\":[{\"b\":5}]}'), 'a', 0, 'B')", 5, id="tryGet follows a path"),
    pytest.param("tryGet(json('{\"a\":1}'), 'x', 'y')", None, id="tryGet of a missing path is null"),
    pytest.param(
        'items(json(\'{"b":1,"a":2}\'))',
        [{"key": "a", "value": 2}, {"key": "b", "value": 1}],
        id="items are in order of their keys",
    ),
    pytest.param('objectKeys(json(\'{"b":1,"a":2}\'))', ["a", "b"], id="objectKeys"),
    pytest.param("createObject('a', 1, 'b', createArray())", {"a": 1, "b": []}, id="createObject"),
    pytest.param("map(createArray(1, 2), lambda('x', mul(lambdaVariables('x'), 2)))", [2, 4], id="map"),
    pytest.param(
        "map(createArray('a', 'b'), lambda('x', 'i', format('{0}{1}', lambdaVariables('x'), lambdaVariables('i'))))",
        ["a0", "b1"],
        id="map gives the index",
    ),
    pytest.param("filter(range(0, 5), lambda('x', greater(lambdaVariables('x'), 2)))", [3, 4], id="filter"),
    pytest.param(
        "reduce(range(1, 4), 0, lambda('sum', 'x', add(lambdaVariables('sum'), lambdaVariables('x'))))", 10, id="reduce"
    ),
    pytest.param(
        "sort(createArray(3, 1, 2), lambda('a', 'b', less(lambdaVariables('a'), lambdaVariables('b'))))",
        [1, 2, 3],
        id="sort",
    ),
    pytest.param(
        "toObject(createArray('a', 'b'), lambda('x', lambdaVariables('x')), "
        "lambda('x', concat('v', lambdaVariables('x'))))",
        {"a": "va", "b": "vb"},
        id="toObject",
    ),
    pytest.param(
        "groupBy(createArray('aa', 'b', 'cc'), lambda('x', string(length(lambdaVariables('x')))))",
        {"2": ["aa", "cc"], "1": ["b"]},
        id="groupBy",
    ),
    pytest.param("mapValues(json('{\"a\":1}'), lambda('v', add(lambdaVariables('v'), 1)))", {"a": 2}, id="mapValues"),
]

NUMBERS = [
    pytest.param("add(5, 3)", 8, id="add"),
    pytest.param("sub(7, -3)", 10, id="sub a negative number"),
    pytest.param("mul(5, 3)", 15, id="mul"),
    pytest.param("div(8, 3)", 2, id="div is whole"),
    pytest.param("div(-7, 2)", -3, id="div goes towards zero"),
    pytest.param("mod(7, 3)", 1, id="mod"),
    pytest.param("mod(-7, 3)", -1, id="mod has the sign of the dividend"),
    pytest.param("int('4')", 4, id="int of text"),
    pytest.param("float('3.5')", 3.5, id="float of text"),
    pytest.param("min(createArray(3, 1, 2))", 1, id="min of an array"),
    pytest.param("max(3, 5, 1)", 5, id="max of arguments"),
    pytest.param("and(true(), false())", False, id="and"),
    pytest.param("or(false(), false(), true())", True, id="or of three"),
    pytest.param("not(true())", False, id="not"),
    pytest.param("bool('True')", True, id="bool of text"),
    pytest.param("bool(0)", False, id="bool of zero"),
    pytest.param("equals('a', 'A')", False, id="equals heeds case"),
    pytest.param("equals(createObject('a', 1), createObject('a', 1))", True, id="equals compares objects"),
    pytest.param("equals(1, true())", False, id="a number is no boolean"),
    pytest.param("less('a', 'b')", True, id="less compares strings"),
    pytest.param("lessOrEquals(2, 2)", True, id="lessOrEquals"),
    pytest.param("greater(2, 2)", False, id="greater"),
    pytest.param("greaterOrEquals(2, 2)", True, id="greaterOrEquals"),
    pytest.param("coalesce(null(), null(), 'x', 'y')", "x", id="coalesce"),
    pytest.param("if(true(), 1, div(1, 0))", 1, id="if leaves the other branch alone"),
    pytest.param("if(false(), json('not json'), null())", None, id="if gives null"),
    pytest.param("and(false(), equals(div(1, 0), 1))", False, id="and stops at the first false"),
    pytest.param("or(true(), equals(div(1, 0), 1))", True, id="or stops at the first true"),
]

V4 = {
    "network": "10.144.0.0",
    "netmask": "255.255.240.0",
    "broadcast": "10.144.15.255",
    "firstUsable": "10.144.0.1",
    "lastUsable": "10.144.15.254",
    "cidr": 20,
}
V6 = {
    "network": "fdad:3236:5555::",
    "netmask": "ffff:ffff:ffff::",
    "firstUsable": "fdad:3236:5555::",
    "lastUsable": "fdad:3236:5555:ffff:ffff:ffff:ffff:ffff",
    "cidr": 48,
}
PREFIXES = [
    pytest.param("parseCidr('10.144.0.0/20')", V4, id="parseCidr of IPv4"),
    pytest.param("parseCidr('fdad:3236:5555::/48')", V6, id="parseCidr of IPv6 has no broadcast"),
    *[pytest.param(f"cidrSubnet('10.144.0.0/20', 24, {i})", f"10.144.{i}.0/24", id=f"subnet {i}") for i in (0, 4, 15)],
    pytest.param("cidrSubnet('fdad:3236:5555::/48', 52, 1)", "fdad:3236:5555:1000::/52", id="subnet of IPv6"),
    *[pytest.param(f"cidrHost('10.144.3.0/24', {i})", f"10.144.3.{i + 1}", id=f"host {i}") for i in range(5)],
    pytest.param("cidrHost('fdad:3236:5555:3000::/52', 0)", "fdad:3236:5555:3000::1", id="host of IPv6"),
]

DATES = [
    pytest.param("dateTimeAdd('2020-04-07 14:53:14Z', 'P3Y')", "4/7/2023 2:53:14 PM", id="three years more"),
    pytest.param("dateTimeAdd('2020-04-07 14:53:14Z', '-P9D')", "3/29/2020 2:53:14 PM", id="nine days less"),
    pytest.param("dateTimeAdd('2020-04-07 14:53:14Z', 'PT1H')", "4/7/2020 3:53:14 PM", id="one hour more"),
    pytest.param("dateTimeAdd('20200407T145314Z', 'P1W', 'yyyy-MM-dd')", "2020-04-14", id="the form that utcNow gives"),
    pytest.param("dateTimeAdd('2020-04-07 14:53:14Z', 'PT0S', 'u')", "2020-04-07 14:53:14Z", id="u"),
    pytest.param("dateTimeAdd('2020-04-07 14:53:14Z', 'PT0S', 'R')", "Tue, 07 Apr 2020 14:53:14 GMT", id="R"),
    pytest.param("dateTimeAdd('2020-04-07 14:53:14Z', 'PT0S', 'o')", "2020-04-07T14:53:14.0000000Z", id="o"),
    pytest.param(
        "dateTimeAdd('2020-04-07 04:05:06Z', 'PT0S', 'M-d h:m:s t yy ''at'' %K')",
        "4-7 4:5:6 A 20 at Z",
        id="single letters and literals",
    ),
    pytest.param("dateTimeFromEpoch(1683040573)", "2023-05-02T15:16:13Z", id="from the epoch"),
    pytest.param("dateTimeToEpoch('2023-05-02T15:16:13Z')", 1683040573, id="to the epoch"),
]

IDS = [
    pytest.param(f"uniqueString('{ZEROS}', 'resource-id')", "cwvxuqg24sifi", id="uniqueString, published vector"),
    pytest.param(f"uniqueString('{GROUP_84}', 'p84fixture')", "52p2c4jfs43ig", id="uniqueString, second vector"),
    pytest.param("uniquestring('test')", "rbgf3xv4ufgzg", id="uniqueString of one word"),
    pytest.param("guid('a', 'b', 'c')", "a98fa280-e03f-5afa-8d8e-92d0a9c201e8", id="guid"),
    pytest.param(
        "resourceId('Microsoft.Network/virtualNetworks', 'v')",
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab/providers/Microsoft.Network/virtualNetworks/v",
        id="resourceId in this group",
    ),
    pytest.param(
        "resourceId('g2', 'Microsoft.Network/virtualNetworks/subnets', 'v', 's')",
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g2/providers/Microsoft.Network/virtualNetworks/v/subnets/s",
        id="resourceId in another group",
    ),
    pytest.param(
        "resourceId('s2', 'g2', 'Microsoft.Network/virtualNetworks', 'v')",
        "/subscriptions/s2/resourceGroups/g2/providers/Microsoft.Network/virtualNetworks/v",
        id="resourceId in another subscription",
    ),
    pytest.param(
        "subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'r')",
        f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/r",
        id="subscriptionResourceId",
    ),
    pytest.param(
        "tenantResourceId('Microsoft.Authorization/policyDefinitions', 'p')",
        "/providers/Microsoft.Authorization/policyDefinitions/p",
        id="tenantResourceId",
    ),
    pytest.param(
        "extensionResourceId('/x', 'Microsoft.Authorization/locks', 'l')",
        "/x/providers/Microsoft.Authorization/locks/l",
        id="extensionResourceId",
    ),
    pytest.param(
        "managementGroupResourceId('m', 'Microsoft.Authorization/locks', 'l')",
        "/providers/Microsoft.Management/managementGroups/m/providers/Microsoft.Authorization/locks/l",
        id="managementGroupResourceId",
    ),
    pytest.param("resourceGroup().location", "westeurope", id="resourceGroup"),
    pytest.param("subscription().subscriptionId", SUBSCRIPTION, id="subscription"),
    pytest.param("tenant().tenantId", "00000000-0000-0000-0000-00000000000f", id="tenant"),
    pytest.param("environment().suffixes.storage", "core.test", id="environment"),
    pytest.param("deployment().name", "d", id="deployment"),
    pytest.param("pickZones('Microsoft.Compute', 'virtualMachines', 'westus2')", ["1"], id="pickZones gives one"),
    pytest.param(
        "pickZones('Microsoft.Compute', 'virtualMachines', 'westus2', 2, 1)", ["2", "3"], id="pickZones, offset"
    ),
    pytest.param("providers('Microsoft.Network', 'virtualNetworks').apiVersions[0]", "2024-05-01", id="providers"),
]


@pytest.mark.parametrize(("expression", "expected"), [*STRINGS, *FORMATS, *ARRAYS, *NUMBERS, *PREFIXES, *DATES, *IDS])
def test_a_function_gives_its_documented_result(expression: str, expected: Any) -> None:
    found = value(f"[{expression}]")
    assert (found, type(found)) == (expected, type(expected))


REFUSALS = [
    pytest.param(
        "substring('0123456789', 0, 11)",
        "The index and length parameters must refer to a location within the string. The index parameter: '0', "
        "the length parameter: '11', the length of the string parameter: '10'.",
        id="past the end",
    ),
    pytest.param(
        "toLower(5)",
        "expects parameter 1 to be of type 'String'. The provided value is of type 'Integer'",
        id="a value of the wrong type",
    ),
    pytest.param("toLower()", "takes 1 parameter(s); the expression gives 0", id="too few values"),
    pytest.param("toLower('a', 'b')", "takes 1 parameter(s)", id="too many values"),
    pytest.param("substring('a')", "takes 2 to 3 parameter(s)", id="too few for a range"),
    pytest.param("uniqueString()", "takes at least 1 parameter(s)", id="too few for any number"),
    pytest.param("concat('a', createArray())", "not a mixture", id="a string with an array"),
    pytest.param("nosuch('a')", "The template function 'nosuch' is not valid", id="a function that is not there"),
    pytest.param("div(1, 0)", "divide by zero", id="division by zero"),
    pytest.param("mul(9223372036854775807, 2)", "64 bits", id="a number too large"),
    pytest.param("int('x')", "integer", id="no integer"),
    pytest.param("float('1e999')", "number", id="infinity is no number"),
    pytest.param("float('x')", "number", id="no number"),
    pytest.param("bool('x')", "boolean", id="no boolean"),
    pytest.param("if('true', 1, 2)", "Boolean", id="a condition that is text"),
    pytest.param("if(true(), 1)", "two values", id="if without an else"),
    pytest.param("and(true())", "at least 2", id="and of one"),
    pytest.param("less(1, 'a')", "two numbers or two strings", id="a number less than text"),
    pytest.param("min()", "integers", id="min of nothing"),
    pytest.param("format('{0} {1}', 'a')", "names value 1 of 1", id="a format with too few values"),
    pytest.param("format('{0', 'a')", "brace", id="a format with a stray brace"),
    pytest.param("format('{0:Q}', 1)", "not one of a number", id="a format that is not there"),
    pytest.param("format('{0:D}', json('1.5'))", "whole number", id="D of a fraction"),
    pytest.param("json('{')", "can not read", id="no JSON"),
    pytest.param("base64ToString('?')", "base64", id="no base64"),
    pytest.param("dataUriToString('x')", "data URI", id="no data URI"),
    pytest.param("padLeft('a', 99999999)", "at most", id="a string too long"),
    pytest.param("padLeft('a', 3, 'xy')", "one character", id="padding with two characters"),
    pytest.param("replace('a', '', 'b')", "empty string", id="replacing nothing"),
    pytest.param("range(0, 10001)", "10000", id="a range too long"),
    pytest.param("createObject('a')", "pairs", id="a key without a value"),
    pytest.param("flatten(createArray(1))", "array of arrays", id="flatten of numbers"),
    pytest.param("union(createArray(), createObject())", "all arrays or all objects", id="an array with an object"),
    pytest.param("shallowMerge(createArray(1))", "array of objects", id="merging numbers"),
    pytest.param("indexFromEnd(createArray(1), 2)", "out of bounds", id="before the first element"),
    pytest.param("parseCidr('10.0.0')", "not an address prefix", id="no prefix"),
    pytest.param("cidrSubnet('10.0.0.0/24', 16, 0)", "does not fit", id="a subnet larger than its network"),
    pytest.param("cidrSubnet('10.0.0.0/24', 25, 2)", "no subnet 2", id="a subnet past the end"),
    pytest.param("cidrHost('10.0.0.0/30', 3)", "no host 3", id="a host past the end"),
    pytest.param("utcNow()", "default value of a parameter", id="utcNow outside of a default"),
    pytest.param("newGuid()", "default value of a parameter", id="newGuid outside of a default"),
    pytest.param("dateTimeAdd('x', 'P1D')", "not a date", id="no date"),
    pytest.param("dateTimeAdd('2020-01-01', 'x')", "duration", id="no duration"),
    pytest.param("dateTimeAdd('2020-01-01', 'P9999Y')", "1 to 9999", id="a date too late"),
    pytest.param("copyIndex()", "copy specified", id="copyIndex without a loop"),
    pytest.param("copyIndex('x')", "does not surround", id="copyIndex of another loop"),
    pytest.param("reference('x')", "not expected at this location", id="reference where nothing runs"),
    pytest.param("listKeys('x', '2024-01-01')", "not expected at this location", id="listKeys where nothing runs"),
    pytest.param("managementGroup()", "not expected", id="managementGroup in a group"),
    pytest.param("resourceId('Microsoft.Network/virtualNetworks')", "requires '1'", id="a type without its name"),
    pytest.param("resourceId('a', 'b', 'c', 'd/e')", "no argument is a resource type", id="no type"),
    pytest.param("pickZones('a', 'b', 'c', 4)", "3 zones", id="more zones than there are"),
    pytest.param("parameters('x')", "parameter 'x' is not found", id="an unknown parameter"),
    pytest.param("variables('x')", "variable 'x' is not found", id="an unknown variable"),
    pytest.param("lambdaVariables('x')", "lambda variable 'x' is not found", id="an unknown lambda variable"),
    pytest.param("lambda('x', 1)", "not a value", id="a lambda on its own"),
    pytest.param("lambda(1, 2)", "names of its variables", id="a lambda without names"),
    pytest.param(
        "createObject('a', 1).b", "doesn't exist, available properties are 'a'", id="a member that is not there"
    ),
    pytest.param("createArray(1)[1]", "out of bounds", id="an element that is not there"),
    pytest.param("string('a').b", "value of type 'String'", id="a member of a string"),
]


@pytest.mark.parametrize(("expression", "sentence"), REFUSALS)
def test_what_a_function_refuses_is_said(expression: str, sentence: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        value(f"[{expression}]")
    assert sentence in str(caught.value)


def test_default_values_know_the_time_and_fresh_ids() -> None:
    now = datetime(2026, 3, 5, 4, 6, 7, tzinfo=UTC)
    found = value(
        ["[utcNow()]", "[utcNow('d')]", "[utcNow('yyyy-MM-dd HH:mm')]", "[newGuid()]"], now=now, new_id=lambda: "fresh"
    )
    assert found == ["20260305T040607Z", "3/5/2026", "2026-03-05 04:06", "fresh"]


def test_every_function_is_spelled_in_folded_case() -> None:
    assert [name for name in FUNCTIONS if name != name.lower()] == []


def test_a_user_function_sees_its_own_parameters_and_no_variables() -> None:
    functions = [
        {
            "namespace": "contoso",
            "members": {
                "uniqueName": {
                    "parameters": [{"name": "prefix", "type": "string"}],
                    "output": {"type": "string", "value": "[concat(toLower(parameters('prefix')), '-x')]"},
                },
                "leak": {"output": {"type": "string", "value": "[variables('v')]"}},
            },
        }
    ]
    assert value("[contoso.uniqueName('AB')]", functions=functions) == "ab-x"
    with pytest.raises(ExpressionError, match="'v' is not found"):
        value("[contoso.leak()]", functions=functions, variables={"v": "1"})
    with pytest.raises(ExpressionError, match="takes 1 parameter"):
        value("[contoso.uniqueName()]", functions=functions)
