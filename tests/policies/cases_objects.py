"""What objects other than pods may say and what not, and what a stack must hold as a whole.

Each case is the objects of one stack, deployed to production unless the test says otherwise.
"""

from __future__ import annotations

from tests.policies.cases_base import Cases, cnpg, single
from tests.policies.cases_encryption import ENCRYPTION
from tests.policies.cases_network import NETWORK, WORKLOAD
from tests.policies.cases_rbac import BINDINGS, ROLES
from tests.policies.objects import DIGEST, Object, model

_RELEASE: Object = {"$token": "kubernetes:helm.sh/v3:Release", "chart": "gpu-operator"}

REST: dict[str, Cases] = {
    "supply_chain-helm-release": single([{**_RELEASE, "chart": "read"}], [_RELEASE], allow=["read"]),
    "supply_chain-digest": single(
        [cnpg(imageName=f"ghcr.io/cloudnative-pg/postgresql:18@{DIGEST}")],
        [cnpg(imageName="ghcr.io/cloudnative-pg/postgresql:18")],
    ),
    "models-digest": single([model(), model(digest=None, create={"fromModel": "x"})], [model(digest=None)]),
    "models-digest-form": single([model(), model(digest=None)], [model(digest="sha256:abc"), model(digest="a" * 64)]),
    "models-source": single(
        [model(), model({"source": "smollm2"}), model({"source": "registry.ollama.ai/library/x:1"}), model(create={})],
        [
            model({"source": "hf.co/someone/model:latest"}),
            model({"source": "registry.ollama.ai/someone/model:1"}),
            model({"source": "someone/x"}),
            # Through the store, from another registry or another account.
            model({"source": "hf-co.team.svc.cluster.local:5000/someone/model:latest"}),
            model({"source": "registry-ollama-ai.team.svc.cluster.local:5000/someone/model:latest"}),
            model({"source": "registry-ollama-ai.example.com/library/model:latest"}),
            # A server outside, whose entry the engine does not know.
            model(entry=None, source="hf.co/someone/model:latest"),
        ],
    ),
    "models-plain-http": single(
        [
            model(),
            model({"source": "registry.ollama.ai/library/x:1"}),
            model({"source": "127.0.0.1:5000/x:1", "insecure": True}),
        ],
        [model({"source": "registry.example.com:5000/library/x:1", "insecure": True})],
    ),
    "models-server-url": single([model(url="https://ollama.example.com")], [model(url="http://ollama.example.com")]),
    "models-licence": single(
        [model()],
        [
            model({"source": "registry.ollama.ai/library/llama3.2:3b"}),
            model({"source": "registry-ollama-ai.team.svc.cluster.local:5000/library/unheard:1"}),
        ],
        allowed=["Apache-2.0"],
    ),
}

CASES: dict[str, Cases] = {**ROLES, **BINDINGS, **ENCRYPTION, **NETWORK, **WORKLOAD, **REST}
