"""Secrets that lie in files, as Docker, Kubernetes and systemd mount them: NAME_FILE names one in place of NAME."""

from pathlib import Path
from typing import Final

from pydantic import SecretStr

from app.errors import Stopped
from app.private_files import open_to_others
from app.settings import Settings

SECRETS: Final = ("database_url", "redis_url", "encryption_keys", "token_keys", "oidc_client_secret")


def with_secrets(settings: Settings) -> Settings:
    """Gives `settings` with every secret that lies in a file read; raises Stopped for one that can't be taken."""
    for name in SECRETS:
        settings = with_secret(settings, name)
    return settings


def with_secret(settings: Settings, name: str) -> Settings:
    """Gives `settings` with the secret `name` read from its file, if it has one.

    Raises Stopped with the setting and the file, never with what is in it: when both are set, when others can
    open the file, when it cannot be read.
    """
    path, setting = getattr(settings, f"{name}_file"), f"{name}_file".upper()
    if not path:
        return settings
    if getattr(settings, name).get_secret_value():
        raise Stopped(f"{name.upper()} and {setting} are both set: leave one of them out")
    try:
        if open_to_others(Path(path).stat()):
            raise Stopped(f"{setting}: others can open {path}: take that right away (chmod 0400)")
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        raise Stopped(f"{setting}: {path} cannot be read, or is no text") from None
    if not text:
        raise Stopped(f"{setting}: {path} is empty")
    return settings.model_copy(update={name: SecretStr(text)})
