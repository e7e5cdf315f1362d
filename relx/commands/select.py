"""``relx select``: the sentences of a pool that are most worth annotating."""

import argparse

from relx.commands.common import add_device_argument, add_include_argument, include_plugins, open_output

HELP = "choose the sentences of a pool that are most worth annotating, each with its reason"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "archives", nargs="+", metavar="ARCHIVE", help="a model.tar.gz; several, such as of other seeds"
    )
    parser.add_argument("pool", metavar="POOL", help="sentences of any form, labeled or not: a file, or brat's folder")
    parser.add_argument("--count", type=int, default=50, metavar="N", help="choose so many (default: %(default)s)")
    parser.add_argument("--text", action="store_true", help="the lines of POOL are plain text")
    parser.add_argument("--reader", metavar="READER", help="the form of POOL (default: judged by content)")
    parser.add_argument("--output", metavar="FILE", help="write here (default: standard output)")
    add_device_argument(parser, "predict")
    add_include_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Write the sentences, the most useful first. Raises PluginError, ArchiveError, ConfigError, DataError."""
    import sys

    from relx.errors import ConfigError, DataError
    from relx.utils.text import counted

    if args.count < 1:
        raise ConfigError(f"--count {args.count}: expected a number of sentences, at least 1")
    include_plugins(args)

    from relx.data.json_form import example_to_json, to_line
    from relx.predictors.predictor import Predictor
    from relx.predictors.selection import select
    from relx.predictors.texts import texts_of

    predictors = [Predictor.load(archive, args.device) for archive in args.archives]
    pool = list(texts_of(args.pool, predictors[0], args.text, args.reader))
    chosen = select(predictors, pool, args.count)
    if not chosen:
        raise DataError(f"{args.pool}: holds no sentence with a token")
    with open_output(args.output) as out:
        for sentence in chosen:
            out.write(to_line(example_to_json(sentence.to_example())) + "\n")
    print(f"{args.pool}: {counted(len(chosen), 'sentence')} of {len(pool):,} chosen", file=sys.stderr)
    return 0
