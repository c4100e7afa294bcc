"""Watching a network in the browser: flows, captures, terminals, monitors, metrics, with packets that really pass."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from lazulite.testing import Lab, probe
from lazulite.testing import lab as fresh_lab
from tests import captures
from tests.lab.processes import anchor_of, below
from tests.portal.conftest import DEMO, GROUP, Open, Shot
from tests.portal.watch import Watch
from tests.waiting import until

SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])
BOUND_S = 180.0


def screen(page: Page, title: str) -> FrameLocator:
    """The inside of the terminal with that title, once it takes what is typed."""
    expect(page.get_by_role("status").filter(has_text="connected")).to_be_visible()
    return page.frame_locator(f'iframe[title="Terminal in {title}"]')


def typed(page: Page, title: str, text: str) -> FrameLocator:
    inside = screen(page, title)
    expect(inside.locator(".xterm-rows")).to_contain_text("#")  # the shell asks
    inside.get_by_role("textbox", name="Terminal input").focus()
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    return inside


@pytest.fixture
def no_terminals(lab: Lab) -> None:
    for each in lab.client.get("/lazulite/terminals")["value"]:
        lab.client.exchange("DELETE", f"/lazulite/terminals/{each['id']}")


@pytest.fixture
def no_captures(lab: Lab) -> None:
    for each in lab.client.get("/lazulite/recordings")["value"]:
        lab.client.exchange("DELETE", f"/lazulite/recordings/{each['id']}")


@SCHEMES
@pytest.mark.usefixtures("no_terminals")
def test_a_terminal_is_a_shell_in_the_machine(lab: Lab, open_page: Open, shot: Shot, scheme: str) -> None:
    page = open_page(lab, "#/terminals/web", scheme=scheme)
    inside = typed(page, "web", "hostname; stty size")
    expect(inside.locator(".xterm-rows")).to_contain_text(re.compile(r"hostname; stty size\s*web"))
    shot(page, f"terminal-{scheme}")


@pytest.mark.usefixtures("no_terminals")
def test_terminals_are_in_tabs_and_go_on_after_the_page_was_loaded_again(page: Page) -> None:
    page.goto(page.url.split("#")[0] + "#/terminals/web")
    typed(page, "web", "echo fir''st")
    page.get_by_label("Machine", exact=True).select_option("db")
    page.get_by_role("button", name="Open terminal").click()
    inside = typed(page, "db", "echo sec''ond")
    expect(inside.locator(".xterm-rows")).to_contain_text("second")
    page.get_by_role("tab", name="web").click()
    expect(page.frame_locator('iframe[title="Terminal in web"]').locator(".xterm-rows")).to_contain_text("first")
    page.reload()
    expect(page.get_by_role("tab")).to_have_count(2)
    expect(page.frame_locator('iframe[title="Terminal in web"]').locator(".xterm-rows")).to_contain_text("first")
    page.get_by_role("button", name="Close the terminal web").click()
    expect(page.get_by_role("tab")).to_have_count(1)


@pytest.mark.usefixtures("no_terminals")
def test_a_shell_that_ends_says_how(lab: Lab, open_page: Open) -> None:
    page = open_page(lab, "#/terminals/visitor")
    typed(page, "visitor", "exit 7")
    expect(page.get_by_role("status").filter(has_text="exit code 7")).to_be_visible()


@pytest.mark.usefixtures("no_terminals")
def test_a_terminal_takes_the_size_of_its_frame(lab: Lab, open_page: Open) -> None:
    page = open_page(lab, "#/terminals/web", width=1600, height=700)
    rows = typed(page, "web", "while stty size; do sleep 0.2; done").locator(".xterm-rows")
    expect(rows).to_contain_text(re.compile(r"3\d 1\d\d"))
    wide = re.findall(r"3\d (1\d\d)", rows.text_content() or "")[-1]
    page.set_viewport_size({"width": 1200, "height": 700})
    expect(rows).to_contain_text(re.compile(rf"3\d (?!{wide})1\d\d"))
    page.get_by_role("button", name="Close the terminal web").click()
    expect(page.get_by_text("No terminal is open")).to_be_visible()


CUT = """(() => {
  const real = window.fetch;
  window.streams = 0;
  window.fetch = async (path, options) => {
    const answer = await real(path, options);
    if (!String(path).includes('/output')) return answer;
    const [through, stop] = [new TransformStream(), new AbortController()];
    answer.body.pipeTo(through.writable, { signal: stop.signal }).catch(() => {});
    window.streams += 1;
    window.cut = () => stop.abort();
    return new Response(through.readable, { status: answer.status, headers: answer.headers });
  };
})()"""
"""``cut()`` loses the connection that a terminal's output comes over."""


@pytest.mark.usefixtures("no_terminals")
def test_a_terminal_goes_on_where_it_was_after_a_lost_connection(lab: Lab, open_page: Open) -> None:
    page = open_page(lab)
    page.add_init_script(CUT)
    page.reload()
    page.evaluate("() => { location.hash = '#/terminals/web'; }")
    rows = typed(page, "web", "for i in 1 2 3 4 5; do echo n$i; sleep 0.5; done; echo fin''ished").locator(
        ".xterm-rows"
    )
    expect(rows).to_contain_text("n2")
    frame = next(f for f in page.frames if "terminal.html" in f.url)
    frame.evaluate("() => window.cut()")
    expect(rows).to_contain_text("finished")
    assert "n1n2n3n4n5finished" in (rows.text_content() or "")
    assert frame.evaluate("() => window.streams") == 2, "one connection, and one after it was lost"


@pytest.mark.usefixtures("no_terminals")
def test_what_a_machine_writes_stays_text(lab: Lab, open_page: Open) -> None:
    page = open_page(lab, "#/terminals/web")
    asked = r"printf '<img src=x onerror=alert(1)>\e]0;<b>\a\e]52;c;eHh4\a\e[c'; echo en''d"
    rows = typed(page, "web", asked).locator(".xterm-rows")
    expect(rows).to_contain_text("alert(1)>end")
    expect(rows).to_contain_text("1;2c")  # what a terminal answers who asks what it is
    page.keyboard.press("Control+C")
    typed(page, "web", "echo lis''tened")
    expect(rows).to_contain_text("listened")  # so it has read all answers, and shown them
    answers = (rows.text_content() or "").count("1;2c")
    page.reload()
    expect(rows).to_contain_text("1;2c")
    screen(page, "web").get_by_role("textbox", name="Terminal input").focus()
    page.keyboard.press("Control+C")
    typed(page, "web", "echo aga''in")
    expect(rows).to_contain_text("again")
    assert (rows.text_content() or "").count("1;2c") == answers


def test_a_machine_that_is_not_there_has_no_terminal(lab: Lab, open_page: Open) -> None:
    page = open_page(lab, "#/terminals/nobody")
    expect(page.get_by_role("alert")).to_contain_text("No machine called 'nobody' runs")


def test_a_controller_that_was_killed_took_its_terminals_along(open_page: Open, watch: Watch) -> None:
    watch.tolerate("ERR_|net::|answer: 503")
    with fresh_lab() as one:
        one.deploy(DEMO, group=GROUP)
        page = open_page(one, "#/terminals/web")
        typed(page, "web", "echo he''re")
        one.kill_controller()
        expect(page.get_by_role("main").get_by_role("status").filter(has_text="connection lost")).to_be_visible()
        one.start_controller()
        expect(page.get_by_role("main").get_by_role("status").filter(has_text="has ended")).to_be_visible()
        page.get_by_role("button", name="Open terminal").click()
        expect(page.get_by_role("tab", name="web 2")).to_be_visible()


@SCHEMES
def test_a_ping_is_a_flow_with_the_rule_that_decided(lab: Lab, open_page: Open, shot: Shot, scheme: str) -> None:
    page = open_page(lab, "#/flows", scheme=scheme)
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    row = page.get_by_role("row").filter(has_text="deny-the-rest").filter(has_text="ICMP")
    passed = page.get_by_role("row").filter(has_text="allow-app-postgres")

    def seen() -> bool:
        """Recording begins some time after it was asked for."""
        probe(lab, "web", "db")
        probe(lab, "web", "db", tcp=5432)
        return row.count() > 0 and passed.count() > 0

    until(seen, limit_s=BOUND_S)
    expect(row.first).to_contain_text("Denied")
    expect(row.first.get_by_role("link", name="nsg-data/deny-the-rest")).to_have_attribute(
        "href",
        re.compile("#/resource/.*networkSecurityGroups%2Fnsg-data%2FsecurityRules%2Fdeny-the-rest$", re.IGNORECASE),
    )
    shot(page, f"flows-{scheme}")
    page.get_by_label("Verdict").select_option("Allowed")
    expect(row).to_have_count(0)
    page.get_by_label("Filter flows").fill("5432")
    expect(page.get_by_role("row").filter(has_text="allow-app-postgres").first).to_be_visible()
    link = page.get_by_role("link", name=re.compile("Trace web to db")).first
    assert "#/topology?from=web&to=db&protocol=tcp&port=5432" in (link.get_attribute("href") or "")
    page.get_by_role("link", name="nsg-data/allow-app-postgres").first.click()
    expect(page.get_by_role("heading", name="allow-app-postgres", level=1)).to_be_visible()
    expect(page.get_by_role("tabpanel", name="Overview")).to_contain_text("5432")


def test_flows_that_are_paused_stand_still(lab: Lab, open_page: Open) -> None:
    page = open_page(lab, "#/flows?machines=web")
    expect(page.get_by_label("Machines", exact=True)).to_have_value("web")
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("paused")).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("live", exact=True)).to_be_visible()


def test_flows_of_a_machine_that_is_not_there_are_said_not_to_be(lab: Lab, open_page: Open) -> None:
    page = open_page(lab, "#/flows?machines=nobody")
    expect(page.get_by_role("heading", name="There is no machine called nobody")).to_be_visible()


@SCHEMES
@pytest.mark.usefixtures("no_captures")
def test_a_capture_is_started_stopped_read_fetched_and_deleted(
    lab: Lab, open_page: Open, shot: Shot, tmp_path: Path, scheme: str
) -> None:
    page = open_page(lab, "#/captures?names=web", scheme=scheme)
    expect(page.get_by_role("checkbox", name=re.compile("^web 10"))).to_be_checked()
    page.get_by_label("Filter").fill("tcp port 5432")
    page.get_by_role("button", name="Start capture").click()
    row = page.get_by_role("row").filter(has_text="tcp port 5432")
    expect(row).to_contain_text("recording")
    assert probe(lab, "web", "db", tcp=5432).passes
    expect(row.get_by_role("cell").nth(4)).not_to_have_text("0")
    row.get_by_role("button", name=re.compile("^Stop")).click()
    expect(row).to_contain_text("stopped")
    with page.expect_download() as fetched:
        row.get_by_role("button", name=re.compile("^Download")).click()
    fetched.value.save_as(tmp_path / "a.pcapng")
    found, _ = captures.pcapng((tmp_path / "a.pcapng").read_bytes())
    assert fetched.value.suggested_filename == "web-nic-web.pcapng"
    assert "allowed by nsg-data/allow-app-postgres" in [p.comment for p in found]
    row.get_by_role("button", name=re.compile("^Packets")).click()
    packets = page.get_by_role("table", name="Packets")
    expect(packets.get_by_role("row").nth(1)).to_contain_text("TCP SYN")
    expect(packets).to_contain_text("allowed by nsg-data/allow-app-postgres")
    shot(page, f"capture-packets-{scheme}")
    page.get_by_role("button", name="Close").click()
    shot(page, f"captures-{scheme}")
    row.get_by_role("button", name=re.compile("^Delete")).click()
    expect(page.get_by_text("No captures yet.")).to_be_visible()


def test_a_filter_that_is_none_is_refused_at_its_field(lab: Lab, open_page: Open) -> None:
    page = open_page(lab, "#/captures?names=web")
    page.get_by_label("Filter").fill("tcp prot 80")
    page.get_by_role("button", name="Start capture").click()
    expect(page.get_by_role("alert")).to_contain_text("syntax error")
    expect(page.get_by_label("Filter")).to_have_attribute("aria-invalid", "true")


@SCHEMES
def test_metrics_show_what_is_counted(lab: Lab, open_page: Open, shot: Shot, scheme: str) -> None:
    page = open_page(lab, "#/metrics", scheme=scheme)
    expect(page.get_by_role("img", name=re.compile("Throughput: .*web"))).to_be_visible()
    expect(page.get_by_role("table", name="machines").get_by_role("row", name=re.compile("^db"))).to_be_visible()
    busy = page.get_by_role("img", name=re.compile("web [1-9]"))
    until(lambda: probe(lab, "web", "db", tcp=5432).passes and busy.count())
    shot(page, f"metrics-{scheme}")
    assert probe(lab, "web", "db", tcp=5432).passes
    page.get_by_role("tab", name="Rule hits").click()
    rule = page.get_by_role("row").filter(has_text="nsg-data/allow-app-postgres")
    expect(rule.get_by_role("cell").nth(1)).not_to_have_text("0")
    shot(page, f"metrics-rules-{scheme}")
    for name, said in (("Health probes", "No pool is probed|healthy"), ("SNAT ports", "Ports in use")):
        page.get_by_role("tab", name=name).click()
        expect(page.get_by_text(re.compile(said)).first).to_be_visible()


@SCHEMES
def test_a_monitor_is_made_measures_and_is_deleted(lab: Lab, open_page: Open, shot: Shot, scheme: str) -> None:
    page = open_page(lab, "#/monitors", scheme=scheme)
    page.get_by_role("button", name="New monitor").click()
    form = page.get_by_role("dialog", name="New connection monitor")
    form.get_by_label("Name").fill(f"pulse-{scheme}")
    form.get_by_label("From").select_option("web")
    form.get_by_label("To", exact=True).fill("db")
    form.get_by_label("Port").fill("5432")
    shot(page, f"monitor-new-{scheme}")
    form.get_by_role("button", name="Create").click()
    one = page.get_by_role("region", name=f"Monitor pulse-{scheme}")
    expect(one.get_by_text("Pass")).to_be_visible()
    expect(one.get_by_role("img", name=re.compile(r"Round trip: .*\d ms"))).to_be_visible()
    shot(page, f"monitors-{scheme}")
    one.get_by_role("button", name="Delete").click()
    expect(one).to_have_count(0)


@pytest.mark.usefixtures("no_terminals")
def test_a_terminal_that_is_closed_leaves_nothing_running(lab: Lab, open_page: Open) -> None:
    page = open_page(lab, "#/terminals/web")
    once = f"86399.{os.getpid()}"  # no other lab of this machine sleeps as long
    typed(page, "web", f"sleep {once}")
    anchor = anchor_of(lab)
    until(lambda: _machines(anchor, once))
    page.get_by_role("button", name="Close the terminal web").click()
    expect(page.get_by_text("No terminal is open")).to_be_visible()
    until(lambda: not _machines(anchor, once))


def _machines(anchor: int, word: str) -> list[int]:
    return below(anchor, word) or [
        int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and word.encode() in _command(p)
    ]


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.usefixtures("watch")
def test_a_lab_without_packets_says_so_on_every_page(memory_lab: Lab, open_page: Open, watch: Watch) -> None:
    page = open_page(memory_lab, "#/terminals/web")
    expect(page.get_by_role("alert")).to_contain_text("no packets")
    page.evaluate("() => { location.hash = '#/captures?names=web'; }")
    page.get_by_role("button", name="Start capture").click()
    expect(page.get_by_role("alert")).to_contain_text("no packets")
    page.evaluate("() => { location.hash = '#/metrics'; }")
    expect(page.get_by_role("heading", name="Metrics")).to_be_visible()
