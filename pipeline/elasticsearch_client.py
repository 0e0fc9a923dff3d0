"""Elasticsearch, as every part of WhoSaid meets it: one way to connect, and what this cluster can do."""

from typing import Any

from elasticsearch import ApiError, AsyncElasticsearch, Elasticsearch, TransportError

from pipeline.errors import ClusterUnavailable
from pipeline.settings import Settings


def connect(settings: Settings, **options: Any) -> Elasticsearch:
    """A client for the cluster of the settings. It connects with its first request and does not retry by itself."""
    return Elasticsearch(**(client_options(settings) | options))


def client_options(settings: Settings) -> dict[str, Any]:
    """What every client is made with: addresses, TLS, login. The asynchronous client takes the same."""
    elastic = settings.elasticsearch
    options: dict[str, Any] = {
        "hosts": settings.elasticsearch_urls,
        "request_timeout": elastic.request_timeout,
        "max_retries": 0,
        "retry_on_timeout": False,
    }
    if any(url.startswith("https") for url in settings.elasticsearch_urls):
        options["verify_certs"] = elastic.verify_certificates
        if not elastic.verify_certificates:
            options["ssl_show_warn"] = False
        if elastic.ca_file:
            options["ca_certs"] = str(elastic.ca_file)
    if elastic.api_key:
        options["api_key"] = elastic.api_key.get_secret_value()
    elif elastic.username:
        options["basic_auth"] = (
            elastic.username,
            elastic.password.get_secret_value() if elastic.password else "",
        )
    return options


def modules(client: Elasticsearch) -> frozenset[str]:
    """Names of the modules that every node has: 'analysis-common', 'reindex', 'x-pack-ilm' …

    Small builds leave some out, so ask before using what is not core.

    Raises:
        ClusterUnavailable: Elasticsearch does not answer.
    """
    try:
        nodes = client.nodes.info(metric="plugins")["nodes"].values()
    except (ApiError, TransportError) as error:
        raise unavailable(client, error) from error
    names = [frozenset(module["name"] for module in node.get("modules", ())) for node in nodes]
    return frozenset.intersection(*names) if names else frozenset()


def unavailable(client: Elasticsearch | AsyncElasticsearch, error: ApiError | TransportError) -> ClusterUnavailable:
    """The error to raise for a request that Elasticsearch did not answer, or did not answer as it should."""
    where = ",".join(f"{node.scheme}://{node.host}:{node.port}" for node in client.transport.node_pool.all())
    if isinstance(error, ApiError):
        login = error.status_code in {401, 403}
        return ClusterUnavailable(
            f"Elasticsearch at {where} answered {error.status_code}: {reason(error).rstrip('.')}; "
            + ("check the login in WHOSAID_ELASTICSEARCH__*." if login else "try again, and see its log if that stays.")
        )
    return ClusterUnavailable(
        f"Elasticsearch does not answer at {where} ({type(error).__name__}); start it with `whosaid up`, "
        "or set WHOSAID_ELASTICSEARCH__URL."
    )


def error_type(error: ApiError) -> str:
    """Elasticsearch's own name of an error, or its status where the answer has none."""
    found = error.body.get("error") if isinstance(error.body, dict) else None
    return str(found.get("type", error.status_code)) if isinstance(found, dict) else str(error.status_code)


def reason(error: ApiError) -> str:
    """Elasticsearch's own reason of an error; where it gives none for the whole, that of the cause behind it."""
    found = error.body.get("error") if isinstance(error.body, dict) else None
    if not isinstance(found, dict):
        return f"{error.status_code} {error.message}"
    causes = [found, found.get("caused_by"), *(found.get("root_cause") or ())]
    return next((str(one["reason"]) for one in causes if isinstance(one, dict) and one.get("reason")), str(found))
