"""``relx calibrate``: thresholds and calibrated scores of an archive, from labeled data."""

import argparse

from relx.commands.common import add_archive_argument, add_device_argument, add_include_argument, include_plugins


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_archive_argument(parser)
    parser.add_argument(
        "validation", help="labeled data that the model was not trained on, in any form that relx reads"
    )
    parser.add_argument("--output", metavar="FILE", help="write the calibrated archive here (default: replace ARCHIVE)")
    parser.add_argument(
        "--precision", type=float, metavar="SHARE",
        help="choose the threshold of relations with the best recall at this precision (default: the best F1)",
    )  # fmt: skip
    parser.add_argument(
        "--diagram", metavar="FILE",
        help="draw the reliability of the scores here: .svg, .png, .pdf (default: reliability.svg beside the archive)",
    )  # fmt: skip
    parser.add_argument("--protocol", metavar="NAME", help="the protocol (default: the experiment's first)")
    parser.add_argument("--reader", metavar="NAME", help="the reader of VALIDATION (default: the experiment's)")
    add_device_argument(parser, "run")
    add_include_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Calibrate. Raises PluginError, ArchiveError, ConfigError, DataError, UnknownProtocol, MissingExtra."""
    from pathlib import Path

    from relx.commands.common import require_extra
    from relx.errors import ConfigError, faults_in

    if args.precision is not None and not 0 < args.precision <= 1:
        raise ConfigError(f"--precision {args.precision}: expected a share above 0, and at most 1")
    if args.diagram is not None:
        require_extra("matplotlib", "plots")
    include_plugins(args)

    from relx.archive_file import set_calibration
    from relx.calibration.fitting import DIAGRAM, Sample, calibrate, save_diagram
    from relx.predictors.evaluation import read_labeled
    from relx.predictors.predictor import Predictor, memory_for
    from relx.scoring import find_protocol
    from relx.utils.logs import with_progress

    predictor = Predictor.load(args.archive, args.device)
    parts = predictor.archive.parts
    rule = find_protocol(args.protocol or parts.protocols[0])
    gold = parts.annotated(read_labeled([args.validation], predictor, args.reader)[args.validation])
    with faults_in(args.validation):
        with memory_for(gold):
            sample = Sample.of(predictor.model, gold, parts.loader, rule, with_progress("sentences"))
        fitted = calibrate(sample, args.precision)
    print(fitted)
    output = Path(args.output or args.archive)
    diagram = save_diagram(fitted, Path(args.diagram) if args.diagram else output.with_name(DIAGRAM))
    set_calibration(args.archive, output, fitted.calibration)
    print(*filter(None, (output, diagram)), sep="\n")
    return 0
