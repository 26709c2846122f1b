"""idpyoidc with a few lines of HTTP around it: what `Setup` in src/idpyoidc.rs says, and nothing kept.

Whoever is sent here is logged in: there is no page. Its token endpoint exchanges tokens (RFC 8693).
"""

import logging
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import parent

SETUP = parent.told()
os.chdir(SETUP["folder"])  # it writes keys of its own, and their names are relative

from idpyoidc.message.oauth2 import ResponseMessage
from idpyoidc.server import Server
from idpyoidc.server.client_authn import ClientAuthenticationError
from idpyoidc.server.configure import OPConfiguration
from idpyoidc.server.oauth2.token_helper import validate_token_exchange_policy

JSON = ("Content-Type", "application/json")
TYPE = "urn:ietf:params:oauth:token-type:"
KEYS = [{"type": "RSA", "use": ["sig"]}, {"type": "EC", "crv": "P-256", "use": ["sig"]}]
# `expires_in` of each, and what may be made of it
USAGE = {
    "authorization_code": {
        "supports_minting": ["access_token", "refresh_token", "id_token"],
        "max_usage": 1,
        "expires_in": 120,
    },
    "access_token": {"supports_minting": ["access_token", "refresh_token"], "expires_in": 600},
    "refresh_token": {"supports_minting": ["access_token", "refresh_token"], "expires_in": 3600},
}


def exchanges():
    """What is exchanged, and for whom."""
    allowed = {"resource": SETUP["resources"], "audience": SETUP["audiences"]}
    return {
        "subject_token_types_supported": [TYPE + "access_token", TYPE + "refresh_token"],
        "requested_token_types_supported": [TYPE + "access_token", TYPE + "refresh_token"],
        "policy": {"": {"function": validate_token_exchange_policy, "kwargs": allowed}},
    }


def endpoints():
    methods = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
    helpers = "oidc.token_helper."
    token = {
        "client_authn_method": methods,
        "grant_types_helpers": {
            "authorization_code": made_by(helpers + "access_token.AccessTokenHelper"),
            "refresh_token": made_by(helpers + "refresh_token.RefreshTokenHelper"),
            "urn:ietf:params:oauth:grant-type:token-exchange": made_by(
                helpers + "token_exchange.TokenExchangeHelper", exchanges()
            ),
        },
    }
    kinds = {
        ".well-known/openid-configuration": (
            "provider_config",
            "oidc.provider_config.ProviderConfiguration",
            {"client_authn_method": None},
        ),
        "authorization": ("authorization", "oidc.authorization.Authorization", {}),
        "token": ("token", "oidc.token.Token", token),
        "introspection": (
            "introspection",
            "oauth2.introspection.Introspection",
            {"client_authn_method": methods},
        ),
    }
    return {
        name: {"path": path, **made_by(kind, arguments)}
        for path, (name, kind, arguments) in kinds.items()
    }


def made_by(kind, arguments=None):
    return {"class": "idpyoidc.server." + kind, "kwargs": arguments or {}}


def configuration(issuer):
    token = made_by("token.jwt_token.JWTToken", {"lifetime": 600})
    users = {"db": {"somebody": {}}}
    return {
        "issuer": issuer,
        "keys": {"uri_path": "jwks.json", "key_defs": KEYS},
        "preference": {"subject_types_supported": ["public"]},
        "endpoint": endpoints(),
        "authentication": {
            "anonymous": {
                "acr": "urn:oasis:names:tc:SAML:2.0:ac:classes:InternetProtocolPassword",
                **made_by("user_authn.user.NoAuthn", {"user": "somebody"}),
            }
        },
        "userinfo": made_by("user_info.UserInfo", users),
        "authz": made_by(
            "authz.AuthzHandling", {"grant_config": {"usage_rules": USAGE, "expires_in": 3600}}
        ),
        "token_handler_args": {
            "code": {"lifetime": 120},
            "token": token,
            "refresh": token,
            "id_token": made_by("token.id_token.IDToken"),
        },
    }


def server(issuer):
    folder = SETUP["folder"]
    made = Server(OPConfiguration(configuration(issuer), base_path=folder), cwd=folder)
    made.context.map_supported_to_preferred()
    for client in SETUP["clients"]:
        keys = client.pop("jwks", None)
        client["redirect_uris"] = [(uri, None) for uri in client["redirect_uris"]]
        made.context.cdb[client["client_id"]] = client
        if keys:
            made.keyjar.import_jwks(keys, client["client_id"])
    return made


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lock = threading.Lock()  # idpyoidc is not made for threads

    def do_GET(self):
        self.answer("")

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        self.answer(self.rfile.read(length).decode())

    def answer(self, body):
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        told = {"headers": headers, "method": self.command, "url": ISSUER + self.path}
        with self.lock:
            if url.path == "/jwks.json":
                return self.send(200, [JSON], OP.keyjar.export_jwks_as_json())
            at = (one for one in OP.endpoint.values() if "/" + one.endpoint_path == url.path)
            endpoint = next(at, None)
            if endpoint is None:
                return self.send(404, [], "")
            try:
                return self.send(*asked(endpoint, body or url.query, told))
            except ClientAuthenticationError:
                return self.send(
                    401, [JSON, ("WWW-Authenticate", "Basic")], '{"error": "invalid_client"}'
                )
            except Exception as error:  # it has no answer to that; what was sent is not told
                logging.error("%s: %s", url.path, type(error).__name__)
                return self.send(500, [], "")

    def send(self, status, headers, body):
        body = body.encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def asked(endpoint, text, told):
    """Status, headers and body, as idpyoidc has them."""
    request = endpoint.parse_request(text, http_info=told)
    done = request if is_refusal(request) else endpoint.process_request(request, http_info=told)
    if is_refusal(done):
        return 400, [JSON], done.to_json()
    info = endpoint.do_response(request=request, **done)
    if endpoint.response_placement == "url" or info.get("response_placement") == "url":
        return 303, [("Location", info["response"])], ""
    return info.get("response_code", 200), info["http_headers"], info["response"]


def is_refusal(message):
    return isinstance(message, ResponseMessage) and "error" in message


class Listener(ThreadingHTTPServer):
    daemon_threads = True

    def get_request(self):
        connection, address = super().get_request()
        # its thread shakes hands, so that nobody else waits for it
        tls = TLS.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return tls, address


logging.basicConfig(stream=sys.stderr, level=logging.ERROR)
TLS = parent.context(SETUP)
LISTENER = Listener(("127.0.0.1", 0), Handler)
ISSUER = f"https://127.0.0.1:{LISTENER.server_port}"
OP = server(ISSUER)
parent.ends_with_it(LISTENER.shutdown)
parent.ready(ISSUER)
LISTENER.serve_forever()
