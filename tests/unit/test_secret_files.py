"""Secrets in files are taken as those of the environment, and refused by name where others get at them."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from app.errors import Stopped
from app.secret_files import SECRETS, with_secrets
from app.settings import Settings

SECRET = "postgresql://user:hidden@host/name"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "secret"
    made.touch(0o400)
    made.chmod(0o600)
    made.write_text(f"{SECRET}\n")
    return made


def from_file(name: str, file: Path, **more: SecretStr) -> Settings:
    return with_secrets(Settings(**{f"{name}_file": str(file), **more}))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_lie_in_a_file_with_an_end_of_line(name: str, file: Path) -> None:
    settings = from_file(name, file)
    assert getattr(settings, name).get_secret_value() == SECRET
    assert "hidden" not in repr(settings)


def test_every_secret_may() -> None:
    secret = {name for name, field in Settings.model_fields.items() if isinstance(field.default, SecretStr)}
    assert secret == set(SECRETS)
    assert all(f"{name}_file" in Settings.model_fields for name in secret)


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o666, 0o620])
def test_a_file_that_others_can_open_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(Stopped, match=f"ENCRYPTION_KEYS_FILE: others can open {file}"):
        from_file("encryption_keys", file)


def test_both_at_once_are_refused(file: Path) -> None:
    """Whoever changed one of them would wonder why nothing changes."""
    with pytest.raises(Stopped, match="TOKEN_KEYS and TOKEN_KEYS_FILE are both set"):
        from_file("token_keys", file, token_keys=SecretStr("x"))


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"], ids=["empty", "blank", "no text"])
def test_a_file_without_a_secret_is_refused_and_not_shown(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(Stopped, match="DATABASE_URL_FILE: ") as refused:
        from_file("database_url", file)
    assert "hidden" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Stopped, match=r"REDIS_URL_FILE: .*none cannot be read"):
        from_file("redis_url", tmp_path / "none")
