"""verify.html from disk in headless Chromium, without a network, on every genuine and altered
bundle. PAL_REQUIRE_BROWSER=1 makes a missing Chromium a failure, not a skip.
"""

from __future__ import annotations

import os
import re
import shutil
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Page, sync_playwright

from ledger.core.note import NoteError, parse_note
from ledger.entry.archive import encode_archive
from tests.evidence_approvals import approved_home
from tests.evidence_cases import CASES
from tests.evidence_forge import Case, Scene, make_scene
from tests.policy_cases import LOG, READ, REFUSED

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "scripts" / "verify_bundle.html"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def missing_chromium() -> bool:
    return CHROMIUM is None and os.environ.get("PAL_REQUIRE_BROWSER") != "1"


needs_chromium = pytest.mark.skipif(missing_chromium(), reason="no Chromium (apt: chromium)")


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Scene:
    home = tmp_path_factory.mktemp("home")
    return make_scene(home, approved_home(home))


@pytest.fixture(scope="module")
def policy(scene: Scene, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("pinned") / "policy.txt"
    path.write_bytes(scene.sealing.policy.encode())
    return path


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """The page, opened from disk; any request, error or refusal of its policy fails the test."""
    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(locale="en-GB")
        context.set_offline(True)
        opened = context.new_page()
        opened.on("console", lambda message: said.append(message.text))
        opened.on("pageerror", lambda error: said.append(str(error)))
        opened.on(
            "request",
            lambda request: said.append(request.url) if request.url != PAGE.as_uri() else None,
        )
        opened.goto(PAGE.as_uri())
        yield opened
        browser.close()
    assert not said


def verified(page: Page, data: bytes, *, policy: Path | None = None, fingerprint: str = ""):
    """The verdict, the first step that is not passed (0 for none), and the last step reached."""
    page.reload()
    file = {"name": "bundle.zip", "mimeType": "application/zip", "buffer": data}
    page.set_input_files("#bundle", files=[file])
    if policy is not None:
        page.set_input_files("#policy", str(policy))
    page.fill("#fingerprint", fingerprint)
    page.click("#verify")
    page.wait_for_selector("#verdict", timeout=30_000)
    rows = page.eval_on_selector_all("tr[data-step]", "rows => rows.map(row => row.dataset.result)")
    reached = [number for number, result in enumerate(rows, 1) if result != "none"]
    refused = next((number for number in reached if rows[number - 1] != "passed"), 0)
    return page.get_attribute("#result", "data-verdict"), refused, max(reached, default=0)


@needs_chromium
@pytest.mark.parametrize("name", ["dossier", "redacted", "officer"])
def test_a_genuine_bundle_passes(page: Page, scene: Scene, policy: Path, name: str):
    data = encode_archive(getattr(scene, name))
    assert verified(page, data, policy=policy) == ("passed", 0, 9)
    pin = sha256(policy.read_bytes()).hexdigest()
    assert verified(page, data, fingerprint=pin) == ("passed", 0, 9)
    assert page.inner_text("#found") == pin
    assert "ML-DSA-44" in page.inner_text("#result"), "what was not checked is said"


@needs_chromium
@pytest.mark.parametrize("each", CASES, ids=lambda each: each.name)
def test_an_altered_bundle_is_refused_at_its_step(
    page: Page, scene: Scene, policy: Path, each: Case
):
    verdict, refused, reached = verified(page, each.make(scene), policy=policy)
    assert verdict in {"failed", "indeterminate"}
    assert refused == each.step
    if verdict == "failed":
        assert reached == each.step, "nothing is claimed of later steps"
        assert "✗ FAILED" in page.inner_text("#verdict")


@needs_chromium
@pytest.mark.parametrize(("policies", "said"), [(REFUSED, "refused"), (READ, "read")])
def test_policies_are_read_as_the_library_reads_them(page: Page, policies, said: str):
    read = "text => readPolicy(bytesOf(text)).then(() => 'read', () => 'refused')"
    for name, text in policies.items():
        assert page.evaluate(read, LOG + text) == said, name


@needs_chromium
@pytest.mark.parametrize(
    "space", ["\u0085", "\u00a0", "\u1680", "\u2028", "\u3000", "\ufeff", "\u200b"]
)
def test_a_name_of_a_signature_has_no_space_in_it(page: Page, space: str):
    note = f"text\n\n\u2014 a{space}b AAAAAAA=\n"
    try:
        parse_note(note.encode())
        said = "read"
    except NoteError:
        said = "refused"
    read = "text => { try { readNote(bytesOf(text)); return 'read'; } catch { return 'refused'; } }"
    assert page.evaluate(read, note) == said


@needs_chromium
def test_nothing_pinned_is_indeterminate(page: Page, scene: Scene):
    assert verified(page, encode_archive(scene.dossier)) == ("indeterminate", 6, 9)
    assert verified(page, encode_archive(scene.dossier), fingerprint="ab" * 32)[:2] == ("failed", 6)


@needs_chromium
def test_by_keyboard_and_in_both_languages(page: Page, scene: Scene, policy: Path):
    page.reload()
    order = []
    for _ in range(6):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id"))
    assert order == ["vi", "en", "bundle", "policy", "fingerprint", "verify"]
    page.keyboard.press("Enter")
    assert page.inner_text("#result") == "Choose a bundle first."
    for _ in range(5):
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    assert page.get_attribute("html", "lang") == "vi"
    assert "Không bao giờ chỉ dựa vào trang" in page.inner_text(".warning")
    data = {
        "name": "b.zip",
        "mimeType": "application/zip",
        "buffer": encode_archive(scene.dossier),
    }
    page.set_input_files("#bundle", files=[data])
    page.set_input_files("#policy", str(policy))
    page.focus("#verify")
    page.keyboard.press("Enter")
    page.wait_for_selector("#verdict")
    assert page.inner_text("#verdict") == "✓ ĐẠT"
    assert page.evaluate("document.activeElement.id") == "verdict"
    page.click("#en")
    assert page.inner_text("#verdict") == "✓ PASSED"


@needs_chromium
def test_every_control_has_a_name(page: Page):
    page.reload()
    for control in ("#bundle", "#policy", "#fingerprint"):
        assert page.inner_text(f"label[for={control[1:]}]")
    assert "must never be the only verifier" in page.inner_text(".warning")
    assert page.get_attribute("#result", "aria-live") == "polite"


@needs_chromium
def test_the_views_open_from_disk_under_their_own_policy(page: Page, scene: Scene, tmp_path: Path):
    said: list[str] = []
    browser = page.context.browser
    assert browser is not None
    opened = browser.new_page()
    opened.on("console", lambda message: said.append(message.text))
    for lang in ("en", "vi"):
        path = tmp_path / f"{lang}.html"
        path.write_bytes(scene.redacted[f"views/timeline.{lang}.html"])
        opened.goto(path.as_uri())
        assert opened.locator("tbody tr").count() == 37
        assert opened.get_attribute("html", "lang") == lang
        style = opened.locator("table").evaluate("t => getComputedStyle(t).borderCollapse")
        assert style == "collapse", "its own style is let through by its own policy"
    opened.close()
    assert not said


def test_the_policy_names_exactly_its_script_and_style():
    text = PAGE.read_text("utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; ")
    for tag, name in (("script", "script-src"), ("style", "style-src")):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = b64encode(sha256(inside.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}'" in policy[1]
    assert not re.search(r"\b(?:src|href)=|https?:|@import|url\(", text)


@needs_chromium
def test_a_signature_counts_for_the_key_of_its_own_log_alone(page: Page) -> None:
    """Two logs may call different keys by one id: what one signed is nothing in the other."""
    keys = [Ed25519PrivateKey.from_private_bytes(bytes([log]) * 32) for log in range(2)]
    public = [b64encode(key.public_key().public_bytes_raw()).decode() for key in keys]
    signature = b64encode(keys[0].sign(b"text")).decode()
    said = page.evaluate(
        """async ([publics, signed]) => {
          const bundle = new Bundle(new Uint8Array(), "");
          const kind = "ledger.genesis.v1";
          bundle.manifest = {ledger: "demo", logs: 2};
          bundle.nodes = new Map();
          const signature = unbase64(signed, 64), message = bytesOf("text");
          publics.forEach((text, log) => {
            const keys = [{alg: "Ed25519", id: "k", public: text, role: "ledger"}];
            const data = {keys, log, logs: 2, name: "demo"};
            bundle.nodes.set(`${log}/0`, {
              log, index: 0, stream: `ledger:demo/${log}`, action: {data},
              seal: {origin: `demo/${log}`, type: kind}, signed: [{key: "k", signature, message}],
            });
          });
          try {
            await bundle.checkSignatures();
          } catch (error) {
            return [error.message, bundle.where];
          }
          return ["accepted", bundle.where];
        }""",
        [public, signature],
    )
    assert said == ["what this key signed", "log 1 index 0"]
