"""Encryption on the way: what comes into the cluster, and what pods talk to."""

# ruff: noqa: D103 - what a check is for stands in its decorator

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.check import Facts, Family, Finding, Parameter, Severity, any_object, at, has_pods, kinds
from policies.items import Item
from policies.nodes import Node

FAMILY = Family("encryption", "https://kubernetes.io/docs/concepts/services-networking/ingress/#tls")
_INGRESS = kinds("networking.k8s.io", "Ingress")
_TLS_OFF = {
    "nginx.ingress.kubernetes.io/ssl-redirect": "false",
    "nginx.ingress.kubernetes.io/force-ssl-redirect": "false",
    "kubernetes.io/ingress.allow-http": "true",
    "traefik.ingress.kubernetes.io/router.tls": "false",
    "haproxy.org/ssl-redirect": "false",
}
_LB_TLS = (
    "service.beta.kubernetes.io/aws-load-balancer-ssl-cert",
    "service.beta.kubernetes.io/do-loadbalancer-certificate-id",
    "service.beta.kubernetes.io/do-loadbalancer-tls-passthrough",
    "service.beta.kubernetes.io/linode-loadbalancer-default-protocol",
    "service.beta.kubernetes.io/oci-load-balancer-tls-secret",
    "service.beta.kubernetes.io/oci-load-balancer-ssl-ports",
    "load-balancer.hetzner.cloud/http-certificates",
    "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-cert-id",
)
_URL = re.compile(
    r"\b(http|ws|ftp|redis|amqp|mqtt|ldap|mongodb|mysql|nats)://([^\s/@'\"]{0,200}@)?(\[[0-9a-f:.]{2,45}\]|[^\s/:?#,'\"\]}]{1,255})",
    re.IGNORECASE,
)
_POSTGRES = re.compile(r"\bpostgres(?:ql)?(?:\+\w{1,20})?://[^\s'\"]{1,1000}", re.IGNORECASE)
_SSLMODE = re.compile(r"\bsslmode\s?=\s?['\"]?([a-z-]{1,20})", re.IGNORECASE)
_OLD_TLS = re.compile(
    r"\b(?:TLS|SSL)(?:_?v|_|ersion)?(?:1[._]?[01]\b|[23]\b(?![._]))|\b(?:SSLv[23]|TLSv1)\b(?!\.)|\bVersionTLS1[01]\b",
    re.IGNORECASE,
)
_TLS_KEY = re.compile(r"(tls|ssl).{0,40}(protocol|version|min)|min.{0,40}(tls|ssl|protocol)", re.IGNORECASE)
_SAMPLES = ("schemas", "docs", "www.w3.org")


@FAMILY.check(
    "ingress-tls",
    Severity.HIGH,
    "An Ingress serves TLS for each of its hosts",
    on=_INGRESS,
    why="Prompts and answers can be read and changed on the way.",
    fix="List the host under `tls` with the Secret of its certificate.",
)
def ingress_tls(item: Item, _: Facts) -> Iterator[Finding]:
    tls = item.body.at("spec", "tls")
    if tls.unknown or not tls.whole:
        return
    if not list(tls.each()):
        yield at(tls, "there is no TLS")
        return
    covered = [node.at("hosts") for node in tls.each()]
    if any(not node.whole for node in covered):
        return
    names = {name for node in covered for name in node.lines}
    for rule in item.body.at("spec", "rules").each():
        host = rule.at("host")
        if host.text and host.text not in names and f"*.{host.text.partition('.')[2]}" not in names:
            yield at(host, f"{host} is in no `tls.hosts`")


@FAMILY.check(
    "ingress-plain-http",
    Severity.MEDIUM,
    "An Ingress does not ask for plain HTTP",
    on=_INGRESS,
    why="A client that comes by http:// sends its token before anybody can redirect it.",
    fix="Take the annotation away.",
)
def ingress_plain(item: Item, _: Facts) -> Iterator[Finding]:
    for name, bad in _TLS_OFF.items():
        node = item.body.at("metadata", "annotations", name)
        if node.text is not None and node.text.lower() == bad:
            yield at(node, f"is {node}")


@FAMILY.check(
    "gateway-listener",
    Severity.HIGH,
    "A Gateway's listeners are TLS",
    on=kinds("gateway.networking.k8s.io", "Gateway"),
    link="https://gateway-api.sigs.k8s.io/guides/tls/",
    why="Prompts and answers can be read and changed on the way.",
    fix="Use HTTPS or TLS with `certificateRefs`; list a listener that only redirects in `redirectListeners`.",
    parameters={"redirectListeners": Parameter(["http-redirect"], "Names of listeners that do nothing but redirect.")},
)
def gateway(item: Item, facts: Facts) -> Iterator[Finding]:
    for node in item.body.at("spec", "listeners").each():
        if node.at("name").text in facts.texts("redirectListeners"):
            continue
        protocol = node.at("protocol")
        if protocol.text in ("HTTP", "TCP", "UDP"):
            yield at(protocol, f"is {protocol}")
        references = node.at("tls", "certificateRefs")
        ends_here = node.at("tls", "mode").missing or node.at("tls", "mode").text == "Terminate"
        if protocol.text in ("HTTPS", "TLS") and ends_here and references.whole and not list(references.each()):
            yield at(references, "names no certificate")


@FAMILY.check(
    "istio-tls",
    Severity.HIGH,
    "A service mesh does not switch TLS off",
    on=kinds("security.istio.io", "PeerAuthentication") | kinds("networking.istio.io", "DestinationRule", "Gateway"),
    link="https://istio.io/latest/docs/reference/config/security/peer_authentication/",
    why="PERMISSIVE and DISABLE let plain traffic in and out.",
    fix="Use STRICT, and ISTIO_MUTUAL or SIMPLE for destinations.",
)
def istio(item: Item, _: Facts) -> Iterator[Finding]:
    for leaf in item.body.at("spec").leaves():
        if leaf.path.endswith(".mode") and leaf.value in ("DISABLE", "PERMISSIVE"):
            yield at(leaf, f"is {leaf}")


@FAMILY.check(
    "load-balancer-tls",
    Severity.HIGH,
    "A LoadBalancer does not serve plain HTTP",
    on=kinds("", "Service"),
    link="https://kubernetes.io/docs/concepts/services-networking/service/#ssl-support-on-aws",
    why="It is reached from outside of the cluster.",
    fix="End TLS at the load balancer (its annotation with a certificate) or in the pod (port 443).",
    parameters={"tlsPorts": Parameter(["443", "8443", "6443", "5432"], "Ports whose pods speak TLS themselves.")},
)
def load_balancer(item: Item, facts: Facts) -> Iterator[Finding]:
    if item.body.at("spec", "type").text != "LoadBalancer":
        return
    annotations = item.body.at("metadata", "annotations")
    if annotations.unknown or any(not annotations.at(name).missing for name in _LB_TLS):
        return
    for port in item.body.at("spec", "ports").each():
        number = port.at("port")
        protocol = port.at("appProtocol").text
        if (
            number.unknown
            or protocol in ("https", "tls", "kubernetes.io/wss")
            or str(number) in facts.texts("tlsPorts")
        ):
            continue
        if not number.missing:
            yield at(number, f"port {number} is not TLS, as far as can be told")


def _texts(item: Item) -> Iterator[Node]:
    """What pods are told: values of variables, arguments, and files of ConfigMaps."""
    for pod in item.pods:
        for variable in pod.spec.at("env").each():
            yield variable.at("value")
        for container in pod.containers():
            for variable in container.node.at("env").each():
                yield variable.at("value")
            yield from container.node.at("args").each()
            yield from container.node.at("command").each()
    if item.key == ("", "ConfigMap"):
        yield from (node for _, node in item.body.at("data").fields())


def _told(item: Item) -> bool:
    return item.key == ("", "ConfigMap") or bool(item.pods)


@FAMILY.check(
    "plain-http",
    Severity.HIGH,
    "Pods do not talk to servers outside the cluster without TLS",
    on=_told,
    link="https://kubernetes.io/docs/concepts/security/application-security-checklist/",
    why="What they send, prompts and memories among it, can be read on the way.",
    fix="Use https:// (rediss://, amqps:// ...); list hosts that may stay plain in `allowedHosts`.",
    parameters={
        "allowedHosts": Parameter([], "Hosts that may be asked without TLS."),
        "insideCluster": Parameter(True, "Allow plain traffic to `*.svc` names, which NetworkPolicies guard."),
    },
)
def plain_http(item: Item, facts: Facts) -> Iterator[Finding]:
    allowed, inside = facts.texts("allowedHosts"), facts.flag("insideCluster")
    for node in _texts(item):
        for found in _URL.finditer(node.text or ""):
            host = found.group(3).lower().strip("[]")
            if (
                host in allowed
                or _local(host)
                or (inside and _in_cluster(host))
                or host.startswith(("$", "{", "<", "%"))
            ):
                continue
            yield at(node, f"{found.group(1).lower()}:// to {'a server' if node.secret else host}")


def _local(host: str) -> bool:
    return host in ("localhost", "0.0.0.0", "::1", "::") or host.startswith("127.") or host in _SAMPLES  # noqa: S104


def _in_cluster(host: str) -> bool:
    return "." not in host or host.endswith((".svc", ".cluster.local")) or ".svc." in host


@FAMILY.check(
    "database-tls",
    Severity.HIGH,
    "A connection to PostgreSQL checks the server's certificate and name",
    on=_told,
    link="https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION",
    why="Below `verify-full` somebody between can be the database.",
    fix="Set `sslmode=verify-full` and `sslrootcert`.",
)
def database_tls(item: Item, _: Facts) -> Iterator[Finding]:
    for node in _texts(item):
        text = node.text or ""
        for found in _POSTGRES.finditer(text):
            modes = _SSLMODE.findall(found.group())
            if not modes or any(mode.lower() != "verify-full" for mode in modes):
                yield at(node, "a PostgreSQL URL without sslmode=verify-full")
        rest = _POSTGRES.sub("", text)
        for mode in _SSLMODE.findall(rest):
            if mode.lower() != "verify-full":
                yield at(node, "sslmode is below verify-full")
    for pod in item.pods:
        for variable in (one for container in pod.containers() for one in container.node.at("env").each()):
            value = variable.at("value")
            if variable.at("name").text == "PGSSLMODE" and value.text is not None and value.text != "verify-full":
                yield at(value, f"PGSSLMODE is {value}")


@FAMILY.check(
    "database-plain-clients",
    Severity.HIGH,
    "PostgreSQL takes no connections without TLS",
    on=kinds("postgresql.cnpg.io", "Cluster"),
    link="https://www.postgresql.org/docs/current/auth-pg-hba-conf.html",
    why="A line `host` takes plain connections; its password, and what is asked, can be read.",
    fix="Write `hostssl`.",
)
def database_plain(item: Item, _: Facts) -> Iterator[Finding]:
    for node in item.body.at("spec", "postgresql", "pg_hba").each():
        words = (node.text or "").split()
        if words and words[0] in ("host", "hostnossl") and words[-1] != "reject":
            yield at(node, f"takes `{words[0]}`")
    ssl = item.body.at("spec", "postgresql", "parameters", "ssl")
    if ssl.text in ("off", "false", "no", "0"):
        yield at(ssl, "is off")


@FAMILY.check(
    "tls-version",
    Severity.HIGH,
    "Nothing asks for TLS below 1.2",
    on=any_object,
    link="https://datatracker.ietf.org/doc/html/rfc8996",
    why="TLS 1.0 and 1.1 are broken and forbidden since 2021.",
    fix="Set 1.2 or 1.3 as the lowest version.",
)
def tls_version(item: Item, _: Facts) -> Iterator[Finding]:
    places: list[Node] = [
        node for name, node in item.body.at("metadata", "annotations").fields() if _TLS_KEY.search(name)
    ]
    if item.key == ("", "ConfigMap"):
        places += [node for name, node in item.body.at("data").fields() if _TLS_KEY.search(name)]
    if item.group not in ("", "apps", "batch"):
        places += [leaf for leaf in item.body.at("spec").leaves() if _TLS_KEY.search(leaf.path.rpartition(".")[2])]
    for container in (one for pod in item.pods for one in pod.containers()):
        places += [node for node in container.node.at("args").each() if _TLS_KEY.search(node.text or "")]
        for variable in container.node.at("env").each():
            if _TLS_KEY.search(variable.at("name").text or ""):
                places.append(variable.at("value"))
    for node in places:
        text = node.text or ""
        plain_number = re.fullmatch(r"(?:TLSv?)?1(\.[01])?", text, re.IGNORECASE)
        if _OLD_TLS.search(text) or plain_number:
            yield at(node, "allows a version below TLS 1.2")


_ENDPOINTS = ("podMetricsEndpoints", "endpoints")


@FAMILY.check(
    "scrape-tls",
    Severity.MEDIUM,
    "What Prometheus scrapes tells by TLS, and is known by its name",
    on=kinds("monitoring.coreos.com", "PodMonitor", "ServiceMonitor"),
    link="https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.PodMetricsEndpoint",
    why="Metrics name models, keys and loads; whoever answers in a target's place decides what alerts see.",
    fix="Set `scheme: https`, and `tlsConfig` with the authority and `serverName` (here: `monitoring.tls`).",
    prod_only=True,
)
def scrape_tls(item: Item, _: Facts) -> Iterator[Finding]:
    for key in _ENDPOINTS:
        for endpoint in item.body.at("spec", key).each():
            scheme, tls = endpoint.at("scheme"), endpoint.at("tlsConfig")
            if scheme.unknown or tls.unknown:
                continue
            if (scheme.text or "http").lower() != "https":
                yield at(scheme, "is plain HTTP")
            elif tls.at("insecureSkipVerify").is_(True):
                yield at(tls.at("insecureSkipVerify"), "takes any certificate")
            elif tls.at("ca").missing and tls.at("caFile").missing:
                yield at(tls, "names no authority")


@FAMILY.check(
    "skip-verify",
    Severity.MEDIUM,
    "Nothing switches the check of certificates off",
    on=has_pods,
    link="https://kubernetes.io/docs/concepts/security/application-security-checklist/",
    why="TLS to whoever answers is no TLS.",
    fix="Give the client the authority's certificate.",
)
def skip_verify(item: Item, _: Facts) -> Iterator[Finding]:
    flags = (
        "--insecure-skip-tls-verify",
        "--insecure-skip-verify",
        "--tls-skip-verify",
        "--kubelet-insecure-tls",
        "--no-check-certificate",
    )
    for container in (one for pod in item.pods for one in pod.containers()):
        for node in [*container.node.at("args").each(), *container.node.at("command").each()]:
            name, _eq, value = (node.text or "").partition("=")
            if name in flags and value.lower() != "false":
                yield at(node, f"has {name}")
        for variable in container.node.at("env").each():
            name, value = variable.at("name").text, variable.at("value")
            if (name == "NODE_TLS_REJECT_UNAUTHORIZED" and value.text == "0") or (
                name == "PYTHONHTTPSVERIFY" and value.text == "0"
            ):
                yield at(value, f"{name} is 0")
