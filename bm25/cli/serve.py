"""`bm25 serve`: the HTTP inference service."""

from __future__ import annotations

import argparse
from typing import Any

from bm25.errors import Bm25ConfigError, MissingExtraError

__all__ = ["add_parser", "run"]

_EPILOG = """\
examples:
  bm25 serve
  bm25 serve --config server.toml --check-config
  bm25 serve --config server.toml
  bm25 serve --host 0.0.0.0 --api-key-file api.key --workers 4

  curl http://127.0.0.1:6340/inference -H 'Content-Type: application/json' \\
    -d '{"inputs": [{"data": "how do I parse a date", "model": "bm25"}], "inference": "search"}'

Without a file it serves the models bm25 and qdrant/bm25 to this machine alone. Others, such as
dense ones and external providers, are set in the file; each of its keys but those of models can
also be set by a variable, BM25__SERVER__PORT=8080 for the key port of the table server. A flag
wins over a variable, a variable over the file.

SIGHUP reads the file again, without dropping a request: models, providers, keys, limits and
certificates change, or, if anything in it is wrong, nothing does. SIGTERM and SIGINT end the
server once the requests in flight are answered, with exit code 0.
"""

_FLAGS = ("host", "port", "workers", "api_key_file", "tls_certificate", "tls_key")


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "serve",
        help="answer inference requests of Qdrant and other clients over HTTP",
        description="Answer inference requests over HTTP, those of Qdrant and those of other clients.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", metavar="FILE", help="settings as TOML")
    parser.add_argument(
        "--check-config",
        action="store_true",
        help="build all models, print what would be served, and exit; 2 if anything is wrong",
    )
    address = parser.add_argument_group("address")
    address.add_argument(
        "--host", metavar="ADDRESS", help="to listen on (default: 127.0.0.1); beyond loopback a key is needed"
    )
    address.add_argument(
        "--port", type=int, metavar="N", help="to listen on (default: 6340); 0 for any that is free"
    )
    address.add_argument("--workers", type=int, metavar="N", help="processes (default: 1)")
    access = parser.add_argument_group("access")
    keys = access.add_mutually_exclusive_group()
    keys.add_argument(
        "--api-key-file", metavar="FILE", help="clients have to send a key of this file, which has one a line"
    )
    keys.add_argument(
        "--no-api-key", action="store_true", help="answer everybody who can reach the address, keys or not"
    )
    access.add_argument("--tls-certificate", metavar="FILE", help="serve HTTPS; PEM, the whole chain")
    access.add_argument("--tls-key", metavar="FILE", help="of the certificate; PEM, without a passphrase")
    parser.add_argument(
        "--plugins", action="append", metavar="MODULE", help="import a module first; may be repeated"
    )
    parser.add_argument("--log-format", choices=("json", "text"), help="default: json")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Serve, or check what would be."""
    import os

    try:
        import msgspec  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(f'{error}; pip install "bm25-engine[server]"') from error

    from bm25.server.process import leave
    from bm25.server.run import check, serve
    from bm25.server.settings import ServerSettings, load_settings

    overrides = _overrides(args)

    def load() -> ServerSettings:
        return load_settings(args.config, os.environ, overrides)

    settings = load()
    if not args.check_config:
        serve(settings, load)
        leave(0)
        return
    try:
        print(check(settings))
    except Bm25ConfigError:
        raise
    except Exception as error:
        # A store that cannot be opened is a wrong configuration here.
        raise Bm25ConfigError(str(error)) from error


def _overrides(args: argparse.Namespace) -> dict[str, Any]:
    overrides: dict[str, Any] = {
        f"server.{name}": getattr(args, name) for name in _FLAGS if getattr(args, name) is not None
    }
    if args.plugins:
        overrides["server.plugins"] = args.plugins
    if args.log_format is not None:
        overrides["logging.format"] = args.log_format
    if args.no_api_key:
        overrides |= {
            "server.api_key": None,
            "server.api_key_file": None,
            "server.allow_unauthenticated": True,
        }
    return overrides
