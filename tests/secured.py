"""Apache Kafka and Redis behind TLS, with users and passwords or certificates, as companies run them."""

from pathlib import Path
from typing import Final

import trustme
from cryptography.hazmat.primitives import serialization

from agents.embedded import LOOPBACK, free_port
from tests.services import KAFKA_SETTINGS, Kafka, Redis

USER: Final = "baton"
PASSWORD: Final = "s3cret:with@signs/"
_PROTOCOLS: Final = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", "PASSWORD": "SASL_SSL", "CERTIFICATE": "SSL"}


class Certificates:
    """An authority, and what it has signed: for a server and for a client, as PEM files in a directory."""

    def __init__(self, directory: Path) -> None:
        authority = trustme.CA()
        self.authority = directory / "ca.pem"
        authority.cert_pem.write_to_path(self.authority)
        self.server, self.server_key = _signed(authority, directory, "server", LOOPBACK)
        self.client, self.client_key = _signed(authority, directory, "client", "baton.example")
        self.server_store = directory / "server-store.pem"
        self.server_store.write_bytes(self.server_key.read_bytes() + self.server.read_bytes())


def _signed(authority: trustme.CA, directory: Path, name: str, identity: str) -> tuple[Path, Path]:
    """A certificate and its key, in the form of PEM that Java reads as well."""
    signed = authority.issue_cert(identity)
    certificate, key = directory / f"{name}.pem", directory / f"{name}-key.pem"
    certificate.write_bytes(b"".join(blob.bytes() for blob in signed.cert_chain_pems))
    private = serialization.load_pem_private_key(signed.private_key_pem.bytes(), None)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key.write_bytes(private.private_bytes(*form))
    return certificate, key


class SecuredKafka(Kafka):
    """A Kafka that listens with passwords at `by_password` and with clients' certificates at `by_certificate`."""

    def __init__(self, directory: Path) -> None:
        """Prepare it, with certificates of its own."""
        self.certificates = Certificates(directory)
        self.by_password, self.by_certificate = (f"{LOOPBACK}:{free_port()}" for _ in range(2))
        super().__init__(directory, KAFKA_SETTINGS)

    def listeners(self) -> dict[str, str]:
        """The script's, and two more."""
        given = {
            "PLAINTEXT": self.servers,
            "CONTROLLER": f"{LOOPBACK}:{self.port + 1}",
            "PASSWORD": self.by_password,
            "CERTIFICATE": self.by_certificate,
        }
        listeners = ",".join(f"{name}://{address}" for name, address in given.items())
        plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        return {
            "listeners": listeners,
            "advertised.listeners": listeners,
            "listener.security.protocol.map": ",".join(f"{name}:{how}" for name, how in _PROTOCOLS.items()),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.certificates.server_store),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.certificates.authority),
            "listener.name.certificate.ssl.client.auth": "required",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.password.plain.sasl.jaas.config": f'{plain} user_{USER}="{PASSWORD}";',
        }


class SecuredRedis(Redis):
    """A Redis that also listens with TLS, at `secured_port`, for a user with a password."""

    def __init__(self, directory: Path) -> None:
        """Prepare it, with certificates of its own; ServiceError if there is no redis-server."""
        self.certificates, self.secured_port = Certificates(directory), free_port()
        super().__init__(directory)

    def words(self) -> list[str]:
        """TLS on the second port, and the user."""
        files = self.certificates
        tls = {"cert-file": files.server, "key-file": files.server_key, "ca-cert-file": files.authority}
        return [
            *f"--tls-port {self.secured_port} --tls-auth-clients no --user {USER} on >{PASSWORD} ~* +@all".split(),
            *(word for name, path in tls.items() for word in (f"--tls-{name}", str(path))),
        ]
