"""django-oauth-toolkit behind gunicorn: what `Setup` in src/django.rs says, and nothing kept.

Its prefix is /o/, as its documentation has it, so that the `iss` of its answers (https://host/o) is not the
issuer that its document at the root names (https://host).
"""

import os
import signal
import socket
from datetime import timedelta

import parent

SETUP = parent.told()
LISTENER = socket.create_server(("127.0.0.1", 0))
ISSUER = f"https://127.0.0.1:{LISTENER.getsockname()[1]}"
# secrets of 256 random bits need no slow hash, and each request would pay for it
HASHER = "django.contrib.auth.hashers.MD5PasswordHasher"
APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "oauth2_provider",
]

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.path.join(SETUP["folder"], "django.sqlite3"),
            # a writer waits for the one before it, from its first statement on
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA synchronous = OFF",
            },
        }
    },
    INSTALLED_APPS=APPS,
    # the tables as they have become, and not step by step
    MIGRATION_MODULES={app.rpartition(".")[2]: None for app in APPS},
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    PASSWORD_HASHERS=[HASHER],
    ROOT_URLCONF=__name__,
    SECRET_KEY=SETUP["django_secret"],
    LOGIN_URL="/login/",
    STATIC_URL="/static/",
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "DIRS": [os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")],
            "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
        }
    ],
    USE_TZ=True,
    OAUTH2_PROVIDER={
        "ACCESS_TOKEN_EXPIRE_SECONDS": 300,
        "CLIENT_SECRET_HASHER": "md5",
        "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
        "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
        "DEFAULT_SCOPES": ["read"],
        "OAUTH_DEVICE_VERIFICATION_URI": f"{ISSUER}/o/device/",
        "OIDC_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": SETUP["id_token_key"],
        "PKCE_REQUIRED": True,
        "REFRESH_TOKEN_REUSE_PROTECTION": True,
        "ROTATE_REFRESH_TOKEN": True,
        "SCOPES": {"read": "read", "write": "write", "openid": "who you are"},
    },
)
django.setup()

from django.contrib.auth import get_user_model
from django.contrib.auth.views import LoginView
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.http import HttpResponse, JsonResponse
from django.urls import include, path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from gunicorn.app.base import BaseApplication
from oauth2_provider.models import get_access_token_model, get_application_model, get_grant_model
from oauth2_provider.urls import metadata_urlpatterns
from oauth2_provider.views.generic import ProtectedResourceView


class Whoami(ProtectedResourceView):
    """An API as its documentation shows one: a dead token is an empty 403."""

    def get(self, request):
        return JsonResponse({"client_id": request.resource_owner and "somebody" or "a client"})


@csrf_exempt
def age(request):
    """Time passes for what a client was given: a trial does not wait."""
    past = timezone.now() - timedelta(seconds=1)
    for model in (get_grant_model(), get_access_token_model()):
        model.objects.filter(application__client_id=request.POST["client_id"]).update(expires=past)
    return HttpResponse(status=204)


urlpatterns = [
    path("login/", LoginView.as_view()),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("api/whoami", Whoami.as_view()),
    path("trial/age", age),
    *metadata_urlpatterns,
]


def populate():
    """Somebody who can log in, and the clients."""
    call_command("migrate", run_syncdb=True, verbosity=0)
    user = get_user_model().objects.create_user("somebody", password=SETUP["password"])
    for client in SETUP["clients"]:
        get_application_model().objects.create(user=user, **client)
    connections.close_all()  # a worker is another process


class Server(BaseApplication):
    def load_config(self):
        tls = parent.context(SETUP)
        certificate = os.path.join(SETUP["folder"], "certificate.pem")
        with open(certificate, "w") as file:
            file.write(SETUP["certificate"])
        for name, value in {
            "bind": f"fd://{LISTENER.fileno()}",
            "worker_class": "gthread",
            "workers": 1,
            "threads": 8,
            "keepalive": 75,  # else a connection may be closed just when the next request goes out
            "loglevel": "warning",
            "control_socket_disable": True,
            "certfile": certificate,  # says that there is TLS; what is shown is in the context
            "ssl_context": lambda config, default: tls,
            "post_worker_init": lambda worker: parent.ready(ISSUER),
            "worker_tmp_dir": SETUP["folder"],
        }.items():
            self.cfg.set(name, value)

    def load(self):
        return get_wsgi_application()


populate()
parent.ends_with_it(lambda: os.kill(os.getpid(), signal.SIGQUIT))
Server().run()
