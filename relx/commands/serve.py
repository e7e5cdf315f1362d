"""``relx serve``: prediction over HTTP, and a page to look at predictions and correct them."""

import argparse
from typing import TYPE_CHECKING

from relx.commands.common import add_device_argument, add_include_argument, include_plugins, require_extra

if TYPE_CHECKING:
    from relx.serving.app import Access


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "archives", nargs="+", metavar="[NAME=]ARCHIVE",
        help="a model.tar.gz that relx train wrote, named as its folder; one of another name is named as its file; "
        "the first one is the default",
    )  # fmt: skip
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="0 for a free one (default: %(default)s)")
    parser.add_argument("--token-file", metavar="FILE", help="require the token in this file")
    parser.add_argument(
        "--cors", action="append", default=[], metavar="ORIGIN",
        help="let pages of this origin use the service, such as https://example.org; may be repeated",
    )  # fmt: skip
    parser.add_argument("--max-body", type=int, default=2_000_000, metavar="BYTES", help="default: %(default)s")
    parser.add_argument("--max-sentences", type=int, default=2_000, metavar="N", help="default: %(default)s")
    parser.add_argument("--max-tokens", type=int, default=50_000, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--max-queue", type=int, default=64, metavar="N", help="requests at one time (default: %(default)s)"
    )
    parser.add_argument(
        "--max-seconds", type=float, default=60.0, metavar="S", help="the time of a request (default: %(default)s)"
    )
    parser.add_argument("--log-text", action="store_true", help="write the texts of requests to the log")
    parser.add_argument(
        "--review", metavar="FILE",
        help="review the suggestions of this file on the page; relx writes the result beside it, as .reviewed.jsonl",
    )  # fmt: skip
    add_device_argument(parser, "predict")
    add_include_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until a signal. Raises MissingExtra, PluginError, ArchiveError, ConfigError, RelxError."""
    import os

    # Batches have ever new shapes, and oneDNN keeps compiled code for 1,024 of them: about 100 MiB in 400 batches.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
    for package in ("fastapi", "uvicorn", "prometheus_client"):
        require_extra(package, "serve")
    include_plugins(args)

    from relx.predictors.predictor import Predictor
    from relx.serving.app import listen, make_app, run
    from relx.serving.page import Review
    from relx.serving.service import Limits, Service

    paths = _by_name(args.archives)
    limits = Limits(args.max_body, args.max_sentences, args.max_tokens, args.max_queue, args.max_seconds)
    access = _access(args)
    models = {name: Predictor.load(path, args.device) for name, path in paths.items()}
    parts = next(iter(models.values())).archive.parts
    review = None if args.review is None else Review(args.review, parts.tokenizer, parts.splitter)
    service = Service(models, limits)
    listening = listen(args.host, args.port)
    _say(args, listening.getsockname()[1], list(models), access)
    run(make_app(service, access, args.log_text, review), limits, listening)
    return 0


def _by_name(archives: list[str]) -> dict[str, str]:
    """Return the paths of the archives by name. Raises ConfigError for two of one name."""
    import os

    from relx.archive_file import name_of
    from relx.errors import ConfigError

    found: dict[str, str] = {}
    for argument in archives:
        name, equals, path = argument.partition("=")
        if not equals or os.path.exists(argument):
            name, path = name_of(argument), argument
        if name in found:
            raise ConfigError(f"{argument}: two archives have the name {name!r}; write NAME=ARCHIVE")
        found[name] = path
    return found


def _access(args: argparse.Namespace) -> "Access":
    """Return who may use the service. Raises ConfigError for a bad origin or limit, DataError for a bad file."""
    from relx.errors import ConfigError, DataError
    from relx.serving.app import LOOPBACK, Access
    from relx.utils.files import byte_lines

    for name in ("max_body", "max_sentences", "max_tokens", "max_queue", "max_seconds"):
        if not getattr(args, name) > 0:
            raise ConfigError(f"--{name.replace('_', '-')} {getattr(args, name)}: expected a number above 0")
    for origin in args.cors:
        scheme, _, rest = origin.partition("://")
        if scheme not in ("http", "https") or not rest or "/" in rest:
            raise ConfigError(f"--cors {origin}: expected an origin such as https://example.org, without a path")
    token = None
    if args.token_file is not None:
        token = b"".join(byte_lines(args.token_file)).decode(errors="replace").strip()
        if not token or not token.isascii() or len(token.split()) != 1:
            raise DataError(f"{args.token_file}: expected one token of ASCII characters, without blanks")
    return Access(token, args.cors, args.host in LOOPBACK)


def _say(args: argparse.Namespace, port: int, models: list[str], access: "Access") -> None:
    import sys

    host = f"[{args.host}]" if ":" in args.host else args.host
    print(f"{', '.join(models)} at http://{host}:{port} (page), /predict, /docs", file=sys.stderr, flush=True)
    if not access.local and access.token is None:
        print(
            "warning: everybody who reaches this address can use the service; --token-file asks for a token",
            file=sys.stderr, flush=True,
        )  # fmt: skip
