"""Kafka and Elasticsearch with security on: TLS with an authority of the test's own, logins, rights."""

import base64
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ACLResourcePatternType, ResourcePattern, ResourceType

from pipeline import kafka_client
from pipeline.embedded.elasticsearch import ElasticsearchServer
from pipeline.embedded.engine import Extra
from pipeline.embedded.kafka import KafkaServer
from pipeline.settings import ElasticsearchSettings, KafkaSettings, Settings
from tests.engines import free_ports

ROLES = Path(__file__).parents[2] / "deploy" / "elasticsearch" / "roles.yml"
ADMIN_PASSWORD = "admin-words"
PLAIN_PASSWORD = "plain-words-5e1f"
SCRAM_PASSWORD = "scram-words-77ac"
CLUSTER_PASSWORD = "cluster-words-09bd"


@dataclass(frozen=True)
class Certificates:
    """PEM files of an authority, and of a server and a client that it vouches for."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


def certificates(folder: Path) -> Certificates:
    """New ones, in the folder; keys as PKCS #8, which is what Kafka reads."""
    authority = trustme.CA()
    made = Certificates(*(folder / name for name in ("ca.pem", "server.pem", "server.key", "client.pem", "client.key")))
    authority.cert_pem.write_to_path(str(made.ca))
    server = authority.issue_cert("127.0.0.1", "localhost")
    client = authority.issue_cert("whosaid@client.test", common_name="whosaid")
    for issued, chain, key in ((server, made.server, made.server_key), (client, made.client, made.client_key)):
        chain.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
        loaded = load_pem_private_key(issued.private_key_pem.bytes(), None)
        key.write_bytes(loaded.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made


def secured_kafka(settings: Settings, made: Certificates) -> tuple[KafkaServer, str]:
    """A Kafka that lets nobody in without a login over TLS, or a client's certificate; and where the latter is asked.

    Who got in may do nothing until somebody allows it (see `allow`), but for the administrator.
    """
    [mutual] = free_ports(1)
    address = f"127.0.0.1:{settings.embedded.kafka_port}"
    controller = f"127.0.0.1:{settings.embedded.kafka_controller_port}"
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule required "
    users = f'user_admin="{ADMIN_PASSWORD}" user_whosaid="{PLAIN_PASSWORD}"'
    extra = Extra(
        settings={
            "listeners": f"SASL_SSL://{address},MUTUAL://127.0.0.1:{mutual},CONTROLLER://{controller}",
            "advertised.listeners": f"SASL_SSL://{address},MUTUAL://127.0.0.1:{mutual}",
            "listener.security.protocol.map": "SASL_SSL:SASL_SSL,MUTUAL:SSL,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "SASL_SSL",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": (
                f'{plain} username="admin" password="{ADMIN_PASSWORD}" {users};'
            ),
            **{
                f"listener.name.sasl_ssl.scram-sha-{bits}.sasl.jaas.config": (
                    "org.apache.kafka.common.security.scram.ScramLoginModule required;"
                )
                for bits in (256, 512)
            },
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": "config/server.keystore.pem",
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": "config/ca.pem",
            "listener.name.mutual.ssl.client.auth": "required",
            "ssl.principal.mapping.rules": r"RULE:^.*CN=([a-zA-Z0-9.]*).*$/$1/,DEFAULT",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:admin;User:ANONYMOUS",  # the latter is the controller's own listener
        },
        files={
            "server.keystore.pem": made.server_key.read_bytes() + made.server.read_bytes(),
            "ca.pem": made.ca.read_bytes(),
        },
    )
    admin = with_kafka(settings, made, sasl_mechanism="PLAIN", username="admin", password=ADMIN_PASSWORD)
    return KafkaServer(admin, extra=extra), f"127.0.0.1:{mutual}"


def with_kafka(settings: Settings, made: Certificates, **changes: Any) -> Settings:
    """The settings with a login to the secured Kafka."""
    values = {
        "bootstrap_servers": f"127.0.0.1:{settings.embedded.kafka_port}",
        "security_protocol": "SASL_SSL",
        "ca_file": made.ca,
        "request_timeout": 15.0,
    }
    return settings.model_copy(update={"kafka": KafkaSettings.model_validate(values | changes)})


def allow(admin: Settings, users: Iterable[str]) -> None:
    """What WhoSaid's parts need of Kafka, and no more: their own topics and their own groups, by prefix."""
    prefix = admin.kafka.prefix
    topic = (
        ACLOperation.READ, ACLOperation.WRITE, ACLOperation.CREATE, ACLOperation.DESCRIBE, ACLOperation.DESCRIBE_CONFIGS
    )  # fmt: skip
    acls = [
        ACL(
            principal=user,
            host="*",
            operation=operation,
            permission_type=ACLPermissionType.ALLOW,
            resource_pattern=ResourcePattern(kind, prefix, ACLResourcePatternType.PREFIXED),
        )
        for user in users
        for kind, operations in (
            (ResourceType.TOPIC, topic),
            (ResourceType.GROUP, (ACLOperation.READ, ACLOperation.DESCRIBE)),
        )
        for operation in operations
    ]
    client = kafka_client.admin(admin)
    try:
        result = client.create_acls(acls)
        assert not result["failed"], result
    finally:
        client.close()


def password_hash(password: str) -> str:
    """A line of Elasticsearch's file of users is a name and this."""
    salt = os.urandom(32)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 10_000, dklen=32)
    return f"{{PBKDF2}}10000${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def secured_elasticsearch(settings: Settings, made: Certificates) -> ElasticsearchServer:
    """An Elasticsearch with TLS, users of the file realm and the roles that deploy/ has."""
    users = ("admin", "sink", "search", "connect", "takedown", "writer")
    only_writes = "only_writes:\n  indices: [{names: ['whosaid-quotes*'], privileges: [index]}]\n"
    extra = Extra(
        settings={
            "xpack.security.enabled": True,
            "xpack.security.authc.password_hashing.algorithm": "pbkdf2",
            "xpack.security.authc.realms.file.file1.order": 0,
            "xpack.security.http.ssl.enabled": True,
            "xpack.security.http.ssl.key": "server.key",
            "xpack.security.http.ssl.certificate": "server.pem",
            "xpack.security.http.ssl.certificate_authorities": ["ca.pem"],
        },
        files={
            "server.key": made.server_key.read_bytes(),
            "server.pem": made.server.read_bytes(),
            "ca.pem": made.ca.read_bytes(),
            "users": "".join(f"{user}:{password_hash(CLUSTER_PASSWORD)}\n" for user in users),
            "users_roles": "superuser:admin\nwhosaid_sink:sink\nwhosaid_search:search\nwhosaid_connect:connect\n"
            "whosaid_takedown:takedown\n"
            "only_writes:writer\n",
            "roles.yml": ROLES.read_text(encoding="utf-8") + only_writes,
        },
    )
    return ElasticsearchServer(settings, extra=extra)


def with_cluster(settings: Settings, made: Certificates, user: str, **changes: Any) -> Settings:
    """The settings with a user of the secured Elasticsearch."""
    values = {
        "url": f"https://127.0.0.1:{settings.embedded.elasticsearch_port}",
        "username": user,
        "password": CLUSTER_PASSWORD,
        "ca_file": made.ca,
    }
    return settings.model_copy(update={"elasticsearch": ElasticsearchSettings.model_validate(values | changes)})
