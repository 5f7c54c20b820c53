"""Measures the graph: how long until it is there, and its frames while nothing happens, while it moves, while it plays.

A frame's `script` is what the page itself computes for it; the rest is drawing, here without a graphics card.
"""

import json
import time

from looker import enter, graph_there, visit
from playwright.sync_api import CDPSession, Page, expect

SECONDS = 4
FRAMES = """async ([move, seconds]) => {
  const graph = document.getElementById("graph");
  graph.focus();
  const frames = [];
  let last = performance.now();
  const end = last + seconds * 1000;
  for (let step = 0; last < end; step += 1) {
    if (move) {
      const key = step % 20 < 10 ? "ArrowLeft" : "ArrowRight";
      graph.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    }
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - last);
    last = now;
  }
  return frames.slice(1).sort((a, b) => a - b);
}"""


def script(devtools: CDPSession) -> float:
    found = {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}
    return found["ScriptDuration"] * 1000


def measure(page: Page, devtools: CDPSession, *, move: bool) -> dict[str, float]:
    before = script(devtools)
    frames = page.evaluate(FRAMES, [move, SECONDS])
    return {
        "frames": len(frames),
        "median": round(frames[len(frames) // 2], 1),
        "p95": round(frames[int(len(frames) * 0.95)], 1),
        "script": round((script(devtools) - before) / len(frames), 1),
    }


with visit(viewport={"width": 1280, "height": 800}) as page:
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    begun = time.monotonic()
    enter(page)
    expect(page.locator("#graph:not([data-nodes='0'])")).to_be_visible()
    loaded = time.monotonic()
    count = graph_there(page)
    found = {
        "memories": count,
        "edges": int(page.locator("#graph").get_attribute("data-edges") or 0),
        "loaded": round(loaded - begun, 2),
        "placed": round(time.monotonic() - loaded, 2),
        "still": measure(page, devtools, move=False),
        "moving": measure(page, devtools, move=True),
    }
    page.get_by_role("slider", name="Time").fill("0")
    page.get_by_role("button", name="Play").click()
    found["playing"] = measure(page, devtools, move=False)
    begun = time.monotonic()
    page.locator("#graph").press("n")
    expect(page.get_by_test_id("content")).to_be_visible()
    found["chosen"] = round(time.monotonic() - begun, 2)
print(json.dumps(found))
