"""``relx schema``: propose the rules that the relations of labeled data follow."""

import argparse

from relx.commands.common import add_include_argument, include_plugins, print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="labeled files, usually those of training")
    parser.add_argument("--reader", metavar="READER", help="the form of the files (default: recognized by content)")
    add_include_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Print the schema. Raises DataError, ConfigError, PluginError."""
    include_plugins(args)

    from relx.errors import DataError, Faults
    from relx.readers import make_reader, read_files, reader_for
    from relx.readers.documents import by_document
    from relx.schema import facts_of, propose

    faults, files = Faults(), {}
    for path in dict.fromkeys(args.files):
        with faults.gathered():
            files[path] = make_reader(args.reader or reader_for(path)), path
    faults.raise_any()
    corpora = read_files(files).values()
    schema = propose(facts_of(sentences) for corpus in corpora for _, sentences in by_document(corpus))
    if not schema.relations:
        raise DataError(f"{', '.join(files)}: no relation to propose a schema from; give labeled data")
    print_json(schema.to_json())
    return 0
