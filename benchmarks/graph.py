"""``relx graph`` on a large file, and its linker on names with typos.

``python benchmarks/graph.py memory [--triples 1000000]`` writes that many triples to a temporary file and merges them
in a process of its own for each form: seconds of processor time, and the largest memory of the process.

``python benchmarks/graph.py links`` links 4,000 variants of 1,000 made-up names, and 1,000 names that are not in the
list but share words with it: the share that is linked rightly and wrongly, by kind of variant and by cut.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from relx.commands import main as relx
from relx.graph.linking import Entry, Linker

FORMS = ("csv", "cypher", "turtle", "graphml")
CUTS = (0.75, 0.8, 0.85, 0.9)
FIRST = (
    "Ada Amir Anna Bela Bruno Carla Chen Clara Dana David Elena Emil Fatima Felix Gita Hana Henri Ida Ines Ivan "
    "Jana Jonas Julia Karim Kira Lars Lea Lena Luca Maja Marc Maria Mina Nadia Nils Nora Olga Omar Otto Paula Pia "
    "Rosa Sami Sara Selma Theo Tomas Vera Viktor Yara"
)
LAST = (
    "Abel Albrecht Andersen Baum Becker Benali Berg Bianchi Brandt Castro Conti Dahl Demir Duarte Eriksen Farkas "
    "Ferrari Fischer Garcia Gruber Haas Hansen Horvat Ivanov Jensen Kaya Keller Kowal Larsen Lindqvist Lopes Marin "
    "Meyer Moreau Nagy Novak Olsen Pavlov Pereira Petrov Popescu Ricci Rossi Santos Schmid Silva Sokolov Tanaka "
    "Toth Weber"
)
PLACES = (
    "Altmoor Brackwater Cedarfield Dunholm Eastmere Fairbrook Greyhaven Hartlow Ironbridge Juniper Kestrel "
    "Larkwood Marshgate Northwick Oakham Pinecrest Queensferry Ravenhill Saltmarsh Thornbury Underwood Vineyard "
    "Westlake Yarrow"
)
FIELDS = (
    "Aviation Biology Chemistry Commerce Energy Forestry Geology History Insurance Justice Logistics Medicine "
    "Navigation Optics Physics Railways Shipping Textiles Veterinary Welfare"
)
BODIES = ("Institute of {} {}", "National {1} Council of {0}", "{} {} Company", "Bank for {1} and {0}")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def large_file(path: Path, triples: int) -> None:
    """Sentences of ten triples over a hundred thousand names."""
    draw = random.Random(1)
    with open(path, "w", encoding="utf-8") as file:
        for number in range(triples // 10):
            names = [f"Name{draw.randrange(100_000)}" for _ in range(11)]
            ends = [sum(len(name) + 1 for name in names[: i + 1]) - 1 for i in range(11)]
            places = [[end - len(name), end] for name, end in zip(names, ends, strict=True)]
            entities = [{"start": i, "end": i + 1, "type": f"T{i % 5}"} for i in range(11)]
            relations = [
                {"head": i, "type": f"r{draw.randrange(20)}", "tail": i + 1, "score": round(draw.random(), 3)}
                for i in range(10)
            ]
            record = {"id": f"s{number}", "text": " ".join(names), "tokens": names, "offsets": places}
            file.write(json.dumps({**record, "entities": entities, "relations": relations}) + "\n")


def memory(triples: int) -> None:
    """Processor time and memory of each form."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "found.jsonl")
        large_file(path, triples)
        print(f"{triples:,} triples, {path.stat().st_size / 2**20:,.0f} MiB\n| form | CPU s | peak MiB | written MiB |")
        for form in FORMS:
            out = Path(folder, f"out.{form}")
            measured = [sys.executable, __file__, "one", str(path), form, str(out)]
            told = json.loads(subprocess.run(measured, check=True, capture_output=True, text=True).stdout)
            size = sum(file.stat().st_size for file in ([*out.iterdir()] if out.is_dir() else [out]))
            print(f"| {form} | {told['seconds']:.0f} | {told['peak']:,.0f} | {size / 2**20:,.0f} |", flush=True)


def one(path: str, form: str, out: str) -> None:
    """Run the command, and tell what the process took."""
    if relx(["graph", path, "--to", form, "--output", out]):
        sys.exit(1)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"seconds": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss / 1024}))


def made_up_names(draw: random.Random) -> list[tuple[str, str]]:
    """All names that there can be, each with its type, in random order."""
    people = [(f"{first} {last}", "PER") for first in FIRST.split() for last in LAST.split()]
    places = [(f"{word} {kind}", "LOC") for word in PLACES.split() for kind in ("Valley", "Bay", "Heights", "Province")]
    bodies = [
        (form.format(place, field), "ORG") for form in BODIES for place in PLACES.split() for field in FIELDS.split()
    ]
    draw.shuffle(people)
    draw.shuffle(bodies)
    names = people[:900] + places + bodies[:1004]
    draw.shuffle(names)
    return names


def misspelt(name: str, edits: int, draw: random.Random) -> str:
    """The name after so many letters were lost, doubled, swapped or replaced."""
    for _ in range(edits):
        place = draw.randrange(1, len(name) - 1)
        before, letter, after = name[:place], name[place], name[place + 1 :]
        ways = (before + after, before + 2 * letter + after, before + after[0] + letter + after[1:])
        name = draw.choice([*ways, before + draw.choice(LETTERS) + after])
    return name


def variants(name: str, type: str, draw: random.Random) -> Iterator[tuple[str, str]]:
    """Four ways to write a name, each with what it is."""
    words = name.split()
    yield "another case", name.upper() if draw.random() < 0.5 else name.lower()
    yield "1 typo", misspelt(name, 1, draw)
    yield "2 typos", misspelt(name, 2, draw)
    if type == "PER":
        yield "initial", f"{name[0]}. {words[-1]}"
    elif type == "ORG":
        yield "abbreviation", "".join(word[0] for word in words if word[0].isupper())
    else:
        yield "another order", f"{words[-1]} {words[0]}"


def links() -> None:
    """Shares of right and wrong links."""
    draw = random.Random(1)
    names = made_up_names(draw)
    entries = [Entry(f"Q{number}", name, [], type) for number, (name, type) in enumerate(names[:1000])]
    asked = [(entry.id, kind, text, entry.type or "") for entry in entries
             for kind, text in variants(entry.name, entry.type or "", draw)]  # fmt: skip
    asked += [(None, "not in the list", name, type) for name, type in names[1000:2000]]
    print("| cut | variant | names | linked rightly | linked wrongly | left |")
    for cut in CUTS:
        linker, told = Linker(entries, cut), Counter[tuple[str, str]]()
        for id, kind, text, type in asked:
            entry = linker(text, type).entry
            told[kind, "left" if entry is None else "right" if entry.id == id else "wrong"] += 1
        for kind in dict.fromkeys(kind for _, kind, _, _ in asked):
            number = sum(told[kind, outcome] for outcome in ("right", "wrong", "left"))
            shares = " | ".join(f"{100 * told[kind, outcome] / number:.1f} %" for outcome in ("right", "wrong", "left"))
            print(f"| {cut} | {kind} | {number} | {shares} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("memory", "links", "one"))
    parser.add_argument("rest", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--triples", type=int, default=1_000_000)
    arguments = parser.parse_args()
    if arguments.what == "one":
        one(*arguments.rest)
    elif arguments.what == "memory":
        memory(arguments.triples)
    else:
        links()


if __name__ == "__main__":
    main()
