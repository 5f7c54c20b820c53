import json, threading, time, secrets
from pathlib import Path
import pytest
from tests.support import prepared
from tests.support.stack import LiveStack
from tests.bench.conftest import SMALL, SETTINGS, MODEL

@pytest.mark.timeout(600)
def test_prof(tmp_path_factory):
    name = f"prof-{secrets.token_hex(3)}"
    s = LiveStack(prepared.engine(), Path(tmp_path_factory.mktemp(name, numbered=False)), name)
    try:
        s.configure({**SETTINGS, "servers": [{"name":"chat","replicas":1,"resources":SMALL,"storage":"1Gi","models":[{"name":MODEL}]}]})
        ev = s.folder/"events.jsonl"; stop=threading.Event(); out=[]; t0=time.monotonic()
        def tail():
            pos=0
            while not stop.wait(0.02):
                if ev.exists():
                    with ev.open() as f:
                        f.seek(pos)
                        for line in f:
                            if not line.endswith("\n"): break
                            pos+=len(line.encode())
                            out.append((time.monotonic()-t0,json.loads(line)))
        th=threading.Thread(target=tail); th.start()
        o=s.up(); stop.set(); th.join()
        for t,e in out:
            for k in ("resourcePreEvent","resOutputsEvent"):
                if k in e:
                    m=e[k]["metadata"]; print(f"{t:7.2f} {k[:8]} {m['op']:8} {m['urn'].split('::')[-2].split('$')[-1]} {m['urn'].split('::')[-1]}")
            if "diagnosticEvent" in e: print(f"{t:7.2f} diag {e['diagnosticEvent']['message'][:150]!r}")
        print("TOTAL", o.seconds)
        o=s.up(); print("NOOP", o.seconds)
    finally:
        s.end()
